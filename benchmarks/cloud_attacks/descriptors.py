"""2,000 clients of one request each at a limit of 1,024 open files: half close their connection, half leave it open."""

import base64
import json
import resource
from collections import Counter
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from benchmarks.cloud_attacks.pipeline import STREAM, Clients
from local.cloud.process import LocalCloud
from local.cloud.settings import HOST

CLIENTS: Final = 2_000
OPEN_FILES: Final = 1_024
_SILENT: Final = 1_500


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the clients got, and what the server had at the end; `exit_status` is that of SIGTERM."""

    clients: int
    statuses: dict[str, int]
    accepted: int
    stored: int
    lost: int
    tracebacks: int
    exit_status: int | None

    @property
    def passed(self) -> bool:
        return not self.lost and not self.tracebacks and self.exit_status == 0 and self.accepted > self.clients // 2


def attack(folder: Path) -> Result:
    """Come, ask once, and stay or leave; then as many that never ask."""
    _allow_open_files(2 * CLIENTS + _SILENT)
    with LocalCloud(folder / "state", open_files=OPEN_FILES) as cloud:
        clients = Clients(cloud)
        clients.kinesis.create_stream(StreamName=STREAM, ShardCount=4)
        port = int(cloud.endpoint_url.rsplit(":", 1)[1])
        left: list[HTTPConnection] = []
        statuses: Counter[str] = Counter()
        accepted: set[str] = set()
        for number in range(CLIENTS + _SILENT):
            connection = HTTPConnection(HOST, port, timeout=60)
            connection.connect()
            left.append(connection)
            if number < CLIENTS:
                status = _put(connection, str(number))
                statuses[status] += 1
                accepted |= {str(number)} if status == "200" else set()
                if number % 2:
                    left.pop().close()
        stored = _stored(Clients(cloud).kinesis)
        for connection in left:
            connection.close()
        exit_status = cloud.stop()
    return Result(
        clients=CLIENTS,
        statuses=dict(statuses),
        accepted=len(accepted),
        stored=len(stored),
        lost=len(accepted - stored),
        tracebacks=(folder / "state" / "cloud.log").read_text().count("Traceback"),
        exit_status=exit_status,
    )


def _allow_open_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _put(connection: HTTPConnection, number: str) -> str:
    """Return the status of one PutRecord."""
    record = {"StreamName": STREAM, "PartitionKey": number, "Data": base64.b64encode(number.encode()).decode()}
    headers = {"X-Amz-Target": "Kinesis_20131202.PutRecord", "Content-Type": "application/x-amz-json-1.1"}
    try:
        connection.request("POST", "/", json.dumps(record), headers)
        return str(connection.getresponse().status)
    except (OSError, HTTPException) as error:
        return type(error).__name__


def _stored(kinesis: Any) -> set[str]:
    found: set[str] = set()
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        asked = {"StreamName": STREAM, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(**asked)["ShardIterator"]
        while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
            found |= {record["Data"].decode() for record in records}
            iterator = answer["NextShardIterator"]
    return found
