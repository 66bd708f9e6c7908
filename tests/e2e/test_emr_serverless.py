"""The production path: Airflow starts the published package on EMR Serverless, waits in the triggerer, and cancels.

The local cloud is EMR. One hour's job is the real one, from the package; the others fail, or do not end.
"""

import gzip
import json
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from contracts.envelope import Stamp, envelope_line, epoch_ms
from contracts.job_package import JobPackage
from contracts.names import LakeLocation
from contracts.partitions import hour_key, landing_prefix
from infra import publish
from infra.settings import settings_of
from local.airflow import AirflowApi, DagRun, LocalAirflow
from local.airflow.api import ENDED, AirflowApiError, TaskState
from local.cloud.emr_serverless.submit import installed_spark
from local.cloud.process import LocalCloud
from local.waits import Waiter

pytestmark = [pytest.mark.airflow, pytest.mark.cloud, pytest.mark.e2e, pytest.mark.timeout(1_200)]

LAKE: Final = LakeLocation(
    raw_uri="s3://raw/raw", warehouse_uri="s3://warehouse/warehouse", database="clickstream_test"
)
COMPUTE: Final = settings_of("local").compute
REAL, FAILING, KILLED, CLEARED, LOST = (datetime(2026, 10, 1, hour, tzinfo=UTC) for hour in (8, 9, 10, 11, 12))
#: A scheduled run's job is none of these, and ends at once.
SUBMIT: Final = """#!/bin/sh
case "$*" in
  *{real}*) export SPARK_HOME={spark}; exec {spark}/bin/spark-submit "$@" ;;
  *{failing}*) echo "transform_events: no such table" >&2; exit 1 ;;
  *2026-10-01T*) sleep 100000 ;;
esac
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("emr")


@pytest.fixture(scope="module")
def cloud(folder: Path) -> Iterator[LocalCloud]:
    """A local cloud with the lake's buckets and its database; this process's AWS clients are pointed at it."""
    program = folder / "spark" / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text(SUBMIT.format(real=hour_key(REAL), failing=hour_key(FAILING), spark=installed_spark()))
    program.chmod(0o755)
    with (
        LocalCloud(folder / "cloud", arguments=("--spark-home", str(folder / "spark"))) as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        for bucket in ("raw", "warehouse", "code", "logs"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        boto3.client("glue").create_database(DatabaseInput={"Name": LAKE.database})
        yield cloud


@pytest.fixture(scope="module")
def application(cloud: LocalCloud) -> str:
    answer = boto3.client("emr-serverless").create_application(
        name="jobs", releaseLabel="emr-spark-8.0.0", type="SPARK", architecture=COMPUTE.architecture
    )
    return str(answer["applicationId"])


@pytest.fixture(scope="module")
def api(folder: Path, cloud: LocalCloud, application: str) -> Iterator[AirflowApi]:
    environment = {
        **cloud.environment(),
        "CLICKSTREAM_ENVIRONMENT": "test",
        "CLICKSTREAM_RAW_URI": LAKE.raw_uri,
        "CLICKSTREAM_WAREHOUSE_URI": LAKE.warehouse_uri,
        "CLICKSTREAM_DATABASE": LAKE.database,
        "CLICKSTREAM_SPARK": "emr-serverless",
        "CLICKSTREAM_EMR_APPLICATION_ID": application,
        "CLICKSTREAM_EMR_ROLE_ARN": "arn:aws:iam::000000000000:role/jobs",
        "CLICKSTREAM_EMR_LOG_URI": "s3://logs/emr",
        "CLICKSTREAM_CODE_URI": "s3://code/jobs",
    }
    with LocalAirflow(folder / "airflow", environment=environment, unpause=("transform_events",)) as airflow:
        yield airflow.api


def land(hour: datetime) -> None:
    stamp = Stamp(received_at=epoch_ms(hour), request_id="r", source_ip="192.0.2.1", user_agent="test")
    event = {"timestamp": hour.isoformat(), "user_id": "ann", "click_id": hour_key(hour), "event_name": "Search"}
    body = gzip.compress(envelope_line(stamp, json.dumps(event).encode()))
    boto3.client("s3").put_object(Bucket="raw", Key=f"{landing_prefix(hour)}a.gz", Body=body)


def started(api: AirflowApi, hour: datetime) -> DagRun:
    land(hour)
    return api.trigger("transform_events", partition_key=hour_key(hour))


def transform(api: AirflowApi, run: DagRun) -> TaskState:
    [task] = [task for task in api.tasks(run) if task.task_id == "transform"]
    return task


def wait_for(api: AirflowApi, run: DagRun, wanted: Callable[[TaskState], bool]) -> TaskState:
    """Return the Spark task once `wanted` accepts it."""

    def missing() -> str:
        task = transform(api, run)
        return "" if wanted(task) else f"try {task.try_number} is {task.state}"

    Waiter(standstill=300).until(f"{run.run_id} did not get there", missing)
    return transform(api, run)


def insist(call: Callable[[], None]) -> None:
    """Call until Airflow's SQLite is not locked."""

    def missing() -> str:
        try:
            call()
        except AirflowApiError as error:
            if not error.may_pass:
                raise
            return str(error)
        return ""

    Waiter(standstill=120).until("Airflow refuses", missing)


