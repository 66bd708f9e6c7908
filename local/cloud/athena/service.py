"""The Athena service: its queries, which run beside the requests, its table of operations, its HTTP handler.

Workgroups are on the disk. Executions live as long as this process; their CSV objects stay in S3.
"""

import asyncio
import contextlib
import functools
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import duckdb

from local.cloud import emulator
from local.cloud.athena import engine
from local.cloud.athena.engine import Answer, ResultSet
from local.cloud.athena.store import ENGINE_VERSION, INVALID, PRIMARY, WorkGroup, WorkGroups, encryption
from local.cloud.athena.tables import QueryError
from local.cloud.emulator import Scope
from local.cloud.json_protocol import AwsError, JsonService, Operations, Payload
from local.cloud.settings import LocalCloudSettings

_ID: Final = "QueryExecutionId"
_MAX_ROWS: Final = 1000
_STOP_SECONDS: Final = 0.1


@dataclass(kw_only=True)
class Execution:
    """A query that was started. Times are epoch seconds; `output_location` is its CSV object."""

    scope: Scope
    id: str
    token: str
    query: str
    database: str
    workgroup: WorkGroup
    output_location: str
    submitted: float
    state: str = "QUEUED"
    reason: str | None = None
    completed: float | None = None
    answer: Answer | None = None

    @property
    def has_ended(self) -> bool:
        return self.state not in ("QUEUED", "RUNNING")

    def end(self, state: str, reason: str | None = None) -> None:
        """Set how it ended; an execution that has ended, as by StopQueryExecution, stays as it is."""
        if not self.has_ended:
            self.state, self.reason, self.completed = state, reason, time.time()

    def results(self) -> ResultSet:
        """Return the results; raise `AwsError` if there are none."""
        if self.state != "SUCCEEDED" or self.answer is None:
            raise AwsError(INVALID, f"Query has not yet finished. Current state: {self.state}")
        return self.answer.results

    def described(self) -> Payload:
        """Return it as GetQueryExecution does."""
        status: Payload = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed is not None:
            status["CompletionDateTime"] = self.completed
        if self.reason is not None:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            # Category 2 is an error of the user.
            status["AthenaError"] = {"ErrorCategory": 2, "Retryable": False, "ErrorMessage": self.reason}
        milliseconds = int(1000 * ((self.completed or self.submitted) - self.submitted))
        return {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": "DML",
            "ResultConfiguration": {
                "OutputLocation": self.output_location,
                **encryption(self.workgroup.encryption),
            },
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"} if self.database else {},
            "Status": status,
            "Statistics": {
                "EngineExecutionTimeInMillis": milliseconds,
                "TotalExecutionTimeInMillis": milliseconds,
                "DataScannedInBytes": self.answer.bytes if self.answer else 0,
            },
            "WorkGroup": self.workgroup.name,
            **ENGINE_VERSION,
        }


