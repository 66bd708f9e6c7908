"""The EMR Serverless service: its table of operations, and the queue of jobs that wait for a place on this machine.

A job that ran when the local cloud ended is lost with it: the next start kills what is left of it, and the job is
FAILED with that reason. Jobs that waited go on waiting.
"""

import asyncio
import shutil
import time
import uuid
from dataclasses import replace
from typing import Any, Final

from local.cloud import emulator
from local.cloud.emr_serverless.runner import JobPlace, JobProcess, kill_lost
from local.cloud.emr_serverless.store import INVALID, Application, EmrStore, JobRun
from local.cloud.emr_serverless.submit import SubmitError, installed_spark, parse_submit
from local.cloud.json_protocol import AwsError, Operations, Payload, RestJsonService
from local.cloud.settings import LocalCloudSettings

#: So many jobs run at a time, as if they took the application's whole capacity.
PLACES: Final = 2
_POLL_SECONDS: Final = 0.2
_MAX_RESULTS: Final = 50
_APPLICATION: Final = "applicationId"
_JOB: Final = "jobRunId"
#: Members of an application that are shown as they were given, and that this machine has no use for.
_SHOWN: Final = (
    "autoStartConfiguration",
    "autoStopConfiguration",
    "initialCapacity",
    "maximumCapacity",
    "networkConfiguration",
    "runtimeConfiguration",
    "schedulerConfiguration",
)
_CANCELLED: Final = "Cancelled by the caller."
_LOST: Final = "The local cloud ended while the job ran; start it again."


