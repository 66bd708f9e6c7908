"""EMR Serverless in a cloud of its own: what a job gets, how it ends, what a restart leaves; Spark is a shell script.

The script runs its entry point with `sh`. The jobs of the product run in tests/e2e.
"""

import gzip
import io
import platform
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from local.cloud.emr_serverless.submit import _ARCHITECTURES
from local.cloud.process import LocalCloud
from tests.local.cloud.conftest import Clients

pytestmark = pytest.mark.cloud

ROLE = "arn:aws:iam::000000000000:role/jobs"
PARAMETERS = (
    "--py-files s3://code/code.zip --conf spark.archives=s3://code/environment.tar.gz#environment"
    " --conf spark.emr-serverless.driverEnv.PYSPARK_PYTHON=./environment/bin/python"
    " --conf spark.jars=/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar"
    " --conf spark.executor.memory=6g --conf spark.sql.shuffle.partitions=7"
)
SUBMIT = """#!/bin/sh
# Prints its settings, then runs its entry point.
while [ "${1#--}" != "$1" ]; do echo "$1 $2"; shift 2; done
exec sh "$@"
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    folder = tmp_path_factory.mktemp("emr")
    program = folder / "spark" / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text(SUBMIT)
    program.chmod(0o755)
    with LocalCloud(folder / "cloud", arguments=("--spark-home", str(folder / "spark"))) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def clients(cloud: LocalCloud) -> Any:
    clients = Clients(cloud)
    for bucket in ("code", "logs"):
        clients.s3.create_bucket(Bucket=bucket)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        entry = tarfile.TarInfo("bin/python")
        entry.size = len(b"the archive's python")
        packed.addfile(entry, io.BytesIO(b"the archive's python"))
    clients.s3.put_object(Bucket="code", Key="environment.tar.gz", Body=archive.getvalue())
    clients.s3.put_object(Bucket="code", Key="code.zip", Body=b"zip")
    return clients


@pytest.fixture(scope="module")
def emr(clients: Any) -> Any:
    return getattr(clients, "emr-serverless")


@pytest.fixture(scope="module")
def application(emr: Any) -> str:
    architecture = _ARCHITECTURES[platform.machine()]
    answer = emr.create_application(
        name="jobs", releaseLabel="emr-spark-8.0.0", type="SPARK", clientToken="t", architecture=architecture
    )
    return str(answer["applicationId"])


Start = Callable[..., str]


@pytest.fixture
def start(clients: Any, emr: Any, application: str, name: str) -> Start:
    """Start a job that runs a shell script; its key and client token are the test's own."""

    def started(script: str, *arguments: str, parameters: str = PARAMETERS, token: str = name, **more: Any) -> str:
        clients.s3.put_object(Bucket="code", Key=f"{name}.py", Body=script.encode())
        driver = {"entryPoint": f"s3://code/{name}.py", "entryPointArguments": list(arguments)}
        answer = emr.start_job_run(
            applicationId=application,
            clientToken=token,
            executionRoleArn=ROLE,
            name=name,
            jobDriver={"sparkSubmit": {**driver, "sparkSubmitParameters": parameters}},
            configurationOverrides={
                "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://logs/emr/"}}
            },
            **more,
        )
        return str(answer["jobRunId"])

    return started


