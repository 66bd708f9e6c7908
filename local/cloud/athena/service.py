"""The Athena service: its table of operations, its HTTP handler, and the queries that run beside the requests."""

import asyncio
import time
import uuid
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from local.cloud import emulator
from local.cloud.athena.engine import Answer, RunningQuery
from local.cloud.athena.store import (
    CANCELLED,
    FAILED,
    INVALID,
    PRIMARY,
    RUNNING,
    SUCCEEDED,
    Execution,
    Executions,
    WorkGroup,
    WorkGroups,
)
from local.cloud.athena.tables import QueryError
from local.cloud.json_protocol import AwsError, JsonService, Operations, Payload
from local.cloud.settings import LocalCloudSettings

_ID: Final = "QueryExecutionId"
_MAX_ROWS: Final = 1000
_STOP_SECONDS: Final = 0.1


class AthenaService(JsonService):
    """Queries run in threads, one after the other; their state is on the disk before any answer."""

    def __init__(self, settings: LocalCloudSettings, port: int) -> None:
        super().__init__(OPERATIONS, self, target="AmazonAthena", invalid=INVALID)
        self.workgroups = WorkGroups(settings.state_dir / "athena")
        self._executions = Executions(settings.state_dir / "athena")
        self._port = port
        self._turn = asyncio.Semaphore(1)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start_query_execution(self, payload: Payload) -> Payload:
        """StartQueryExecution: QUEUED at once; the same token again starts nothing."""
        owner, token = emulator.scope(), str(payload.get("ClientRequestToken") or uuid.uuid4())
        earlier = self._executions.with_token(owner, token)
        if earlier is not None:
            if earlier.query != payload.get("QueryString"):
                raise AwsError(INVALID, "Idempotent parameters do not match")
            return {_ID: earlier.id}
        execution = self._new_execution(payload, token)
        self._executions.save(execution)
        self._tasks[execution.id] = asyncio.get_running_loop().create_task(self._run(execution))
        return {_ID: execution.id}

    def get_query_execution(self, payload: Payload) -> Payload:
        """GetQueryExecution."""
        return {"QueryExecution": self._execution(payload).described()}

    def get_query_results(self, payload: Payload) -> Payload:
        """GetQueryResults: the first row of the first page holds the columns' names, as on Athena."""
        execution = self._execution(payload)
        if execution.state != SUCCEEDED:
            raise AwsError(INVALID, f"Query has not yet finished. Current state: {execution.state}")
        results = self._executions.results(execution)
        rows = [results.names, *results.rows]
        start, count = _page(payload)
        page = [{"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in rows[start:]]
        more = {"NextToken": str(start + count)} if len(page) > count else {}
        metadata = {"ColumnInfo": [column.info() for column in results.columns]}
        return {"UpdateCount": 0, "ResultSet": {"Rows": page[:count], "ResultSetMetadata": metadata}, **more}

    def stop_query_execution(self, payload: Payload) -> Payload:
        """StopQueryExecution; an execution that has ended stays as it is."""
        execution = self._execution(payload)
        if not execution.has_ended:
            reason = "Query cancelled by user"
            self._executions.save(replace(execution, state=CANCELLED, reason=reason, completed=time.time()))
        return {}

    def list_query_executions(self, payload: Payload) -> Payload:
        """ListQueryExecutions of a workgroup, the newest first."""
        group = self.workgroups.get(emulator.scope(), payload.get("WorkGroup", PRIMARY))
        found = [one.id for one in self._executions.of_workgroup(emulator.scope(), group.name)]
        start, count = _page(payload, most=50)
        more = {"NextToken": str(start + count)} if len(found) > start + count else {}
        return {"QueryExecutionIds": found[start : start + count], **more}

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
            workgroup=group.name,
            output_location=f"{_output_folder(group, payload)}/{execution_id}.csv",
            encryption=group.encryption,
            bytes_limit=group.bytes_limit,
            submitted=time.time(),
        )

    def _execution(self, payload: Payload) -> Execution:
        return self._executions.get(emulator.scope(), payload.get(_ID))

    async def _run(self, execution: Execution) -> None:
        async with self._turn:
            if self._has_ended(execution):
                return
            query = RunningQuery(execution, port=self._port)
            try:
                self._executions.save(replace(execution, state=RUNNING))
                ended = await self._answer(execution, query)
            except QueryError as error:
                ended = replace(execution, state=FAILED, reason=str(error))
            except Exception as error:  # noqa: BLE001 (else the query would never end, and give no reason)
                ended = replace(execution, state=FAILED, reason=f"GENERIC_INTERNAL_ERROR: {error!r}")
            if not self._has_ended(execution):
                self._executions.end(replace(ended, completed=time.time()))
        del self._tasks[execution.id]

    async def _answer(self, execution: Execution, query: RunningQuery) -> Execution:
        """Run the query and write its answer; the CSV comes first, because a client that sees SUCCEEDED reads it."""
        answer = await self._wait_for(execution, query)
        place = urlsplit(execution.output_location)
        key, body = place.path.lstrip("/"), answer.results.csv()
        status, _, refusal = await emulator.put_object(execution.scope, bucket=place.netloc, key=key, body=body)
        if status >= 300:
            raise QueryError(f"Unable to write to {execution.output_location}: {refusal.decode(errors='replace')}")
        self._executions.save_results(execution, answer.results)
        return replace(execution, state=SUCCEEDED, bytes=answer.bytes)

    async def _wait_for(self, execution: Execution, query: RunningQuery) -> Answer:
        running = asyncio.create_task(asyncio.to_thread(query.run))
        try:
            while not running.done():
                await asyncio.wait([running], timeout=_STOP_SECONDS)
                if self._has_ended(execution):
                    query.stop()
        finally:
            query.stop()  # when the server ends
        return running.result()

    def _has_ended(self, execution: Execution) -> bool:
        return self._executions.get(execution.scope, execution.id).has_ended


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


def _page(payload: Payload, *, most: int = _MAX_ROWS) -> tuple[int, int]:
    """Return where a page starts, and how many items it may hold."""
    count = int(payload.get("MaxResults", most))
    if not 1 <= count <= most:
        raise AwsError(INVALID, f"MaxResults is not valid: {count} is not between 1 and {most}")
    try:
        return int(payload.get("NextToken", "0")), count
    except ValueError as error:
        raise AwsError(INVALID, f"NextToken is not valid: {payload['NextToken']}") from error