class EmrServerlessService(RestJsonService):
    """Applications, and the job runs of all of them."""

    def __init__(self, settings: LocalCloudSettings, port: int) -> None:
        super().__init__(OPERATIONS, self, routes=ROUTES, lists=("states",), invalid=INVALID)
        self._folder = settings.state_dir / "emr-serverless"
        self._store = EmrStore(self._folder)
        self._place = JobPlace(
            work=self._folder / "work",
            archives=self._folder / "archives",
            port=port,
            spark_home=settings.spark_home or installed_spark(),
        )
        #: Jobs that are being ended: a further cancellation would interrupt that.
        self._ending: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for left in (self._place.work, self._place.archives):
            shutil.rmtree(left, ignore_errors=True)
        for job in list(self._store.jobs()):
            if job.is_active and job.process is not None:
                kill_lost(job.process)
                self._move(job, "CANCELLED" if job.state == "CANCELLING" else "FAILED", _LOST)

    def create_application(self, payload: Payload) -> Payload:
        """CreateApplication: CREATED at once, and started by its first job."""
        if str(payload.get("type")).upper() != "SPARK":
            raise AwsError(INVALID, f"type is {payload.get('type')!r}: the local cloud has Spark only.")
        now, identity = time.time(), f"00l{uuid.uuid4().hex[:13]}"
        application = Application(
            scope=emulator.scope(),
            id=identity,
            name=payload.get("name", identity),
            release=payload["releaseLabel"],
            architecture=payload.get("architecture", "X86_64"),
            created=now,
            updated=now,
            monitoring=payload.get("monitoringConfiguration", {}),
            tags=payload.get("tags", {}),
            given={name: payload[name] for name in _SHOWN if name in payload},
        )
        return _application_ids(self._store.save(application))

    def update_application(self, payload: Payload) -> Payload:
        """UpdateApplication: later jobs have what it says."""
        application = self._application(payload)
        changed = replace(
            application,
            release=payload.get("releaseLabel", application.release),
            architecture=payload.get("architecture", application.architecture),
            monitoring=payload.get("monitoringConfiguration", application.monitoring),
            given=application.given | {name: payload[name] for name in _SHOWN if name in payload},
            updated=time.time(),
        )
        return {"application": self._store.save(changed).described()}

    def get_application(self, payload: Payload) -> Payload:
        """GetApplication."""
        return {"application": self._application(payload).described()}

    def list_applications(self, _payload: Payload) -> Payload:
        """ListApplications."""
        return {"applications": [one.summary() for one in self._store.applications(emulator.scope())]}

    def start_application(self, payload: Payload) -> Payload:
        """StartApplication: STARTED at once."""
        self._set_state(self._application(payload), "STARTED")
        return {}

    def stop_application(self, payload: Payload) -> Payload:
        """StopApplication, unless a job runs."""
        application = self._application(payload)
        if any(job.is_active for job in self._jobs_of(application.id)):
            raise AwsError(INVALID, f"Application {application.id} has active job runs.")
        self._set_state(application, "STOPPED")
        return {}

    def delete_application(self, payload: Payload) -> Payload:
        """DeleteApplication, unless a job runs."""
        self.stop_application(payload)
        self._set_state(self._application(payload), "TERMINATED")
        return {}

    def start_job_run(self, payload: Payload) -> Payload:
        """StartJobRun: SUBMITTED at once; the same token again starts nothing."""
        application = self._application(payload)
        request = {name: value for name, value in payload.items() if name not in (_APPLICATION, "clientToken")}
        for job in self._jobs_of(application.id):
            if job.token == payload["clientToken"]:
                if job.request != request:
                    raise AwsError("ConflictException", "The client token was used for another request.", status=409)
                return _job_ids(job)
        parse_submit(request)
        if payload.get("mode", "BATCH") != "BATCH" or payload.get("retryPolicy", {}).get("maxAttempts", 1) != 1:
            raise AwsError(INVALID, "The local cloud has batch jobs of one attempt only.")
        now = time.time()
        job = JobRun(
            scope=emulator.scope(),
            id=f"00l{uuid.uuid4().hex[:13]}",
            application_id=application.id,
            release=application.release,
            token=payload["clientToken"],
            request=request,
            created=now,
            updated=now,
        )
        self._set_state(application, "STARTED")
        return _job_ids(self._store.save(job))

    def get_job_run(self, payload: Payload) -> Payload:
        """GetJobRun."""
        return {"jobRun": self._job(payload).described()}

    def list_job_runs(self, payload: Payload) -> Payload:
        """ListJobRuns, the newest first."""
        application = self._application(payload)
        states = payload.get("states")
        found = [job for job in self._jobs_of(application.id) if not states or job.state in states][::-1]
        start, count = int(payload.get("nextToken", 0)), int(payload.get("maxResults", _MAX_RESULTS))
        more = {"nextToken": str(start + count)} if start + count < len(found) else {}
        return {"jobRuns": [job.summary() for job in found[start : start + count]], **more}

    def cancel_job_run(self, payload: Payload) -> Payload:
        """CancelJobRun: CANCELLING until its process is gone; a job that has ended, or is ending, stays as it is."""
        job = self._job(payload)
        if job.is_active and job.id not in self._tasks:
            self._move(job, "CANCELLED", _CANCELLED)
        elif job.is_active and job.id not in self._ending:
            self._move(job, "CANCELLING", _CANCELLED)
            self._ending.add(job.id)
            self._tasks[job.id].cancel()
        return {_APPLICATION: job.application_id, _JOB: job.id}

    async def run(self) -> None:
        """Run the jobs that wait, the oldest first, until cancelled; raise OSError if the disk refuses their state."""
        try:
            while True:
                for identity in [identity for identity, task in self._tasks.items() if task.done()]:
                    self._tasks.pop(identity).result()
                self._start_next()
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start_next(self) -> None:
        waiting = [job for job in self._store.jobs() if job.is_active and job.id not in self._tasks]
        for job in waiting:
            if len(self._tasks) < PLACES:
                self._tasks[job.id] = asyncio.create_task(self._execute(job))
            elif job.state == "SUBMITTED":
                self._move(job, "PENDING", "Waiting for capacity.")

    async def _execute(self, job: JobRun) -> None:
        """Run a job to its end, whatever that is; when this is cancelled, so is the job."""
        application = self._store.application(job.scope, job.application_id)
        job = self._move(job, "SCHEDULED")
        process = JobProcess(job, application, self._place)
        timeout = job.request.get("executionTimeoutMinutes")
        try:
            await process.prepare()
            job = self._move(job, "RUNNING", process=await process.start())
            status = await process.wait(timeout and timeout * 60)
            last = await process.keep_logs()
            if status == 0:
                self._move(job, "SUCCESS")
            else:
                self._move(job, "FAILED", f"Job failed. ExitCode: {status}. Last few lines: {last}")
        except SubmitError as error:
            self._move(job, "FAILED", str(error))
        except TimeoutError:
            self._ending.add(job.id)
            await process.kill()
            await process.keep_logs()
            self._move(job, "CANCELLED", f"The job ran longer than its executionTimeoutMinutes, {timeout}.")
        except asyncio.CancelledError:
            await process.kill()
            await process.keep_logs()
            ended = ("CANCELLED", _CANCELLED) if job.id in self._ending else ("FAILED", _LOST)
            self._move(job, *ended)
        finally:
            process.clear()

    def _move(self, job: JobRun, state: str, details: str = "", **changes: Any) -> JobRun:
        return self._store.save(replace(job, **changes).moved(state, at=time.time(), details=details))

    def _set_state(self, application: Application, state: str) -> None:
        self._store.save(replace(application, state=state, updated=time.time()))

    def _application(self, payload: Payload) -> Application:
        return self._store.application(emulator.scope(), payload[_APPLICATION])

    def _job(self, payload: Payload) -> JobRun:
        return self._store.job(emulator.scope(), payload[_APPLICATION], payload[_JOB])

    def _jobs_of(self, application_id: str) -> list[JobRun]:
        return [job for job in self._store.jobs() if job.application_id == application_id]


