"""A Spark job on EMR Serverless that is never started twice for one try, and never beside the job of an earlier try.

The provider's operator makes a new client token per instance: after a crash between the call and its answer, a second
job would run beside the first. Here the token, and the job's name, follow from the task's try.

A job runs from the package of this very checkout (contracts/job_package.py), built for the application's architecture;
the log and the job's tag `package` say which. One that fails or never starts fails the task with EMR's own reason and
the place of its logs.
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.sdk import BaseOperatorLink, Context
from airflow.sdk import timezone as clock
from botocore.exceptions import ClientError

from contracts.job_package import JobPackage, PackageError, entry_point
from pipeline.emr_trigger import ACTIVE_STATES, POLL, EmrJobTrigger
from pipeline.settings import EmrServerlessSettings

_NAME_LIMIT: Final = 256

#: Iceberg comes with the release, as a jar to be named (docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide,
#: "Using Apache Iceberg"). Another one beside it would break the class path, and so would a class path in the place of
#: EMR's own, which has AWS's SDK.
#: Executors are workers of 4 vCPU and 15 GB, more than half of it outside of the heap: rows are Python's and DuckDB's.
#: The archive is unpacked in each worker's own directory ("Using Python libraries", the same guide): native packages,
#: and crawler-user-agents, which reads a file beside itself, cannot be imported from a zip.
_SUBMIT_PARAMETERS: Final = (
    "--py-files {code}"
    " --conf spark.archives={environment}#environment"
    " --conf spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=./environment/bin/python"
    " --conf spark.emr-serverless.driverEnv.PYSPARK_PYTHON=./environment/bin/python"
    " --conf spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python"
    " --conf spark.jars=/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar"
    " --conf spark.executor.cores=4 --conf spark.executor.memory=6g --conf spark.executor.memoryOverhead=9g"
)


class EarlierJobStillRunsError(RuntimeError):
    """The job of an earlier try was cancelled and has not ended in time."""


class MissingPackageError(RuntimeError):
    """The package of this checkout is not in the code bucket, or can't be looked for."""


