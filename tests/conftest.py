"""In which order files are run, and one Spark session for the whole run.

What takes longest comes first, so that all workers end at the same time.

Each worker of `make test` and `make e2e` takes the next file when it has nearly done with its own (`--dist loadfile`,
without xdist's own order, by the number of tests). So Spark's tests come first, the longest files of them at the very
start, and the quick ones fill up the end.

No property may fail because the machine was busy, so hypothesis has no deadline.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

from contracts.names import LakeLocation

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

settings.register_profile("clickstream", deadline=None)
settings.load_profile("clickstream")

ROOT: Final = Path(__file__).resolve().parents[1]
#: What each JVM has in which a test runs a job, beside the job's own options: no second compiler, a collector without
#: threads, and the classes that `make setup` archived. Without them a start takes three times the CPU, as it does for
#: who types the commands. A cluster and the local cloud's EMR have an environment, and options, of their own. The
#: archive's options are CLASS_ARCHIVE_OPTIONS of spark_jobs.lake.session, whose import takes a second.
SHORT_LIVED_JVM: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SHORT_LIVED_JOB: Final = (
    f'{SHORT_LIVED_JVM} -XX:ReservedCodeCacheSize=240m "-XX:SharedArchiveFile={ROOT}/jars/classes.jsa"'
    " -Xlog:disable -Xlog:all=warning:stderr"
)

#: Files of more than half a minute, the longest first. A file that is missing here costs some idle time at the end.
LONGEST: Final = (
    "tests/dags/test_hours_run_through_airflow.py",
    "tests/e2e/test_tutorial.py",
    "tests/dags/test_a_person_decides.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_stream_scaling.py",
    "tests/e2e/test_cluster.py",
    "tests/e2e/test_emr_serverless.py",
    "tests/e2e/test_kills.py",
    "tests/spark_jobs/operations/erasure/test_erase_users.py",
    "tests/e2e/test_public_data.py",
    "tests/e2e/test_live_minutes.py",
    "tests/docs/test_commands.py",
    "tests/e2e/test_browser.py",
    "tests/infra/test_recorded_calls.py",
    "tests/e2e/test_pipeline_survives.py",
    "tests/benchmarks/test_pipeline.py",
    "tests/spark_jobs/daily/test_aggregate_days.py",
    "tests/spark_jobs/operations/test_replay_rejected.py",
    "tests/spark_jobs/operations/test_reconcile_hours.py",
    "tests/spark_jobs/operations/test_maintain_tables.py",
    "tests/spark_jobs/operations/test_run_events_file.py",
    "tests/docs/test_queries.py",
    "tests/local/cloud/test_disk_full.py",
    "tests/spark_jobs/checks/test_check_hours.py",
    "tests/local/cloud/apigateway/test_apigateway_poison.py",
    "tests/spark_jobs/operations/test_late_data.py",
    "tests/spark_jobs/operations/erasure/test_erase_users_in_s3.py",
    "tests/spark_jobs/specification/test_session_gap.py",
    "tests/spark_jobs/operations/test_reconciles_at_once.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let py4j leave its connections to the garbage collector, in whatever test that runs; start JVMs cheaply."""
    os.environ["SPARK_SUBMIT_OPTS"] = SHORT_LIVED_JOB
    os.environ["SPARK_LAUNCHER_OPTS"] = SHORT_LIVED_JVM  # of spark-submit's own JVM, which puts the command together
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket.socket:ResourceWarning")


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the catalog that the session is bound to."""
    return tmp_path_factory.mktemp("warehouse")


@pytest.fixture(scope="session")
def spark(warehouse: Path) -> "Iterator[SparkSession]":
    """Start Spark once: two cores, a small heap, a quick compiler."""
    from spark_jobs.lake.session import LocalSize, spark_session  # tests without Spark need not wait for its import

    anywhere = LakeLocation(raw_uri=str(warehouse), warehouse_uri=str(warehouse), database="unused")
    session = spark_session("tests", anywhere, size=LocalSize(cores=2, heap="1g", short_lived=True))
    yield session
    session.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort whole files; the tests of a file keep their order."""
    files = [item.nodeid.partition("::")[0] for item in items]
    starting_spark = {file for file, item in zip(files, items, strict=True) if item.get_closest_marker("spark")}

    def place(item: pytest.Item) -> tuple[int, bool]:
        file = item.nodeid.partition("::")[0]
        return LONGEST.index(file) if file in LONGEST else len(LONGEST), file not in starting_spark

    items.sort(key=place)