def _application_ids(application: Application) -> Payload:
    return {_APPLICATION: application.id, "name": application.name, "arn": application.arn}


def _job_ids(job: JobRun) -> Payload:
    return {_APPLICATION: job.application_id, _JOB: job.id, "arn": job.arn}


_ONE: Final = (_APPLICATION,)
_ONE_JOB: Final = (_APPLICATION, _JOB)
OPERATIONS: Operations = {
    "CancelJobRun": (EmrServerlessService.cancel_job_run, _ONE_JOB),
    "CreateApplication": (
        EmrServerlessService.create_application,
        (
            *("name", "releaseLabel", "type", "clientToken", "architecture", "monitoringConfiguration", "tags"),
            *_SHOWN,
        ),
    ),
    "DeleteApplication": (EmrServerlessService.delete_application, _ONE),
    "GetApplication": (EmrServerlessService.get_application, _ONE),
    "GetJobRun": (EmrServerlessService.get_job_run, _ONE_JOB),
    "ListApplications": (EmrServerlessService.list_applications, ()),
    "ListJobRuns": (EmrServerlessService.list_job_runs, (_APPLICATION, "states", "maxResults", "nextToken")),
    "StartApplication": (EmrServerlessService.start_application, _ONE),
    "StartJobRun": (
        EmrServerlessService.start_job_run,
        (
            *(_APPLICATION, "clientToken", "executionRoleArn", "jobDriver", "configurationOverrides", "tags"),
            *("executionTimeoutMinutes", "name", "mode", "retryPolicy"),
        ),
    ),
    "StopApplication": (EmrServerlessService.stop_application, _ONE),
    "UpdateApplication": (
        EmrServerlessService.update_application,
        (_APPLICATION, "clientToken", "architecture", "releaseLabel", "monitoringConfiguration", *_SHOWN),
    ),
}
ROUTES: Final = {
    "CancelJobRun": "DELETE /applications/{applicationId}/jobruns/{jobRunId}",
    "CreateApplication": "POST /applications",
    "DeleteApplication": "DELETE /applications/{applicationId}",
    "GetApplication": "GET /applications/{applicationId}",
    "GetJobRun": "GET /applications/{applicationId}/jobruns/{jobRunId}",
    "ListApplications": "GET /applications",
    "ListJobRuns": "GET /applications/{applicationId}/jobruns",
    "StartApplication": "POST /applications/{applicationId}/start",
    "StartJobRun": "POST /applications/{applicationId}/jobruns",
    "StopApplication": "POST /applications/{applicationId}/stop",
    "UpdateApplication": "PATCH /applications/{applicationId}",
}


def install(settings: LocalCloudSettings, port: int) -> EmrServerlessService:
    """Read what is on disk and answer the calls to EMR Serverless; `port` is where jobs find this cloud."""
    service = EmrServerlessService(settings, port)
    emulator.replace("emr-serverless", service.handle)
    return service
