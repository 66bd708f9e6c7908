"""What waits in the triggerer for a job run of EMR Serverless, and cancels it when a person kills its task.

The provider's own trigger needs aiobotocore, which pins another botocore than the rest of the project; here boto3 asks
in a thread, as the other triggers of this repository do.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

import boto3
from airflow.sdk import timezone as clock
from airflow.triggers.base import BaseTrigger, TriggerEvent
from botocore.exceptions import BotoCoreError, ClientError

POLL: Final = timedelta(seconds=30)
#: Not sooner: a busy scheduler may not have noticed yet that the task was deferred, and would take the resumed task for
#: one that was killed. (Airflow 3.3, `process_executor_events`.)
FIRST_LOOK: Final = timedelta(seconds=10)
ACTIVE_STATES: Final = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED", "CANCELLING")
_THROTTLED: Final = ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")


class EmrJobTrigger(BaseTrigger):
    """Fire once a job run has ended, or at `until`; the event's `reason` says why it fires before the job's end.

    :param application_id: the application.
    :param job_run_id: one of its job runs.
    :param until: when to end without the job.
    :param poll_seconds: the pause between two looks.
    """

    def __init__(
        self, *, application_id: str, job_run_id: str, until: datetime, poll_seconds: float = POLL.total_seconds()
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.application_id = application_id
        self.job_run_id = job_run_id
        self.until = until
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return this class's path and the constructor's arguments."""
        names = ("application_id", "job_run_id", "until", "poll_seconds")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yield one event. From the first line of its log on, a task that is killed takes its job with it."""
        self.log.info("waiting for job run %s", self.job_run_id)
        client = await asyncio.to_thread(boto3.client, "emr-serverless")

        def state() -> str:
            found: dict[str, Any] = client.get_job_run(**self._job)
            return str(found["jobRun"]["state"])

        reason = await wait_for_end(state, until=self.until, every=timedelta(seconds=self.poll_seconds), log=self.log)
        yield TriggerEvent({"reason": reason})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Cancel the job: a person has marked its task, or cleared it."""
        self.log.info("cancelling job run %s, because its task was killed", self.job_run_id)
        await asyncio.to_thread(lambda: boto3.client("emr-serverless").cancel_job_run(**self._job))

    @property
    def _job(self) -> dict[str, str]:
        return {"applicationId": self.application_id, "jobRunId": self.job_run_id}


async def wait_for_end(
    state: Callable[[], str],
    *,
    until: datetime,
    every: timedelta,
    log: Any,
    now: Callable[[], datetime] = clock.utcnow,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Return an empty text once a job has ended, or why the wait is over: the time, or an error that will not pass.

    While EMR can't be asked, the job runs on: so does the wait.
    """
    pause = min(every, FIRST_LOOK)
    while True:
        await sleep(pause.total_seconds())
        pause = every
        try:
            found = await asyncio.to_thread(state)
        except (BotoCoreError, ClientError) as error:
            if not _may_pass(error):
                return str(error)
            log.warning("EMR Serverless can't be asked: %s", error)
        else:
            if found not in ACTIVE_STATES:
                return ""
        if now() >= until:
            return f"it has not ended by {until:%Y-%m-%d %H:%M} UTC"


def _may_pass(error: BotoCoreError | ClientError) -> bool:
    if not isinstance(error, ClientError):
        return True
    refused = error.response["ResponseMetadata"]["HTTPStatusCode"] in range(400, 500)
    return not refused or error.response["Error"]["Code"] in _THROTTLED
