"""How fast the local cloud takes records, when it is empty and when it holds a million: PutRecords over HTTP.

`python -m benchmarks.local_cloud [--stored 1000000] [--seconds 10]` starts a cloud of its own in a temporary folder,
puts batches of 500 records through boto3, and prints for each fill level the rate, the memory of the server and what a
read and a restart take. Both processes share the machine, so the cost of the client is in the figures.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3

from infra.local.process import LocalCloud

STREAM = "benchmark"
SHARDS = 64  # 64,000 records/s: enough that the shards' limit does not hide the server's
RECORD = json.dumps({"received_at": 1_800_000_000_000, "event": {"click_id": "c" * 32, "pad": "x" * 330}}).encode()


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One fill level; memory is the server's resident set."""

    stored: int
    records_per_second: int
    resident_mebibytes: int
    get_records_milliseconds: float


def main() -> None:
    """Measure and print one JSON line per fill level."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, default=1_000_000, help="records to fill up to before the second run")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each run puts")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalCloud(Path(folder)) as cloud:
        kinesis = client(cloud)
        kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
        stored, rate = put(kinesis, seconds=given.seconds)
        report(cloud, kinesis, stored=0, rate=rate)
        while stored < given.stored:
            stored += put(kinesis, seconds=1.0)[0]
            print(f"\r{stored:,} records stored", end="", flush=True)
        print()
        added, rate = put(kinesis, seconds=given.seconds)
        report(cloud, kinesis, stored=stored, rate=rate)
        started = time.monotonic()
        cloud.restart()
        print(json.dumps({"stored": stored + added, "restart_seconds": round(time.monotonic() - started, 1)}))


def client(cloud: LocalCloud) -> Any:
    """A Kinesis client of the cloud."""
    environment = cloud.environment()
    return boto3.client(
        "kinesis",
        endpoint_url=cloud.endpoint_url,
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def put(kinesis: Any, *, seconds: float) -> tuple[int, float]:
    """Put batches of 500 for a while: records accepted, and accepted per second."""
    accepted, started = 0, time.monotonic()
    while (elapsed := time.monotonic() - started) < seconds:
        records = [{"Data": RECORD, "PartitionKey": f"{accepted}-{n}"} for n in range(500)]
        accepted += 500 - kinesis.put_records(StreamName=STREAM, Records=records)["FailedRecordCount"]
    return accepted, accepted / elapsed


def report(cloud: LocalCloud, kinesis: Any, *, stored: int, rate: float) -> None:
    """Print one fill level."""
    figures = Figures(
        stored=stored,
        records_per_second=round(rate),
        resident_mebibytes=resident_mebibytes(cloud),
        get_records_milliseconds=round(read_milliseconds(kinesis), 1),
    )
    print(json.dumps(asdict(figures)), flush=True)


def resident_mebibytes(cloud: LocalCloud) -> int:
    """The server's resident memory (Linux)."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{cloud.pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) // 1024


def read_milliseconds(kinesis: Any) -> float:
    """GetRecords of 1,000 records in the middle of a shard."""
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][SHARDS // 2]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    started = time.monotonic()
    kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1_000)
    return (time.monotonic() - started) * 1000


if __name__ == "__main__":
    main()
