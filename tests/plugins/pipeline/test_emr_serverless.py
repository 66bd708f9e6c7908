"""One try of a task is one job run, whatever happens to the worker; AWS's side is botocore's own service model."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk.exceptions import TaskDeferred
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from contracts.job_package import JobPackage
from pipeline.emr_serverless import (
    EarlierJobStillRunsError,
    IdempotentEmrServerlessOperator,
    JobRunError,
    MissingPackageError,
    TaskTry,
)

pytestmark = pytest.mark.airflow


ROLE = "arn:aws:iam::123456789012:role/jobs"
ARN = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/00app"
MOMENT = datetime(2026, 11, 22, 10, tzinfo=UTC)
PACKAGE = JobPackage.of_checkout("arm64")
PUBLISHED = {("code", f"jobs/{PACKAGE.version}/package.json")}


def context(try_number: int = 1) -> Any:
    instance = SimpleNamespace(
        dag_id="transform_events",
        task_id="transform",
        run_id="scheduled__x",
        try_number=try_number,
        xcom_push=lambda **_: None,
    )
    return {"ti": instance, "dag_run": SimpleNamespace(partition_key="2026-11-22T10")}


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> IdempotentEmrServerlessOperator:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(S3Hook, "check_for_key", lambda _hook, key, bucket: (bucket, key) in PUBLISHED)
    return IdempotentEmrServerlessOperator(
        task_id="transform",
        entry_point="run",
        code_uri="s3://code/jobs",
        application_id="00app",
        execution_role_arn=ROLE,
        job_driver={"sparkSubmit": {"entryPointArguments": ["--landing-hour", "x", ""]}},
        configuration_overrides={
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://logs/emr/"}}
        },
        config={"executionTimeoutMinutes": 120},
        aws_conn_id=None,
        cancel_within=timedelta(0),
        cancel_poll=timedelta(0),
    )


@pytest.fixture
def emr(operator: IdempotentEmrServerlessOperator) -> Iterator[Stubber]:
    with Stubber(operator.hook.conn) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def listing(*names: str) -> dict[str, Any]:
    def summary(number: int, name: str) -> dict[str, Any]:
        moments = {"createdAt": MOMENT, "updatedAt": MOMENT}
        texts = {"createdBy": ROLE, "executionRole": ROLE, "stateDetails": "-", "releaseLabel": "emr-spark-8.0.0"}
        identity = {
            "applicationId": "00app",
            "id": f"job{number}",
            "arn": ARN,
        }
        return {**moments, **texts, **identity, "name": name, "state": "RUNNING"}

    return {"jobRuns": [summary(number, name) for number, name in enumerate(names)]}


def expect_application(emr: Stubber, architecture: str = "ARM64") -> None:
    emr.add_response(
        "get_application",
        {
            "application": {
                "applicationId": "00app",
                "arn": ARN,
                "releaseLabel": "emr-spark-8.0.0",
                "type": "Spark",
                "state": "STARTED",
                "architecture": architecture,
                "createdAt": MOMENT,
                "updatedAt": MOMENT,
            }
        },
        {"applicationId": "00app"},
    )


def expect_start(emr: Stubber, this: TaskTry) -> None:
    emr.add_response(
        "start_job_run",
        {
            "applicationId": "00app",
            "jobRunId": "new",
            "arn": ARN,
            "ResponseMetadata": {"HTTPStatusCode": 200},
        },
        {
            "applicationId": "00app",
            "clientToken": this.client_token,
            "name": this.job_name,
            "executionRoleArn": ROLE,
            "jobDriver": {
                "sparkSubmit": {
                    "entryPoint": f"s3://code/jobs/{PACKAGE.version}/spark_jobs/run.py",
                    "entryPointArguments": ["--landing-hour", "x"],
                    "sparkSubmitParameters": ANY,
                }
            },
            "configurationOverrides": ANY,
            "executionTimeoutMinutes": 120,
            "tags": {"dag": "transform_events", "task": "transform", "package": PACKAGE.version},
        },
    )


LIST_ACTIVE = {"applicationId": "00app", "states": ANY}
THE_JOB = {"applicationId": "00app", "jobRunId": "job0"}


def job(state: str, details: str = "-") -> dict[str, Any]:
    return {
        "jobRun": {
            "applicationId": "00app",
            "jobRunId": "job0",
            "arn": ARN,
            "createdBy": ROLE,
            "createdAt": MOMENT,
            "updatedAt": MOMENT,
            "executionRole": ROLE,
            "state": state,
            "stateDetails": details,
            "releaseLabel": "emr-spark-8.0.0",
            "jobDriver": {"sparkSubmit": {"entryPoint": "s3://code/run.py"}},
        }
    }


def test_a_try_starts_one_job_named_and_tokened_after_it_and_defers(
    operator: IdempotentEmrServerlessOperator, emr: Stubber
) -> None:
    expect_application(emr)
    emr.add_response("list_job_runs", listing("another job"), LIST_ACTIVE)
    expect_start(emr, TaskTry.of(context()))

    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context())

    assert deferred.value.trigger.serialize()[1]["job_run_id"] == "new"
    assert deferred.value.kwargs == {"job_run_id": "new"}
    assert operator.logs_uri == "s3://logs/emr/applications/00app/jobs/new/"
    parameters = operator.job_driver["sparkSubmit"]["sparkSubmitParameters"]
    assert f"--py-files s3://code/jobs/{PACKAGE.version}/clickstream.zip" in parameters
    assert f"spark.archives=s3://code/jobs/{PACKAGE.version}/environment.tar.gz#environment" in parameters


def test_what_an_earlier_try_left_running_is_cancelled_before_the_job_starts(
    operator: IdempotentEmrServerlessOperator, emr: Stubber
) -> None:
    expect_application(emr)
    emr.add_response("list_job_runs", listing(TaskTry.of(context()).job_name), LIST_ACTIVE)
    emr.add_response("cancel_job_run", {"applicationId": "00app", "jobRunId": "job0"}, THE_JOB)
    emr.add_response("get_job_run", job("CANCELLED"), THE_JOB)
    expect_start(emr, TaskTry.of(context(try_number=2)))

    with pytest.raises(TaskDeferred):
        operator.execute(context(try_number=2))


def test_a_job_that_will_not_end_stops_the_try_and_is_named(
    operator: IdempotentEmrServerlessOperator, emr: Stubber
) -> None:
    expect_application(emr)
    emr.add_response("list_job_runs", listing(TaskTry.of(context()).job_name), LIST_ACTIVE)
    emr.add_response("cancel_job_run", {"applicationId": "00app", "jobRunId": "job0"}, THE_JOB)
    emr.add_response("get_job_run", job("CANCELLING"), THE_JOB)

    with pytest.raises(EarlierJobStillRunsError, match="job0"):
        operator.execute(context(try_number=2))


def test_called_again_for_the_same_try_it_leaves_its_own_job_alone(
    operator: IdempotentEmrServerlessOperator, emr: Stubber
) -> None:
    this = TaskTry.of(context())
    expect_application(emr)
    emr.add_response("list_job_runs", listing(this.job_name), LIST_ACTIVE)
    expect_start(emr, this)

    with pytest.raises(TaskDeferred):
        operator.execute(context())


def test_a_package_that_was_not_published_starts_nothing_and_is_named(
    operator: IdempotentEmrServerlessOperator, emr: Stubber
) -> None:
    expect_application(emr, architecture="X86_64")  # only that for the other architecture is there

    with pytest.raises(MissingPackageError, match=r"[0-9a-f]{16}-x86_64 is not in s3://code/jobs: run `make publish"):
        operator.execute(context())


def test_a_code_bucket_that_may_not_be_read_says_what_to_check(
    operator: IdempotentEmrServerlessOperator, emr: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> bool:
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    monkeypatch.setattr(S3Hook, "check_for_key", refuse)
    expect_application(emr)

    with pytest.raises(MissingPackageError, match=r"Forbidden.*check CLICKSTREAM_CODE_URI"):
        operator.execute(context())


def test_a_job_that_failed_ends_the_task_with_its_reason_and_its_logs(
    operator: IdempotentEmrServerlessOperator, emr: Stubber
) -> None:
    emr.add_response("get_job_run", job("FAILED", "ExitCode: 1, no such table"), THE_JOB)

    with pytest.raises(JobRunError) as failed:
        operator.execute_complete(context(), {"reason": ""}, job_run_id="job0")

    assert str(failed.value) == (
        "job run job0 of application 00app is FAILED: ExitCode: 1, no such table; "
        "its logs: s3://logs/emr/applications/00app/jobs/job0/"
    )


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("SCHEDULED", r"never started: it was still SCHEDULED .* is cancelled .*not ended by.*maximum capacity"),
        ("RUNNING", r"was still running, and is cancelled .*not ended by"),
    ],
)
def test_a_job_that_does_not_end_in_time_is_cancelled_and_says_in_which_state_it_was(
    operator: IdempotentEmrServerlessOperator, emr: Stubber, state: str, said: str
) -> None:
    emr.add_response("get_job_run", job(state), THE_JOB)
    emr.add_response("cancel_job_run", {"applicationId": "00app", "jobRunId": "job0"}, THE_JOB)

    with pytest.raises(JobRunError, match=said):
        operator.execute_complete(context(), {"reason": "it has not ended by noon"}, job_run_id="job0")


def test_a_job_that_succeeded_is_the_task_s_result(operator: IdempotentEmrServerlessOperator, emr: Stubber) -> None:
    emr.add_response("get_job_run", job("SUCCESS"), THE_JOB)

    assert operator.execute_complete(context(), {"reason": ""}, job_run_id="job0") == "job0"


FIRST = TaskTry(
    dag_id="transform_events",
    task_id="transform",
    run_id="scheduled__2026-11-22T11",
    partition_key="2026-11-22T10",
    try_number=1,
)
OTHERS = [
    pytest.param(replace(FIRST, try_number=2), id="another-try"),
    pytest.param(replace(FIRST, run_id="manual__1"), id="another-run-of-the-same-hour"),
    pytest.param(replace(FIRST, partition_key="2026-11-22T11"), id="another-hour"),
    pytest.param(replace(FIRST, task_id="aggregate"), id="another-task"),
    pytest.param(replace(FIRST, dag_id="transform", task_id="events_transform"), id="names-that-join-to-the-same-text"),
]


def test_the_token_is_the_same_each_time() -> None:
    assert replace(FIRST).client_token == FIRST.client_token


@pytest.mark.parametrize("other", OTHERS)
def test_the_token_differs_for(other: TaskTry) -> None:
    assert other.client_token != FIRST.client_token


def test_the_token_is_one_that_emr_serverless_takes() -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", FIRST.client_token)


def test_a_name_is_readable_and_within_256_characters() -> None:
    assert "transform_events.transform 2026-11-22T10" in FIRST.job_name
    assert len(replace(FIRST, run_id="r" * 300, partition_key=None).job_name) <= 256


def test_only_another_try_of_the_same_task_counts_as_earlier() -> None:
    second = replace(FIRST, try_number=2)

    assert second.is_earlier(FIRST.job_name)
    assert not second.is_earlier(second.job_name)
    assert not second.is_earlier(replace(FIRST, run_id="manual__1").job_name)
    assert not second.is_earlier("something else")
