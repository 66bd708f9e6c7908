"""The wait for a job run: it ends with the job, at its time, or with an error that will not pass."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.emr_trigger import EmrJobTrigger, wait_for_end

pytestmark = pytest.mark.airflow

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVERY = timedelta(seconds=30)


def refusal(status: int, code: str) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "GetJobRun")


class Job:
    """Says one state after the other, or raises; time passes only while somebody waits for it."""

    def __init__(self, *found: str | Exception) -> None:
        self.found: Iterator[Any] = iter(found)
        self.now = NOON
        self.pauses: list[float] = []

    def state(self) -> str:
        found = next(self.found)
        if isinstance(found, Exception):
            raise found
        return str(found)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)

    def wait(self, until: datetime = NOON + timedelta(hours=1)) -> str:
        waiting = wait_for_end(
            self.state, until=until, every=EVERY, log=logging.getLogger(), now=lambda: self.now, sleep=self.sleep
        )
        return asyncio.run(waiting)


@pytest.mark.parametrize("end", ["SUCCESS", "FAILED", "CANCELLED"])
def test_it_ends_with_the_job_however_that_ends(end: str) -> None:
    job = Job("SUBMITTED", "PENDING", "RUNNING", end)

    assert job.wait() == ""
    assert job.pauses == [10, 30, 30, 30]


def test_a_job_without_an_end_is_waited_for_until_its_time() -> None:
    job = Job(*["SCHEDULED"] * 100)

    assert job.wait(NOON + timedelta(minutes=5)) == "it has not ended by 2026-11-22 12:05 UTC"
    assert sum(job.pauses) < 330


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://emr"),
        refusal(500, "InternalServerException"),
        refusal(429, "ThrottlingException"),
    ],
)
def test_while_emr_cannot_be_asked_the_wait_goes_on(error: Exception) -> None:
    assert Job("RUNNING", error, error, "SUCCESS").wait() == ""


def test_an_error_that_will_not_pass_is_the_reason() -> None:
    assert "AccessDenied" in Job("RUNNING", refusal(403, "AccessDeniedException")).wait()


def test_airflow_can_store_it_and_make_it_again() -> None:
    trigger = EmrJobTrigger(application_id="00app", job_run_id="job0", until=NOON)
    path, arguments = trigger.serialize()

    assert path == "pipeline.emr_trigger.EmrJobTrigger"
    assert EmrJobTrigger(**arguments).serialize() == trigger.serialize()


def test_a_kill_cancels_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled: list[dict[str, str]] = []
    client = SimpleNamespace(cancel_job_run=lambda **job: cancelled.append(job))
    monkeypatch.setattr("pipeline.emr_trigger.boto3.client", lambda _service: client)

    asyncio.run(EmrJobTrigger(application_id="00app", job_run_id="job0", until=NOON).on_kill())

    assert cancelled == [{"applicationId": "00app", "jobRunId": "job0"}]