class JobRunError(RuntimeError):
    """A job run failed, was cancelled, or did not end in time; the message has EMR's reason and where its logs are."""


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

    :param entry_point: the job in spark_jobs/, such as `run_transform_events`.
    :param code_uri: the folder of all packages, s3://….
    :param give_up_after: how long to wait for the job's end, before it is cancelled.
    :param cancel_within: how long a cancelled job may take to end.
    :param cancel_poll: the pause between two looks at a cancelled job.
    :param partition: the key of what the job works on, for its links. (templated)
    :param links: buttons on the task's page, beside the provider's own: the job's logs and its application.
    """

    template_fields: Sequence[str] = (*EmrServerlessStartJobOperator.template_fields, "partition")

    def __init__(
        self,
        *,
        entry_point: str,
        code_uri: str,
        partition: str = "",
        links: Sequence[BaseOperatorLink] = (),
        give_up_after: timedelta = timedelta(hours=3),
        cancel_within: timedelta = timedelta(minutes=10),
        cancel_poll: timedelta = timedelta(seconds=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.entry_point = entry_point
        self.code_uri = code_uri
        self.partition = partition
        # The provider declares it as a tuple of just its own.
        provided = EmrServerlessStartJobOperator.operator_extra_links
        self.operator_extra_links = (*links, *provided)  # type: ignore[assignment]
        self.give_up_after = give_up_after
        self.cancel_within = cancel_within
        self.cancel_poll = cancel_poll

    def execute(self, context: Context, event: dict[str, Any] | None = None) -> NoReturn:  # noqa: ARG002
        """Start the job of this try, and wait for its end in the triggerer; a stopped application starts by itself."""
        this = TaskTry.of(context)
        self.client_request_token = this.client_token
        self.name = this.job_name
        package = self._package()
        self.log.info("running %s from package %s in %s", self.entry_point, package.version, self.code_uri)
        self.config["tags"] = {"dag": this.dag_id, "task": this.task_id, "package": package.version}
        submit = self.job_driver["sparkSubmit"]
        submit["entryPoint"] = package.uri(self.code_uri, entry_point(self.entry_point))
        submit["entryPointArguments"] = [argument for argument in submit["entryPointArguments"] if argument]
        submit["sparkSubmitParameters"] = _SUBMIT_PARAMETERS.format(
            code=package.uri(self.code_uri, package.code), environment=package.uri(self.code_uri, package.environment)
        )
        for job_run_id in self._jobs_of_earlier_tries(this):
            self.log.warning("cancelling job run %s, which an earlier try left running", job_run_id)
            self._cancel(job_run_id)
        self.job_id = self._start()
        self.log.info("started job run %s of application %s", self.job_id, self.application_id)
        self.persist_links(context)
        until = clock.utcnow() + self.give_up_after
        self.defer(
            trigger=EmrJobTrigger(application_id=self.application_id, job_run_id=self.job_id, until=until),
            method_name="execute_complete",
            kwargs={"job_run_id": self.job_id},
        )

    def execute_complete(  # type: ignore[override]
        self,
        context: Context,  # noqa: ARG002
        event: dict[str, Any] | None = None,
        job_run_id: str = "",
    ) -> str:
        """Return the id of the job if it succeeded; else cancel it if it is still there, and raise `JobRunError`."""
        self.job_id = job_run_id
        job = self.hook.conn.get_job_run(applicationId=self.application_id, jobRunId=job_run_id)["jobRun"]
        if job["state"] == "SUCCESS":
            self.log.info("job run %s has succeeded", job_run_id)
            return job_run_id
        if job["state"] in ACTIVE_STATES:
            self.hook.conn.cancel_job_run(applicationId=self.application_id, jobRunId=job_run_id)
        raise JobRunError(self._failure(job, (event or {}).get("reason", "")))

    def _start(self) -> str:
        """Start the job, or find the one that an interrupted call of the same try has started; return its id."""
        overrides = self.configuration_overrides
        return str(
            self.hook.conn.start_job_run(
                clientToken=self.client_request_token,
                applicationId=self.application_id,
                executionRoleArn=self.execution_role_arn,
                jobDriver=self.job_driver,
                name=self.name,
                **({} if overrides is None else {"configurationOverrides": overrides}),
                **self.config,
            )["jobRunId"]
        )

    def _failure(self, job: dict[str, Any], reason: str) -> str:
        """Return why a job did not succeed, and what to look at."""
        name = f"job run {self.job_id} of application {self.application_id}"
        logs = f"its logs: {self.logs_uri}" if self.logs_uri else "set CLICKSTREAM_EMR_LOG_URI to keep logs in S3"
        if job["state"] not in ACTIVE_STATES:
            return f"{name} is {job['state']}: {job['stateDetails']}; {logs}"
        if job["state"] == "RUNNING":
            return f"{name} was still running, and is cancelled ({reason}); {logs}"
        return (
            f"{name} never started: it was still {job['state']} ({job['stateDetails']}), and is cancelled ({reason}); "
            "look whether other jobs take all of the application's maximum capacity, or the account's quota of vCPUs"
        )

    @property
    def logs_uri(self) -> str | None:
        """Return the folder of the job's logs, once it has started, if they are kept."""
        kept = (self.configuration_overrides or {}).get("monitoringConfiguration", {}).get("s3MonitoringConfiguration")
        if kept is None or self.job_id is None:
            return None
        return f"{kept['logUri'].rstrip('/')}/applications/{self.application_id}/jobs/{self.job_id}/"

    def _package(self) -> JobPackage:
        """Return the package of this checkout; raise `MissingPackageError` if it was not published."""
        application = self.hook.conn.get_application(applicationId=self.application_id)["application"]
        architecture = application.get("architecture", "X86_64").lower()
        publish = "run `make publish ENV=…` in the checkout that Airflow runs from"
        try:
            package = JobPackage.of_checkout(architecture)
            manifest = urlsplit(package.uri(self.code_uri, package.manifest))
            found = S3Hook(self.aws_conn_id).check_for_key(manifest.path.lstrip("/"), manifest.netloc)
        except PackageError as error:
            raise MissingPackageError(str(error)) from error
        except ClientError as error:
            raise MissingPackageError(
                f"package {package.version} can't be looked for in {self.code_uri}: {error}; "
                "check CLICKSTREAM_CODE_URI, and that Airflow's role may list and read it"
            ) from error
        if not found:
            raise MissingPackageError(f"package {package.version} is not in {self.code_uri}: {publish}")
        return package

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
    """Return the task that runs spark_jobs/<entry_point>.py of this checkout; the job ends after `timeout`, too."""
    logs = {"monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": emr.log_uri}}}
    return IdempotentEmrServerlessOperator(
        entry_point=entry_point,
        code_uri=emr.code_uri,
        application_id=emr.application_id,
        execution_role_arn=emr.execution_role_arn,
        job_driver={"sparkSubmit": {"entryPointArguments": list(arguments)}},
        configuration_overrides=None if emr.log_uri is None else logs,
        config={"executionTimeoutMinutes": int(timeout.total_seconds() // 60)},
        # The job's own timeout decides; this one is for a job that never starts.
        give_up_after=timeout + 10 * POLL,
        aws_conn_id=None,
        **kwargs,
    )


def _hash(*parts: str) -> str:
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()