def first_try(api: AirflowApi, run: DagRun) -> str:
    return api.log(run, TaskState(task_id="transform", state=None, try_number=1))


def jobs_of(application: str, hour: datetime) -> list[dict[str, Any]]:
    """Return the job runs of an hour, the oldest first."""
    emr = boto3.client("emr-serverless")
    found = emr.list_job_runs(applicationId=application)["jobRuns"][::-1]
    mine = [one["id"] for one in found if hour_key(hour) in one["name"]]
    return [emr.get_job_run(applicationId=application, jobRunId=identity)["jobRun"] for identity in mine]


def wait_until_running(application: str, hour: datetime, count: int) -> None:
    def missing() -> str:
        states = [one["state"] for one in jobs_of(application, hour)]
        return "" if len(states) == count and states[-1] == "RUNNING" else f"jobs are {states}"

    Waiter(standstill=300).until("no job runs", missing)


def wait_until_awaited(api: AirflowApi, run: DagRun) -> None:
    """Wait until the triggerer has begun to wait for the job: before that, nothing in Airflow would cancel it."""

    def missing() -> str:
        return "" if api.is_in_triggerer(run, transform(api, run).task_id) else "no triggerer has taken it"

    Waiter(standstill=300).until("nobody waits for the job", missing)


def test_a_task_runs_the_checkout_s_package_as_soon_as_that_is_published(
    api: AirflowApi, application: str, cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    package = JobPackage.of_checkout(COMPUTE.package_architecture)
    run = started(api, REAL)
    wait_for(api, run, lambda task: task.state == "up_for_retry")
    assert f"package {package.version} is not in s3://code/jobs: run `make publish" in first_try(api, run)
    assert jobs_of(application, REAL) == []

    assert publish.main(["--environment", "local", "--code-uri", "s3://code/jobs"]) == 0
    assert f"published at s3://code/jobs/{package.version}" in capsys.readouterr().out
    task = wait_for(api, run, lambda task: task.state in ("success", "failed"))

    assert task.state == "success", api.log(run, task)
    [job] = jobs_of(application, REAL)
    assert job["tags"] == {"dag": "transform_events", "task": "transform", "package": package.version}
    assert f"from package {package.version} in s3://code/jobs" in api.log(run, task)
    ended = {(run.run_id, state) for state in ENDED}
    api.wait_for_runs("transform_events", lambda runs: bool(ended & {(one.run_id, one.state) for one in runs}))
    assert api.returned(run, "check_ledger") == f"{hour_key(REAL)}: 1 lines = 1 received + 0 rejected"
    with urllib.request.urlopen(str(api.links(run, "transform")["job logs"]), timeout=30) as answer:
        place = f"emr/applications/{application}/jobs/{job['jobRunId']}/SPARK_DRIVER"
        assert f"<Key>{place}/stderr.gz</Key>" in answer.read().decode()


def test_a_job_that_fails_ends_its_try_with_its_last_words_and_the_place_of_its_logs(
    api: AirflowApi, application: str
) -> None:
    run = started(api, FAILING)
    wait_for(api, run, lambda task: task.state == "up_for_retry")

    [job, *_] = jobs_of(application, FAILING)
    assert (
        f"job run {job['jobRunId']} of application {application} is FAILED: Job failed. ExitCode: 1. "
        "Last few lines: transform_events: no such table; "
        f"its logs: s3://logs/emr/applications/{application}/jobs/{job['jobRunId']}/"
    ) in first_try(api, run)
    insist(lambda: api.mark_failed(run, "transform"))


def test_a_task_that_is_killed_takes_its_job_with_it(api: AirflowApi, application: str) -> None:
    run = started(api, KILLED)
    wait_for(api, run, lambda task: task.state == "deferred")
    wait_until_running(application, KILLED, 1)
    wait_until_awaited(api, run)

    insist(lambda: api.mark_failed(run, "transform"))

    def missing() -> str:
        [job] = jobs_of(application, KILLED)
        return "" if job["state"] == "CANCELLED" else f"the job is {job['state']}"

    Waiter(standstill=120).until("the job runs on", missing)


def test_another_try_starts_no_job_before_that_of_the_first_has_ended(
    api: AirflowApi, application: str, cloud: LocalCloud
) -> None:
    run = started(api, CLEARED)
    wait_for(api, run, lambda task: task.state == "deferred")
    wait_until_running(application, CLEARED, 1)

    insist(lambda: api.clear(run, "transform"))
    wait_until_running(application, CLEARED, 2)

    first, second = jobs_of(application, CLEARED)
    assert first["state"] == "CANCELLED"
    assert first["endedAt"] <= second["createdAt"]
    insist(lambda: api.mark_failed(run, "transform"))


def test_a_job_that_is_lost_with_its_cloud_fails_the_try_and_says_so(
    api: AirflowApi, application: str, cloud: LocalCloud
) -> None:
    run = started(api, LOST)
    wait_until_running(application, LOST, 1)

    cloud.kill()
    cloud.start()

    wait_for(api, run, lambda task: task.state == "up_for_retry")
    assert "is FAILED: The local cloud ended while the job ran" in first_try(api, run)
