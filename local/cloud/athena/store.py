"""What Athena keeps on disk: workgroups, query executions and their results, one JSON document each."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from local.cloud import files
from local.cloud.emulator import Scope
from local.cloud.errors import write_refusal
from local.cloud.json_protocol import AwsError, Payload

PRIMARY: Final = "primary"
ENGINE: Final = "Athena engine version 3"
INVALID: Final = "InvalidRequestException"

QUEUED: Final = "QUEUED"
RUNNING: Final = "RUNNING"
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
CANCELLED: Final = "CANCELLED"

_ENGINE_VERSION: Final = {"EngineVersion": {"SelectedEngineVersion": ENGINE, "EffectiveEngineVersion": ENGINE}}


@dataclass(frozen=True, kw_only=True)
class WorkGroup:
    """Where results go and how much a query may scan. Times are epoch seconds.

    If `enforced`, the location that a query asks for is ignored.
    """

    name: str
    description: str = ""
    state: str = "ENABLED"
    output_location: str | None = None
    encryption: str | None = None
    enforced: bool = True
    bytes_limit: int | None = None
    created: float = 0.0
    tags: dict[str, str] = field(default_factory=dict)

    def described(self) -> Payload:
        """Return it as GetWorkGroup does."""
        location = {"OutputLocation": self.output_location} if self.output_location else {}
        configuration: Payload = {
            "ResultConfiguration": {**location, **_encryption(self.encryption)},
            "EnforceWorkGroupConfiguration": self.enforced,
            "PublishCloudWatchMetricsEnabled": False,
            **_ENGINE_VERSION,
        }
        if self.bytes_limit is not None:
            configuration["BytesScannedCutoffPerQuery"] = self.bytes_limit
        return {"WorkGroup": {**self.summary(), "Configuration": configuration}}

    def summary(self) -> Payload:
        """Return it as ListWorkGroups does."""
        return {"Name": self.name, "State": self.state, "Description": self.description, "CreationTime": self.created}


class WorkGroups:
    """The workgroups of every account and region; each has `primary` from the start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for path in folder.glob("*/*/workgroups/*.json"):  # a broken one ends the start, not a query
            _load_workgroup(path)

    def get(self, owner: Scope, name: str) -> WorkGroup:
        """Return a workgroup; raise `AwsError` if there is none of that name."""
        path = self._path(owner, name)
        if path.exists():
            return _load_workgroup(path)
        if name == PRIMARY:
            return WorkGroup(name=PRIMARY, enforced=False)
        raise AwsError(INVALID, f"WorkGroup {name} is not found.")

    def all(self, owner: Scope) -> Iterator[WorkGroup]:
        """Yield the scope's workgroups, by name."""
        names = {PRIMARY, *(path.stem for path in self._path(owner, PRIMARY).parent.glob("*.json"))}
        return (self.get(owner, name) for name in sorted(names))

    def create(self, owner: Scope, group: WorkGroup) -> None:
        """Add a workgroup; raise `AwsError` if there is one of its name."""
        if self._path(owner, group.name).exists() or group.name == PRIMARY:
            raise AwsError(INVALID, f"WorkGroup {group.name} already exists")
        self._save(owner, group)

    def update(self, owner: Scope, group: WorkGroup) -> None:
        """Replace a workgroup's configuration."""
        self._save(owner, replace(group, created=self.get(owner, group.name).created))

    def delete(self, owner: Scope, name: str) -> None:
        """Remove a workgroup, if there is one."""
        path = self._path(owner, name)
        path.unlink(missing_ok=True)
        files.sync_folders([path.parent])

    def _save(self, owner: Scope, group: WorkGroup) -> None:
        files.write_json(self._path(owner, group.name), asdict(group))

    def _path(self, owner: Scope, name: str) -> Path:
        return self._folder / owner.account / owner.region / "workgroups" / f"{name}.json"


def _load_workgroup(path: Path) -> WorkGroup:
    return files.read_json(path, lambda document: WorkGroup(**document))


def _encryption(option: str | None) -> Payload:
    return {"EncryptionConfiguration": {"EncryptionOption": option}} if option else {}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a result, with Athena's type."""

    name: str
    type: str
    precision: int
    scale: int

    def info(self) -> Payload:
        """Return it as GetQueryResults describes it."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type == "varchar",
        }


@dataclass(frozen=True, kw_only=True)
class ResultSet:
    """The results of a query; a value is its text, or None for NULL."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def csv(self) -> bytes:
        """Return what Athena puts into the result location: every value quoted, NULL as nothing at all."""
        return "".join(",".join(map(_quoted, line)) + "\n" for line in (self.names, *self.rows)).encode()