class AthenaService(JsonService):
    """Queries run in threads, one after the other."""

    def __init__(self, settings: LocalCloudSettings, port: int) -> None:
        super().__init__(OPERATIONS, self, target="AmazonAthena", invalid=INVALID)
        self.workgroups = WorkGroups(settings.state_dir / "athena")
        self._executions: dict[str, Execution] = {}
        self._port = port
        self._turn = asyncio.Semaphore(1)
        self._tasks: set[asyncio.Task[None]] = set()

    def start_query_execution(self, payload: Payload) -> Payload:
        """StartQueryExecution: QUEUED at once; the same token again starts nothing."""
        token = str(payload.get("ClientRequestToken") or uuid.uuid4())
        earlier = next((one for one in self._in_scope() if one.token == token), None)
        if earlier is not None:
            if earlier.query != payload.get("QueryString"):
                raise AwsError(INVALID, "Idempotent parameters do not match")
            return {_ID: earlier.id}
        execution = self._new_execution(payload, token)
        self._executions[execution.id] = execution
        task = asyncio.get_running_loop().create_task(self._run(execution))
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._tasks.discard)
        return {_ID: execution.id}

    def get_query_execution(self, payload: Payload) -> Payload:
        """GetQueryExecution."""
        return {"QueryExecution": self._execution(payload).described()}

    def get_query_results(self, payload: Payload) -> Payload:
        """GetQueryResults: the first row of the first page holds the columns' names, as on Athena."""
        results = self._execution(payload).results()
        rows, more = _page([results.names, *results.rows], payload)
        page = [{"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in rows]
        metadata = {"ColumnInfo": results.columns}
        return {"UpdateCount": 0, "ResultSet": {"Rows": page, "ResultSetMetadata": metadata}, **more}

    def stop_query_execution(self, payload: Payload) -> Payload:
        """StopQueryExecution."""
        self._execution(payload).end("CANCELLED", "Query cancelled by user")
        return {}

    def list_query_executions(self, payload: Payload) -> Payload:
        """ListQueryExecutions of a workgroup, the newest first."""
        group = self.workgroups.get(emulator.scope(), payload.get("WorkGroup", PRIMARY))
        found = [one.id for one in self._in_scope() if one.workgroup.name == group.name]
        page, more = _page(found[::-1], payload, most=50)
        return {"QueryExecutionIds": page, **more}

    def get_work_group(self, payload: Payload) -> Payload:
        """GetWorkGroup."""
        return self.workgroups.get(emulator.scope(), str(payload.get("WorkGroup"))).described()

    def list_work_groups(self, _payload: Payload) -> Payload:
        """ListWorkGroups, by name."""
        return {"WorkGroups": [group.summary() for group in self.workgroups.all(emulator.scope())]}

    def _new_execution(self, payload: Payload, token: str) -> Execution:
        group = self.workgroups.get(emulator.scope(), payload.get("WorkGroup", PRIMARY))
        context = payload.get("QueryExecutionContext") or {}
        if context.get("Catalog", "awsdatacatalog").lower() != "awsdatacatalog":
            raise AwsError(INVALID, f"The local cloud has the catalog AwsDataCatalog only, not {context['Catalog']}.")
        execution_id = str(uuid.uuid4())
        return Execution(
            scope=emulator.scope(),
            id=execution_id,
            token=token,
            query=str(payload.get("QueryString", "")),
            database=context.get("Database", ""),
            workgroup=group,
            output_location=f"{_output_folder(group, payload)}/{execution_id}.csv",
            submitted=time.time(),
        )

    def _in_scope(self) -> list[Execution]:
        return [one for one in self._executions.values() if one.scope == emulator.scope()]

    def _execution(self, payload: Payload) -> Execution:
        found = self._executions.get(payload.get(_ID, ""))
        if found is None or found.scope != emulator.scope():
            raise AwsError(INVALID, f"QueryExecution {payload.get(_ID)} was not found")
        return found

    async def _run(self, execution: Execution) -> None:
        async with self._turn:
            if execution.has_ended:
                return
            execution.state = "RUNNING"
            try:
                execution.answer = await self._wait_for(execution)
                await _write_csv(execution, execution.answer.results.csv())
            except QueryError as error:
                execution.end("FAILED", str(error))
            except Exception as error:  # noqa: BLE001 (else the query would never end, and give no reason)
                execution.end("FAILED", f"GENERIC_INTERNAL_ERROR: {error!r}")
            else:
                execution.end("SUCCEEDED")

    async def _wait_for(self, execution: Execution) -> Answer:
        """Run the query in a thread, and interrupt it when it is cancelled, or when the server ends."""
        connection = duckdb.connect()
        group = execution.workgroup
        run = functools.partial(engine.run, scope=execution.scope, bytes_limit=group.bytes_limit, port=self._port)
        running = asyncio.create_task(asyncio.to_thread(run, connection, execution.query, database=execution.database))
        try:
            while not running.done():
                await asyncio.wait([running], timeout=_STOP_SECONDS)
                if execution.has_ended:
                    _interrupt(connection)  # again and again: between two steps there is nothing to interrupt
        finally:
            _interrupt(connection)
        return running.result()


def _interrupt(connection: duckdb.DuckDBPyConnection) -> None:
    with contextlib.suppress(duckdb.ConnectionException):  # the query has ended
        connection.interrupt()


async def _write_csv(execution: Execution, body: bytes) -> None:
    """Write the result object; this comes before SUCCEEDED, because a client that sees that reads it."""
    place = urlsplit(execution.output_location)
    status, _, refusal = await emulator.put_object(
        execution.scope, bucket=place.netloc, key=place.path.lstrip("/"), body=body
    )
    if status >= 300:
        raise QueryError(f"Unable to write to {execution.output_location}: {refusal.decode(errors='replace')}")


OPERATIONS: Operations = {
    "GetQueryExecution": (AthenaService.get_query_execution, (_ID,)),
    "GetQueryResults": (AthenaService.get_query_results, (_ID, "MaxResults", "NextToken")),
    "GetWorkGroup": (AthenaService.get_work_group, ("WorkGroup",)),
    "ListQueryExecutions": (AthenaService.list_query_executions, ("WorkGroup", "MaxResults", "NextToken")),
    "ListWorkGroups": (AthenaService.list_work_groups, ()),
    "StartQueryExecution": (
        AthenaService.start_query_execution,
        ("QueryString", "ClientRequestToken", "QueryExecutionContext", "ResultConfiguration", "WorkGroup"),
    ),
    "StopQueryExecution": (AthenaService.stop_query_execution, (_ID,)),
}


def install(settings: LocalCloudSettings, port: int) -> AthenaService:
    """Read what is on disk and answer the calls to Athena; `port` is where this cloud's S3 is read from."""
    service = AthenaService(settings, port)
    emulator.replace("athena", service.handle)
    return service


def _output_folder(group: WorkGroup, payload: Payload) -> str:
    asked = (payload.get("ResultConfiguration") or {}).get("OutputLocation")
    location = group.output_location if group.enforced or not asked else asked
    if not location or not location.startswith("s3://"):
        raise AwsError(
            INVALID,
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input.",
        )
    return str(location).rstrip("/")


def _page(items: list[Any], payload: Payload, *, most: int = _MAX_ROWS) -> tuple[list[Any], Payload]:
    """Return the items of the page that is asked for, and where the next page starts, if there is one."""
    count = int(payload.get("MaxResults", most))
    if not 1 <= count <= most:
        raise AwsError(INVALID, f"MaxResults is not valid: {count} is not between 1 and {most}")
    try:
        start = int(payload.get("NextToken", "0"))
    except ValueError as error:
        raise AwsError(INVALID, f"NextToken is not valid: {payload['NextToken']}") from error
    end = start + count
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}
