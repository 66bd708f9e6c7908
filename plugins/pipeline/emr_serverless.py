"""A Spark job on EMR Serverless that is never started twice for one try, and never beside the job of an earlier try.

The provider's operator makes a new client token per instance: after a crash between the call and its answer, a second
job would run beside the first. Here the token, and the job's name, follow from the task's try.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.sdk import BaseOperatorLink, Context

from pipeline.settings import EmrServerlessSettings

POLL: Final = timedelta(seconds=30)
ACTIVE_STATES: Final = ("SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED", "CANCELLING")
_NAME_LIMIT: Final = 256

#: Iceberg comes with the release, as a jar to be named (docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide,
#: "Using Apache Iceberg"). Another one beside it would break the class path, and so would a class path in the place of
#: EMR's own, which has AWS's SDK.
#: Executors are workers of 4 vCPU and 15 GB, more than half of it outside of the heap: rows are Python's and DuckDB's.
#: The zip holds only our own packages (contracts, storage and spark_jobs): duckdb and pyarrow, which are native, boto3,
#: and crawler-user-agents, which reads a file beside itself, cannot be imported from a zip. They belong into the
#: application's image, as pinned in requirements.lock.
_SUBMIT_PARAMETERS: Final = (
    "--py-files {code_uri}/clickstream.zip"
    " --conf spark.jars=/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar"
    " --conf spark.executor.cores=4 --conf spark.executor.memory=6g --conf spark.executor.memoryOverhead=9g"
)


class EarlierJobStillRunsError(RuntimeError):
    """The job of an earlier try was cancelled and has not ended in time."""


@dataclass(frozen=True, kw_only=True)
class TaskTry:
    """One try of one task, and the names by which EMR Serverless knows it."""

    dag_id: str
    task_id: str
    run_id: str
    partition_key: str | None
    try_number: int

    @classmethod
    def of(cls, context: Context) -> "TaskTry":
        """Return the try that is being executed."""
        instance = context["ti"]
        return cls(
            dag_id=instance.dag_id,
            task_id=instance.task_id,
            run_id=instance.run_id,
            partition_key=context["dag_run"].partition_key,
            try_number=instance.try_number,
        )

    @property
    def client_token(self) -> str:
        """Return a hash of the try: 64 characters, the most that EMR Serverless takes."""
        return _hash(self._task, str(self.try_number))

    @property
    def job_name(self) -> str:
        """Return a name that a person can read, and that no try of another task has."""
        return f"{self._stem}{self.try_number}"

    def is_earlier(self, job_name: str) -> bool:
        """Return whether a job's name is that of another try of the same task."""
        return job_name.startswith(self._stem) and job_name != self.job_name

    @property
    def _task(self) -> str:
        return _hash(self.dag_id, self.task_id, self.run_id, self.partition_key or "")

    @property
    def _stem(self) -> str:
        readable = f"{self.dag_id}.{self.task_id} {self.partition_key or self.run_id}"
        return f"{readable[: _NAME_LIMIT - 40]} {self._task[:16]} try "


class IdempotentEmrServerlessOperator(EmrServerlessStartJobOperator):
    """Cancel what an earlier try of the task left running, then start one job for this try, deferred until it ends.

    :param cancel_within: how long a cancelled job may take to end.
    :param cancel_poll: the pause between two looks at a cancelled job.
    :param partition: the key of what the job works on, for its links. (templated)
    :param links: buttons on the task's page, beside the provider's own: the job's logs and its application.
    """

    template_fields: Sequence[str] = (*EmrServerlessStartJobOperator.template_fields, "partition")

    def __init__(
        self,
        *,
        partition: str = "",
        links: Sequence[BaseOperatorLink] = (),
        cancel_within: timedelta = timedelta(minutes=10),
        cancel_poll: timedelta = timedelta(seconds=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.partition = partition
        # The provider declares it as a tuple of just its own.
        provided = EmrServerlessStartJobOperator.operator_extra_links
        self.operator_extra_links = (*links, *provided)  # type: ignore[assignment]
        self.cancel_within = cancel_within
        self.cancel_poll = cancel_poll

    def execute(self, context: Context, event: dict[str, Any] | None = None) -> str | None:
        """Start the job of this try (also when called again after the application has been started)."""
        this = TaskTry.of(context)
        self.client_request_token = this.client_token
        self.name = this.job_name
        submit = self.job_driver["sparkSubmit"]
        submit["entryPointArguments"] = [argument for argument in submit["entryPointArguments"] if argument]
        for job_run_id in self._jobs_of_earlier_tries(this):
            self.log.warning("cancelling job run %s, which an earlier try left running", job_run_id)
            self._cancel(job_run_id)
        job_run: str | None = super().execute(context, event)
        return job_run

    def _jobs_of_earlier_tries(self, this: TaskTry) -> Iterator[str]:
        pages = self.hook.conn.get_paginator("list_job_runs").paginate(
            applicationId=self.application_id, states=list(ACTIVE_STATES)
        )
        for page in pages:
            for job in page["jobRuns"]:
                if this.is_earlier(job.get("name", "")):
                    yield job["id"]

    def _cancel(self, job_run_id: str) -> None:
        job = {"applicationId": self.application_id, "jobRunId": job_run_id}
        self.hook.conn.cancel_job_run(**job)
        deadline = time.monotonic() + self.cancel_within.total_seconds()
        while self.hook.conn.get_job_run(**job)["jobRun"]["state"] in ACTIVE_STATES:
            if time.monotonic() > deadline:
                raise EarlierJobStillRunsError(
                    f"job run {job_run_id} of application {self.application_id} was cancelled and still runs after "
                    f"{self.cancel_within}; stop it in the EMR console, then clear this task"
                )
            time.sleep(self.cancel_poll.total_seconds())


def emr_serverless_task(
    *, entry_point: str, arguments: Sequence[str], emr: EmrServerlessSettings, timeout: timedelta, **kwargs: Any
) -> IdempotentEmrServerlessOperator:
    """Return the task that runs `<code_uri>/spark_jobs/<entry_point>.py`; the job itself ends after `timeout`, too."""
    logs = {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": emr.log_uri}}}
    return IdempotentEmrServerlessOperator(
        application_id=emr.application_id,
        execution_role_arn=emr.execution_role_arn,
        job_driver={
            "sparkSubmit": {
                "entryPoint": f"{emr.code_uri}/spark_jobs/{entry_point}.py",
                "entryPointArguments": list(arguments),
                "sparkSubmitParameters": _SUBMIT_PARAMETERS.format(code_uri=emr.code_uri),
            }
        },
        configuration_overrides=None if emr.log_uri is None else logs,
        config={"executionTimeoutMinutes": int(timeout.total_seconds() // 60)},
        # The provider's default gives up after 25 polls; here the job's own timeout decides.
        deferrable=True,
        waiter_delay=int(POLL.total_seconds()),
        waiter_max_attempts=int(timeout / POLL) + 10,
        aws_conn_id=None,
        **kwargs,
    )


def _hash(*parts: str) -> str:
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
