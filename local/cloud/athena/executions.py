"""Query executions: one JSON document each, and beside it the answer."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from local.cloud import files, refusals
from local.cloud.athena.result_set import Column, ResultSet
from local.cloud.athena.workgroups import ENGINE
from local.cloud.emulator import Scope
from local.cloud.json_protocol import AwsError, Payload

QUEUED: Final = "QUEUED"
RUNNING: Final = "RUNNING"
SUCCEEDED: Final = "SUCCEEDED"
FAILED: Final = "FAILED"
CANCELLED: Final = "CANCELLED"
_UNDER_WAY: Final = frozenset({QUEUED, RUNNING})


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
    def under_way(self) -> bool:
        return self.state in _UNDER_WAY

    def described(self) -> Payload:
        """Return it as GetQueryExecution does."""
        status: Payload = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed is not None:
            status["CompletionDateTime"] = self.completed
        if self.reason is not None:
            status["StateChangeReason"] = self.reason
        if self.state == FAILED:
            # Category 2 is the user's doing.
            status["AthenaError"] = {"ErrorCategory": 2, "Retryable": False, "ErrorMessage": self.reason}
        milliseconds = int(1000 * ((self.completed or self.submitted) - self.submitted))
        encryption = {"EncryptionConfiguration": {"EncryptionOption": self.encryption}} if self.encryption else {}
        return {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": "DML",
            "ResultConfiguration": {"OutputLocation": self.output_location, **encryption},
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"} if self.database else {},
            "Status": status,
            "Statistics": {
                "EngineExecutionTimeInMillis": milliseconds,
                "TotalExecutionTimeInMillis": milliseconds,
                "DataScannedInBytes": self.bytes,
            },
            "WorkGroup": self.workgroup,
            "EngineVersion": {"SelectedEngineVersion": ENGINE, "EffectiveEngineVersion": ENGINE},
        }


class Executions:
    """All executions of this cloud; one that was under way when it ended has failed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = {one.id: one for one in map(_load, folder.glob("*/*/executions/*.json"))}
        for one in [one for one in self._known.values() if one.under_way]:
            self.save(replace(one, state=FAILED, reason="the local cloud ended while the query ran: start it again"))

    def get(self, owner: Scope, execution_id: Any) -> Execution:
        """Return an execution; `AwsError` if the scope has none of that id."""
        found = self._known.get(execution_id)
        if found is None or found.scope != owner:
            raise AwsError("InvalidRequestException", f"QueryExecution {execution_id} was not found")
        return found

    def with_token(self, owner: Scope, token: str) -> Execution | None:
        """Return the execution that a client request token has already started."""
        return next((one for one in self._known.values() if (one.scope, one.token) == (owner, token)), None)

    def of_workgroup(self, owner: Scope, workgroup: str) -> list[Execution]:
        """Return a workgroup's executions, the newest first."""
        found = [one for one in self._known.values() if (one.scope, one.workgroup) == (owner, workgroup)]
        return sorted(found, key=lambda one: (-one.submitted, one.id))

    def save(self, execution: Execution) -> None:
        """Durable on return."""
        files.write_json(self._path(execution, ".json"), asdict(execution))
        self._known[execution.id] = execution

    def end(self, execution: Execution) -> None:
        """Keep how it ended; where the disk does not take that, it has failed now, and after a restart as well."""
        try:
            self.save(execution)
        except OSError as error:
            self._known[execution.id] = replace(execution, state=FAILED, reason=refusals.sentence(error))

    def save_results(self, execution: Execution, results: ResultSet) -> None:
        """Keep an answer for GetQueryResults."""
        files.write_json(self._path(execution, ".results"), asdict(results))

    def results(self, execution: Execution) -> ResultSet:
        """Return a succeeded execution's answer."""
        return files.read_json(self._path(execution, ".results"), _parse_results)

    def _path(self, execution: Execution, suffix: str) -> Path:
        owner = execution.scope
        return self._folder / owner.account / owner.region / "executions" / f"{execution.id}{suffix}"


def _load(path: Path) -> Execution:
    return files.read_json(path, lambda document: Execution(scope=Scope(**document.pop("scope")), **document))


def _parse_results(document: Any) -> ResultSet:
    columns = tuple(Column(**one) for one in document["columns"])
    return ResultSet(columns=columns, rows=tuple(map(tuple, document["rows"])))