def _quoted(value: str | None) -> str:
    return "" if value is None else '"' + value.replace('"', '""') + '"'


@dataclass(frozen=True, kw_only=True)
class Execution:
    """A query that was started. Times are epoch seconds; `output_location` is its CSV object."""

    scope: Scope
    id: str
    token: str
    query: str
    database: str
    workgroup: str
    output_location: str
    encryption: str | None
    bytes_limit: int | None
    submitted: float
    state: str = QUEUED
    reason: str | None = None
    completed: float | None = None
    bytes: int = 0

    @property
    def has_ended(self) -> bool:
        return self.state not in (QUEUED, RUNNING)

    def described(self) -> Payload:
        """Return it as GetQueryExecution does."""
        status: Payload = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed is not None:
            status["CompletionDateTime"] = self.completed
        if self.reason is not None:
            status["StateChangeReason"] = self.reason
        if self.state == FAILED:
            # Category 2 is an error of the user.
            status["AthenaError"] = {"ErrorCategory": 2, "Retryable": False, "ErrorMessage": self.reason}
        milliseconds = int(1000 * ((self.completed or self.submitted) - self.submitted))
        return {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": "DML",
            "ResultConfiguration": {"OutputLocation": self.output_location, **_encryption(self.encryption)},
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"} if self.database else {},
            "Status": status,
            "Statistics": {
                "EngineExecutionTimeInMillis": milliseconds,
                "TotalExecutionTimeInMillis": milliseconds,
                "DataScannedInBytes": self.bytes,
            },
            "WorkGroup": self.workgroup,
            **_ENGINE_VERSION,
        }


class Executions:
    """All executions of this cloud; one that had not ended when the cloud ended has failed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = {one.id: one for one in map(_load_execution, folder.glob("*/*/executions/*.json"))}
        for one in [one for one in self._known.values() if not one.has_ended]:
            self.save(replace(one, state=FAILED, reason="the local cloud ended while the query ran: start it again"))

    def get(self, owner: Scope, execution_id: Any) -> Execution:
        """Return an execution; raise `AwsError` if the scope has none of that id."""
        found = self._known.get(execution_id)
        if found is None or found.scope != owner:
            raise AwsError(INVALID, f"QueryExecution {execution_id} was not found")
        return found

    def with_token(self, owner: Scope, token: str) -> Execution | None:
        """Return the execution that a client request token has already started."""
        return next((one for one in self._known.values() if (one.scope, one.token) == (owner, token)), None)

    def of_workgroup(self, owner: Scope, workgroup: str) -> list[Execution]:
        """Return a workgroup's executions, the newest first."""
        found = [one for one in self._known.values() if (one.scope, one.workgroup) == (owner, workgroup)]
        return sorted(found, key=lambda one: (-one.submitted, one.id))

    def save(self, execution: Execution) -> None:
        """Write an execution; it is on the disk on return."""
        files.write_json(self._path(execution, ".json"), asdict(execution))
        self._known[execution.id] = execution

    def end(self, execution: Execution) -> None:
        """Write how an execution ended; if the disk refuses that, it has failed, also after a restart."""
        try:
            self.save(execution)
        except OSError as error:
            self._known[execution.id] = replace(execution, state=FAILED, reason=write_refusal(error))

    def save_results(self, execution: Execution, results: ResultSet) -> None:
        """Write an execution's results for GetQueryResults."""
        files.write_json(self._path(execution, ".results"), asdict(results))

    def results(self, execution: Execution) -> ResultSet:
        """Return a succeeded execution's results."""
        return files.read_json(self._path(execution, ".results"), _parse_results)

    def _path(self, execution: Execution, suffix: str) -> Path:
        owner = execution.scope
        return self._folder / owner.account / owner.region / "executions" / f"{execution.id}{suffix}"


def _load_execution(path: Path) -> Execution:
    return files.read_json(path, lambda document: Execution(scope=Scope(**document.pop("scope")), **document))


def _parse_results(document: Any) -> ResultSet:
    columns = tuple(Column(**one) for one in document["columns"])
    return ResultSet(columns=columns, rows=tuple(map(tuple, document["rows"])))
