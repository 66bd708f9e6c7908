"""In which order files are run: what takes longest comes first, so that two workers end at the same time.

Each worker of `make test` and `make e2e` takes the next file when it has nearly done with its own (`--dist loadfile`,
without xdist's own order, by the number of tests). So Spark's tests come first, the longest files of them at the very
start, and the quick ones fill up the end.

No property may fail because the machine was busy, so hypothesis has no deadline.
"""

from typing import Final

import pytest
from hypothesis import settings

settings.register_profile("clickstream", deadline=None)
settings.load_profile("clickstream")

#: Files of more than half a minute, the longest first. A file that is missing here costs some idle time at the end.
LONGEST: Final = (
    "tests/e2e/test_stream_scaling.py",
    "tests/e2e/test_demo.py",
    "tests/dags/test_hours_run_through_airflow.py",
    "tests/e2e/test_public_data.py",
    "tests/e2e/test_kills.py",
    "tests/e2e/test_browser.py",
    "tests/spark_jobs/operations/erasure/test_erase_users.py",
    "tests/spark_jobs/operations/test_replay_rejected.py",
    "tests/spark_jobs/operations/test_reconcile_hours.py",
    "tests/spark_jobs/daily/test_aggregate_days.py",
    "tests/spark_jobs/operations/test_maintain_tables.py",
    "tests/spark_jobs/operations/test_run_events_file.py",
    "tests/docs/test_queries.py",
    "tests/local/cloud/test_disk_full.py",
    "tests/spark_jobs/checks/test_check_hours.py",
    "tests/local/cloud/apigateway/test_apigateway_poison.py",
    "tests/spark_jobs/operations/test_late_data.py",
    "tests/spark_jobs/operations/erasure/test_erase_users_in_s3.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort whole files; the tests of a file keep their order."""
    files = [item.nodeid.partition("::")[0] for item in items]
    starting_spark = {file for file, item in zip(files, items, strict=True) if item.get_closest_marker("spark")}

    def place(item: pytest.Item) -> tuple[int, bool]:
        file = item.nodeid.partition("::")[0]
        return LONGEST.index(file) if file in LONGEST else len(LONGEST), file not in starting_spark

    items.sort(key=place)
