"""What waiting for the disk costs the local cloud: `python -m benchmarks.local_cloud [--seconds 10]`.

Two clouds in a temporary folder, one with fsync and one without, take turns: one client puts 500 records into 64
shards, 100 into one shard, and an object. A JSON line for each cloud has the medians of its calls in milliseconds.
Client and servers share the machine, so the figures include the cost of the client.
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
    """Measure both clouds and print their lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each cloud is measured")
    seconds = parser.parse_args().seconds
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


if __name__ == "__main__":
    main()
