"""The whole path from HTTP to `clean_events`, over what goes wrong on it."""

import json
import signal
from pathlib import Path

import pytest

from local.cloud.process import LocalCloud
from tests.e2e.running_pipeline import RunningPipeline, deploy, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def logged(path: Path) -> list[str]:
    """The click_ids that the simulator got a 2xx for, so far."""
    return path.read_text().splitlines() if path.exists() else []


def test_every_accepted_event_is_counted_once_over_a_reshard_and_a_kill(tmp_path: Path) -> None:
    accepted_log = tmp_path / "accepted.txt"
    with LocalCloud(tmp_path / "cloud") as cloud:
        pipeline = deploy(cloud, tmp_path)
        stream = pipeline.simulate(
            # Without an end: however slow the machine is, there is traffic when the cloud is killed.
            *("stream", "--api-url", pipeline.outputs["ApiUrl"], "--rate", "5000", "--batch-size", "500"),
            *("--accepted-log", str(accepted_log)),
        )
        wait_until(lambda: len(logged(accepted_log)) > 25_000, what="a quarter of the events accepted")
        kinesis = pipeline.client("kinesis")
        kinesis.update_shard_count(
            StreamName=pipeline.outputs["StreamName"], TargetShardCount=6, ScalingType="UNIFORM_SCALING"
        )
        wait_until(lambda: len(logged(accepted_log)) > 50_000, what="more events accepted after the reshard")
        # A client that happens to be waiting, in all its connections, to send again what was throttled notices nothing.
        cloud.kill()
        cloud.start()
        wait_until(lambda: len(logged(accepted_log)) >= 100_000, what="more events accepted after the kill")
        stream.send_signal(signal.SIGINT)
        report = json.loads(stream.communicate(timeout=300)[0])
        assert report["possibly_stored"] == 0, "it is not known whether all events of the last moment were stored"

        accepted = logged(accepted_log)
        assert len(accepted) == len(set(accepted)) == report["accepted"]
        landed = wait_for_arrival(pipeline, set(accepted))
        summary = kinesis.describe_stream_summary(StreamName=pipeline.outputs["StreamName"])
        assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 6

        first, last = pipeline.landing_hours()
        pipeline.spark_submit("run_transform_events", "--from", first, "--to", last, "--allow-open-hour")
        pipeline.spark_submit("run_aggregate_hours", "--from", first, "--to", last)
        clean = [click_id for (click_id,) in pipeline.query("clean_events", "SELECT click_id FROM rows")]
        assert sorted(clean) == sorted(accepted)
        ((lines, received, rejected),) = pipeline.query(
            "landing_ledger", "SELECT sum(lines), sum(received), sum(rejected) FROM rows"
        )
        assert (lines, received, rejected) == (landed, landed, 0)
        ((duplicates,),) = pipeline.query("event_ledger", "SELECT sum(duplicates) FROM rows")
        assert duplicates == landed - len(accepted) <= report["possibly_duplicated"]


def test_a_throttled_client_gets_429_and_every_event_arrives(tmp_path: Path) -> None:
    accepted_log = tmp_path / "accepted.txt"
    with LocalCloud(tmp_path / "cloud") as cloud:
        pipeline = deploy(cloud, tmp_path)
        kinesis, name = pipeline.client("kinesis"), pipeline.outputs["StreamName"]
        for target in (2, 1):
            kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
            wait_until(lambda: is_active(pipeline), what="the stream is ACTIVE")
            kinesis.update_shard_count(StreamName=name, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
        wait_until(lambda: is_active(pipeline), what="the stream is ACTIVE")
        stream = pipeline.simulate(
            *("stream", "--api-url", pipeline.outputs["ApiUrl"], "--events", "20000"),
            *("--rate", "5000", "--batch-size", "300", "--accepted-log", str(accepted_log)),
        )
        report = json.loads(stream.communicate(timeout=300)[0])
        assert stream.returncode == 0, report
        assert report["retried"] > 0
        assert report["statuses"].get("429", 0) > 0
        assert report["statuses"].get("207", 0) > 0, "no batch was stored in part"
        accepted = logged(accepted_log)
        assert len(accepted) == report["accepted"] == 20_000
        assert wait_for_arrival(pipeline, set(accepted)) == 20_000, (
            "an event was stored, though the client got a failure"
        )


def is_active(pipeline: RunningPipeline) -> bool:
    """Whether the stream is not being resharded."""
    summary = pipeline.client("kinesis").describe_stream_summary(StreamName=pipeline.outputs["StreamName"])
    return bool(summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")


def wait_for_arrival(pipeline: RunningPipeline, accepted: set[str]) -> int:
    """Wait until every accepted event lies in S3; return how many lines there are."""
    wait_until(lambda: accepted <= pipeline.landed_click_ids().keys(), what="every accepted event is in S3")
    return len(pipeline.raw_lines())
