"""EMR Serverless's applications and job runs, one JSON document each, as AWS describes them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from local.cloud import files
from local.cloud.emulator import Scope
from local.cloud.json_protocol import AwsError, Payload

INVALID: Final = "ValidationException"
NOT_FOUND: Final = "ResourceNotFoundException"
#: A job in any other state has ended.
ACTIVE_STATES: Final = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING")
#: AWS cuts the details of a state here.
_DETAILS_LIMIT: Final = 256


@dataclass(frozen=True, kw_only=True)
class Application:
    """An application; `given` are further members of its creation that are shown and otherwise ignored."""

    scope: Scope
    id: str
    name: str
    release: str
    architecture: str
    state: str = "CREATED"
    created: float
    updated: float
    monitoring: Payload = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    given: Payload = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:emr-serverless:{self.scope.region}:{self.scope.account}:/applications/{self.id}"

    def summary(self) -> Payload:
        """Return it as ListApplications does."""
        return {
            "id": self.id,
            "name": self.name,
            "arn": self.arn,
            "releaseLabel": self.release,
            "type": "Spark",
            "state": self.state,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "architecture": self.architecture,
        }

    def described(self) -> Payload:
        """Return it as GetApplication does."""
        monitoring = {"monitoringConfiguration": self.monitoring} if self.monitoring else {}
        return {**self.given, **_renamed(self.summary(), "applicationId"), "tags": self.tags, **monitoring}


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """A job run; `request` is the StartJobRun that it came from, `process` the child's id and start time."""

    scope: Scope
    id: str
    application_id: str
    release: str
    token: str
    request: Payload
    state: str = "SUBMITTED"
    details: str = ""
    created: float
    updated: float
    started: float | None = None
    ended: float | None = None
    process: tuple[int, float] | None = None

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE_STATES

    def moved(self, state: str, *, at: float, details: str = "") -> "JobRun":
        """Return it in another state."""
        ended = None if state in ACTIVE_STATES else at
        started = at if state == "RUNNING" else self.started
        return replace(self, state=state, details=details[:_DETAILS_LIMIT], updated=at, started=started, ended=ended)

    def summary(self) -> Payload:
        """Return it as ListJobRuns does."""
        return {
            "applicationId": self.application_id,
            "id": self.id,
            "name": self.request.get("name", self.id),
            "mode": "BATCH",
            "arn": self.arn,
            "createdBy": f"arn:aws:iam::{self.scope.account}:root",
            "createdAt": self.created,
            "updatedAt": self.updated,
            "executionRole": self.request["executionRoleArn"],
            "state": self.state,
            "stateDetails": self.details,
            "releaseLabel": self.release,
        }

    def described(self) -> Payload:
        """Return it as GetJobRun does."""
        shown = ("configurationOverrides", "executionTimeoutMinutes", "jobDriver", "retryPolicy", "tags")
        times = {"startedAt": self.started, "endedAt": self.ended}
        return {
            **_renamed(self.summary(), "jobRunId"),
            **{name: self.request[name] for name in shown if name in self.request},
            **{name: moment for name, moment in times.items() if moment is not None},
        }

    @property
    def arn(self) -> str:
        place = f"arn:aws:emr-serverless:{self.scope.region}:{self.scope.account}:"
        return f"{place}/applications/{self.application_id}/jobruns/{self.id}"


def _renamed(summary: Payload, identity: str) -> Payload:
    """Return a summary with the name that its `id` has elsewhere."""
    return {identity if name == "id" else name: value for name, value in summary.items()}


Stored = TypeVar("Stored", Application, JobRun)


class _Documents:
    """The documents of one kind, in memory and on the disk."""

    def __init__(self, folder: Path, kind: Any) -> None:
        self._folder = folder
        self._all: dict[str, Any] = {}
        for path in sorted(folder.glob("*.json")):  # a broken one ends the start
            self._all[path.stem] = files.read_state(path, kind)

    def save(self, one: Any) -> None:
        """Add it or replace it; it is on the disk before it counts."""
        files.write_state(self._folder / f"{one.id}.json", one)
        self._all[one.id] = one

    def find(self, owner: Scope, identity: str) -> Any:
        """Return one of the scope's, or None."""
        found = self._all.get(identity)
        return found if found is not None and found.scope == owner else None

    def all(self) -> Iterator[Any]:
        """Yield those of every scope, the oldest first."""
        yield from sorted(self._all.values(), key=lambda one: (one.created, one.id))


class EmrStore:
    """All applications and job runs of this cloud."""

    def __init__(self, folder: Path) -> None:
        self._applications = _Documents(folder / "applications", Application)
        self._jobs = _Documents(folder / "jobs", JobRun)

    def save(self, one: Stored) -> Stored:
        """Add or replace an application or a job run, and return it."""
        (self._applications if isinstance(one, Application) else self._jobs).save(one)
        return one

    def application(self, owner: Scope, identity: str) -> Application:
        """Return an application; raise AwsError if there is none, or it was deleted."""
        found: Application | None = self._applications.find(owner, identity)
        if found is None or found.state == "TERMINATED":
            raise AwsError(NOT_FOUND, f"Application {identity} does not exist", status=404)
        return found

    def applications(self, owner: Scope) -> list[Application]:
        """Return the applications of a scope that were not deleted, the oldest first."""
        return [one for one in self._applications.all() if one.scope == owner and one.state != "TERMINATED"]

    def job(self, owner: Scope, application_id: str, identity: str) -> JobRun:
        """Return a job run; raise AwsError if there is none."""
        found: JobRun | None = self._jobs.find(owner, identity)
        if found is None or found.application_id != application_id:
            raise AwsError(NOT_FOUND, f"Job run {identity} does not exist in application {application_id}", status=404)
        return found

    def jobs(self) -> Iterator[JobRun]:
        """Yield the job runs of every scope, the oldest first."""
        yield from self._jobs.all()