def job(emr: Any, application: str, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = emr.get_job_run(applicationId=application, jobRunId=identity)["jobRun"]
    return found


def await_state(emr: Any, application: str, identity: str, *states: str) -> dict[str, Any]:
    give_up = time.monotonic() + 60
    while (found := job(emr, application, identity))["state"] not in states:
        assert time.monotonic() < give_up, found
        time.sleep(0.05)
    return found


def log(clients: Any, application: str, identity: str, name: str) -> str:
    key = f"emr/applications/{application}/jobs/{identity}/SPARK_DRIVER/{name}.gz"
    return gzip.decompress(clients.s3.get_object(Bucket="logs", Key=key)["Body"].read()).decode()


def test_a_job_gets_its_own_files_and_this_cloud_and_nothing_of_the_shell(
    clients: Any, emr: Any, application: str, cloud: LocalCloud, start: Start
) -> None:
    script = "pwd; cat environment/bin/python; echo; env; echo $1; echo to the errors >&2"
    identity = start(script, "--an-argument")

    found = await_state(emr, application, identity, "SUCCESS", "FAILED")

    stdout = log(clients, application, identity, "stdout")
    assert found["state"] == "SUCCESS", stdout
    lines = stdout.splitlines()
    assert {"the archive's python", "--an-argument", "PYSPARK_PYTHON=./environment/bin/python"} <= set(lines)
    assert f"AWS_ENDPOINT_URL={cloud.endpoint_url}" in lines
    assert not any(line.startswith(("PYTHONPATH", "VIRTUAL_ENV", "CLICKSTREAM_")) for line in lines)
    assert [line for line in lines if line.startswith("--py-files")] == [f"--py-files {work_of(lines)}/code.zip"]
    assert "--conf spark.sql.shuffle.partitions=7" in lines
    assert not any("spark.executor.memory" in line or "/usr/share" in line for line in lines)
    assert log(clients, application, identity, "stderr") == "to the errors\n"


def work_of(lines: list[str]) -> str:
    return next(line for line in lines if line.startswith("/"))


def test_a_job_that_fails_says_how_and_with_what_last_words(emr: Any, application: str, start: Start) -> None:
    identity = start("echo transform_events: no such table >&2; exit 3")

    found = await_state(emr, application, identity, "SUCCESS", "FAILED")

    assert found["state"] == "FAILED"
    assert found["stateDetails"] == "Job failed. ExitCode: 3. Last few lines: transform_events: no such table"
    assert found["endedAt"] >= found["startedAt"]


def test_a_file_that_is_not_there_fails_the_job_and_is_named(emr: Any, application: str, start: Start) -> None:
    identity = start("true", parameters="--py-files s3://code/none.zip")

    found = await_state(emr, application, identity, "SUCCESS", "FAILED")

    assert found["state"] == "FAILED"
    assert found["stateDetails"].startswith("s3://code/none.zip can't be read (HTTP status 404)")


def test_the_same_token_starts_no_second_job_and_may_not_mean_another(
    emr: Any, application: str, start: Start, name: str
) -> None:
    first = start("true")

    assert start("true") == first
    with pytest.raises(emr.exceptions.ConflictException):
        start("true", "another argument")
    started = [one["id"] for one in emr.list_job_runs(applicationId=application)["jobRuns"] if one["name"] == name]
    assert started == [first]


def test_a_cancelled_job_is_killed_with_all_that_it_started(
    clients: Any, emr: Any, application: str, start: Start
) -> None:
    identity = start("echo started; sleep 1000 & echo $!; wait")
    await_state(emr, application, identity, "RUNNING")
    emr.cancel_job_run(applicationId=application, jobRunId=identity)

    found = await_state(emr, application, identity, "CANCELLED", "FAILED", "SUCCESS")

    assert (found["state"], found["stateDetails"]) == ("CANCELLED", "Cancelled by the caller.")
    sleeping = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "1000"]]
    assert sleeping == []


def test_a_job_is_cancelled_once_however_often_that_is_asked_for(emr: Any, application: str, start: Start) -> None:
    """Whoever asks again while it is being killed changes nothing: Airflow's operator and its trigger both ask."""
    identity = start("sleep 1000")
    await_state(emr, application, identity, "RUNNING")

    with ThreadPoolExecutor(8) as people:
        asked = [people.submit(emr.cancel_job_run, applicationId=application, jobRunId=identity) for _ in range(32)]
    assert {each.result()["jobRunId"] for each in asked} == {identity}

    await_state(emr, application, identity, "CANCELLED")


