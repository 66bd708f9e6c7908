"""What each task would import anew → imported once by the scheduler, from which the LocalExecutor forks tasks.

Airflow imports a module of this name in every process, so that it can change settings; this one changes none. Reading
the ledger takes pyiceberg, Arrow and boto3: half a second of CPU to import, a third of what a task of ours takes.
Nothing of Airflow may be imported here: its settings are not there yet.
"""

import sys
from importlib import import_module

__all__: list[str] = []

if "scheduler" in sys.argv:
    for _name in ("hour_ledger.store", "pyiceberg.catalog.glue", "pyiceberg.io.pyarrow"):
        import_module(_name)
