"""The stream's scaling, as the demo shows it: a small stream, a spike, more shards, and fewer again once it is over.

The policy is the product's, with hours made minutes: a demo cannot wait as long as one should with real traffic.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import boto3

from contracts.tables import SCALING_DECISIONS
from infra.local.demo.lake import Lake
from infra.local.demo.progress import Progress
from infra.local.errors import LocalCloudError

SCALING_DAG: Final = "scale_event_stream"
#: Names the file of settings; `kinesis_scaling.stream_settings.VARIABLE`, which infra may not import.
SCALING_VARIABLE: Final = "CLICKSTREAM_SCALING"
_SETTINGS: Final = """\
# The policy with minutes for hours.
[streams.{stream_name}]
mode = "on"
maximum_shards = 8
ask_every_seconds = 5
run_length_minutes = 10
points_come_within_minutes = 0  # the local cloud's metrics are there at once
fresh_minutes = 1
fading_minutes = 2
patience_minutes = 3
refusals_believed_minutes = 2
settling_time_minutes = 1
minutes_known_to_shrink = 2
known_share_to_shrink = 0.5
small_move = 0                  # grow by UpdateShardCount, not by splits
"""


class ScalingError(LocalCloudError):
    """The stream was not scaled as the demo's traffic asks for."""


def write_settings(path: Path, stream_name: str) -> Path:
    """Write the file that CLICKSTREAM_SCALING names; return its path."""
    path.write_text(_SETTINGS.format(stream_name=stream_name))
    return path


def shrink_by_hand(endpoint_url: str, stream_name: str) -> None:
    """Take all shards but one away, so that a spike which a laptop can make is one."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    kinesis = boto3.client("kinesis", endpoint_url=endpoint_url, region_name="us-east-1", **keys)
    while True:
        summary = kinesis.describe_stream_summary(StreamName=stream_name)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE":
            if summary["OpenShardCount"] == 1:
                return
            half = (summary["OpenShardCount"] + 1) // 2
            kinesis.update_shard_count(StreamName=stream_name, TargetShardCount=half, ScalingType="UNIFORM_SCALING")
        time.sleep(0.2)


def wait_for_scaling(lake: Lake, progress: Progress, *, within: float) -> list[dict[str, Any]]:
    """Return all decisions once the stream has grown and has one shard again; `ScalingError` after `within` s."""
    deadline = time.monotonic() + within
    while True:
        rows = sorted(lake.rows(SCALING_DECISIONS.name), key=lambda row: row["decided_at"])
        done = [row for row in rows if row["outcome"] == "done"]
        if done and has_grown(done) and done[-1]["resulting_shards"] == 1:
            return rows
        shards = " → ".join(str(row["resulting_shards"]) for row in done)
        progress.note(f"moves so far: {shards or 'none'}")
        if time.monotonic() > deadline:
            raise ScalingError(
                f"{SCALING_DAG} did not let the stream grow and shrink within {within:.0f} s: {shards or 'no move'}"
            )
        time.sleep(2)


def has_grown(moves: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a call of UpdateShardCount has added shards."""
    return any(row["action"] == "UpdateShardCount" and row["resulting_shards"] > row["open_shards"] for row in moves)
