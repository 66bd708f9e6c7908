"""How fast the local cloud accepts records, when it is empty and when it holds a million: PutRecords over HTTP.

`python -m benchmarks.local_cloud [--stored 1000000] [--seconds 10]` starts a cloud of its own in a temporary folder,
puts batches of 500 records through boto3, and prints for each fill level the rate, the memory of the server and the
time of a read and of a restart. Both processes share the machine, so the figures include the cost of the client.

`--fsync` measures instead what waiting for the disk costs: two clouds, with and without fsync, take turns, and the
medians of their calls are printed.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.cloud.process import LocalCloud

STREAM = "benchmark"
SHARDS = 64  # 64,000 records/s: enough that the shards' limit does not hide the server's
RECORD = json.dumps({"received_at": 1_800_000_000_000, "event": {"click_id": "c" * 32, "pad": "x" * 330}}).encode()


def main() -> None:
    """Measure and print one JSON line per fill level."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, default=1_000_000, help="records to fill up to before the second run")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each run puts")
    parser.add_argument("--fsync", action="store_true", help="what fsync costs: with and without, in turns")
    given = parser.parse_args()
    if given.fsync:
        compare_fsync(seconds=given.seconds)
        return
    with tempfile.TemporaryDirectory() as folder, LocalCloud(Path(folder)) as cloud:
        kinesis = cloud.client("kinesis")
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


def compare_fsync(*, seconds: float) -> None:
    """Print a JSON line for the cloud with fsync, and one for the cloud without: medians of calls in milliseconds.

    One client puts 500 records into 64 shards, 100 into one shard, and an object, in turns.
    """
    with tempfile.TemporaryDirectory() as folder:
        with_fsync = LocalCloud(Path(folder) / "with")
        without = LocalCloud(Path(folder) / "without", arguments=("--no-fsync",))
        with with_fsync, without:
            calls = {cloud: _calls(cloud) for cloud in (with_fsync, without)}
            taken: dict[LocalCloud, list[list[float]]] = {cloud: [[], [], []] for cloud in calls}
            give_up = time.monotonic() + 2 * seconds
            while time.monotonic() < give_up:
                for cloud, functions in calls.items():
                    for place, function in enumerate(functions):
                        started = time.monotonic()
                        function()
                        taken[cloud][place].append((time.monotonic() - started) * 1000)
        for cloud, measured in taken.items():
            many, one, put_object = (statistics.median(times) for times in measured)
            figures = {
                "fsync": cloud is with_fsync,
                "records_per_second": round(500_000 / many),
                "put_records_64_shards": round(many, 1),
                "put_records_1_shard": round(one, 1),
                "put_object_100_kilobytes": round(put_object, 1),
            }
            print(json.dumps(figures), flush=True)


def _calls(cloud: LocalCloud) -> list[Callable[[], Any]]:
    kinesis, s3 = cloud.client("kinesis"), cloud.client("s3")
    kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
    kinesis.create_stream(StreamName="one", ShardCount=1)
    s3.create_bucket(Bucket="objects")
    many = [{"Data": RECORD, "PartitionKey": f"{n}"} for n in range(500)]
    return [
        lambda: kinesis.put_records(StreamName=STREAM, Records=many),
        lambda: kinesis.put_records(StreamName="one", Records=many[:100]),
        lambda: s3.put_object(Bucket="objects", Key=f"{time.monotonic_ns()}", Body=b"x" * 100_000),
    ]


def put(kinesis: Any, *, seconds: float) -> tuple[int, float]:
    """Put batches of 500 for a while; return how many records were accepted, in all and per second."""
    accepted, started = 0, time.monotonic()
    while (elapsed := time.monotonic() - started) < seconds:
        records = [{"Data": RECORD, "PartitionKey": f"{accepted}-{n}"} for n in range(500)]
        accepted += 500 - kinesis.put_records(StreamName=STREAM, Records=records)["FailedRecordCount"]
    return accepted, accepted / elapsed


def report(cloud: LocalCloud, kinesis: Any, *, stored: int, rate: float) -> None:
    """Print one fill level; the memory is the server's resident set."""
    figures = {
        "stored": stored,
        "records_per_second": round(rate),
        "resident_mebibytes": resident_mebibytes(cloud),
        "get_records_milliseconds": round(read_milliseconds(kinesis), 1),
    }
    print(json.dumps(figures), flush=True)


def resident_mebibytes(cloud: LocalCloud) -> int:
    """Return the server's resident memory (Linux)."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{cloud.pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) // 1024


def read_milliseconds(kinesis: Any) -> float:
    """Return how long GetRecords takes for 1,000 records."""
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][SHARDS // 2]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    started = time.monotonic()
    kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1_000)
    return (time.monotonic() - started) * 1000


if __name__ == "__main__":
    main()