def test_jobs_that_find_no_place_wait_and_can_be_listed_and_cancelled(
    emr: Any, application: str, start: Start, name: str
) -> None:
    running = [start("sleep 1000", token=f"{name}-{n}") for n in range(2)]
    for identity in running:
        await_state(emr, application, identity, "RUNNING")
    waiting = start("true", token=f"{name}-2")

    await_state(emr, application, waiting, "PENDING")
    listed = emr.get_paginator("list_job_runs").paginate(
        applicationId=application, states=["PENDING", "RUNNING"], PaginationConfig={"PageSize": 2}
    )
    assert [one["id"] for page in listed for one in page["jobRuns"]] == [waiting, *running[::-1]]
    for identity in (waiting, *running):
        emr.cancel_job_run(applicationId=application, jobRunId=identity)
        await_state(emr, application, identity, "CANCELLED")


def test_a_job_beyond_its_time_is_cancelled(emr: Any, application: str, start: Start) -> None:
    identity = start("sleep 1000", executionTimeoutMinutes=0)

    found = await_state(emr, application, identity, "CANCELLED", "FAILED", "SUCCESS")

    assert found["state"] == "CANCELLED"
    assert "longer than its executionTimeoutMinutes" in found["stateDetails"]


def test_workers_of_another_kind_of_machine_are_refused_with_the_reason(emr: Any, start: Start, name: str) -> None:
    other = next(one for one in ("ARM64", "X86_64") if one != _ARCHITECTURES[platform.machine()])
    elsewhere = emr.create_application(releaseLabel="r", type="SPARK", clientToken=name, architecture=other)
    driver = {"sparkSubmit": {"entryPoint": "s3://code/any.py"}}
    where = elsewhere["applicationId"]
    identity = emr.start_job_run(applicationId=where, clientToken=name, executionRoleArn=ROLE, jobDriver=driver)

    found = await_state(emr, where, identity["jobRunId"], "FAILED", "SUCCESS")

    assert found["stateDetails"].startswith(f"The application's workers are Linux on {other}")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [("--class Main", "'--class'"), ("--conf spark.jars=s3://code/other.jar", "s3://code/other.jar")],
)
def test_what_it_does_not_have_is_refused_by_name(start: Start, parameters: str, named: str) -> None:
    with pytest.raises(ClientError, match=f"does not have {named}"):
        start("true", parameters=parameters)


def test_an_application_is_found_changed_and_deleted(emr: Any, name: str) -> None:
    identity = emr.create_application(releaseLabel="one", type="SPARK", clientToken=name, name=name)["applicationId"]
    emr.start_application(applicationId=identity)
    assert emr.get_application(applicationId=identity)["application"]["state"] == "STARTED"
    capacity = {"cpu": "8vCPU", "memory": "32GB"}
    emr.update_application(applicationId=identity, clientToken=name, releaseLabel="two", maximumCapacity=capacity)
    described = emr.get_application(applicationId=identity)["application"]
    assert (described["releaseLabel"], described["maximumCapacity"]) == ("two", capacity)
    assert identity in [one["id"] for one in emr.list_applications()["applications"]]

    emr.stop_application(applicationId=identity)
    emr.delete_application(applicationId=identity)

    with pytest.raises(emr.exceptions.ResourceNotFoundException, match=identity):
        emr.get_application(applicationId=identity)


@pytest.mark.parametrize(
    "end", [pytest.param(LocalCloud.stop, id="stopped"), pytest.param(LocalCloud.kill, id="killed")]
)
def test_a_job_that_ran_when_the_cloud_ended_has_failed_with_the_reason_and_those_that_waited_run(
    emr: Any, application: str, cloud: LocalCloud, start: Start, name: str, end: Callable[[LocalCloud], Any]
) -> None:
    running = [start("sleep 1000", token=f"{name}-{n}") for n in range(2)]
    for identity in running:
        await_state(emr, application, identity, "RUNNING")
    waiting = start("sleep 1000", token=f"{name}-2")
    await_state(emr, application, waiting, "PENDING")

    end(cloud)
    cloud.start()

    for identity in running:
        found = job(emr, application, identity)
        assert (found["state"], found["stateDetails"]) == (
            "FAILED",
            "The local cloud ended while the job ran; start it again.",
        )
    await_state(emr, application, waiting, "RUNNING")
    left = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "1000"]]
    assert len(left) == 1
    emr.cancel_job_run(applicationId=application, jobRunId=waiting)
    await_state(emr, application, waiting, "CANCELLED")
