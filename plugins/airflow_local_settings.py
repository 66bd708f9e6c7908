"""Every process of Airflow reads this file as it starts; it makes the scheduler load what the tasks of our DAGs import.

LocalExecutor forks each task from the scheduler, so half of a small task's cost is paid once instead of in every task.
Where tasks are started in another way (another executor, macOS) they import as usual.
"""

import sys

__all__: list[str] = []

if "scheduler" in sys.argv[1:]:
    import pipeline.lake_status.hours
    import pipeline.lake_status.reconcile
    import pipeline.spark_task  # noqa: F401
