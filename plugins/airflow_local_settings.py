"""Read by every process of Airflow as it starts: has the scheduler load what the tasks of our DAGs import.

LocalExecutor forks each task from the scheduler, and so half of what a small task costs is done once and not each time.
Where tasks are started otherwise (another executor, macOS) they import as ever.
"""

import sys

__all__: list[str] = []

if "scheduler" in sys.argv[1:]:
    import hour_ledger.days
    import hour_ledger.lake_state  # noqa: F401
    import landing_hours  # noqa: F401
    import spark_submission  # noqa: F401
