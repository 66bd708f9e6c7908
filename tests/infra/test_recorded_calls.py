"""What jobs, Airflow's tasks and the live minutes call on the local cloud, each under an own key: their roles allow it.

The rights that they need are kept in recorded_calls.txt, by which tests/infra/test_rights.py tries every template in a
second; this test fails if the jobs need one that is not there. `RECORD=1` writes the file anew.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from contracts.metrics import Metric
from contracts.names import LakeLocation
from contracts.partitions import RAW_PREFIX, landing_prefix, parse_hour_key
from contracts.stages import ALL_TABLES, DAYS
from contracts.tables import CLEAN_EVENTS
from infra.settings import settings_of
from live.__main__ import main as live
from local.cloud.process import LocalCloud
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import java_class
from spark_jobs.operations.erasure.erase_users import Erasure, erase_users
from spark_jobs.operations.erasure.user_matching import SoughtUsers
from spark_jobs.operations.maintain_tables import MaintenanceRules, expire_rejected, maintain_table
from spark_jobs.operations.reconcile_hours import reconcile_hours
from spark_jobs.operations.replay_rejected import ReplayRange, plan_replay, replay
from storage.bucket import s3_client
from storage.location import open_store
from tests.docs.conftest import run
from tests.infra.iam_requests import rights
from tests.spark_jobs.glue_session import glue_session

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.cloud, pytest.mark.cdk, pytest.mark.timeout(900)]

RECORDED = Path(__file__).with_name("recorded_calls.txt")
FIRST, END = parse_hour_key("2026-11-22T08"), parse_hour_key("2026-11-22T10")
SETTLED = datetime(2026, 11, 23, tzinfo=UTC)


@contextmanager
def acting_as(key: str) -> Iterator[None]:
    """Let boto3's clients of this process sign with a key of the actor's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", key)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        s3_client.cache_clear()
        try:
            yield
        finally:
            s3_client.cache_clear()


def run_jobs(spark: SparkSession, cloud: LocalCloud, where: LakeLocation) -> None:
    """Every kind of job over two landing hours: all tables, a replay, an erasure, maintenance."""
    with glue_session(spark, cloud, warehouse_uri=where.warehouse_uri) as session, acting_as("SPARK"):
        java_class(spark, "java.lang.System").setProperty("aws.accessKeyId", "SPARK")
        session.sparkContext.environment["AWS_ACCESS_KEY_ID"] = "SPARK"
        lake = Lake.at(where, session)
        reconcile_hours(lake, FIRST, END, SETTLED)
        replay(lake, plan_replay(lake, ReplayRange(), SETTLED), SETTLED)
        (someone,) = lake.read(CLEAN_EVENTS).select("user_id").limit(1).collect()
        erase_users(lake, Erasure(users=SoughtUsers(ids=(someone.user_id,)), alone=True))
        expire_rejected(lake, FIRST)
        for table in ALL_TABLES:
            maintain_table(lake, table, MaintenanceRules(now=datetime.now(UTC)))


def run_tasks(where: LakeLocation, stream: str, topic: str) -> None:
    """What Airflow's tasks do beside the jobs that they start."""
    from airflow.providers.amazon.aws.hooks.sns import SnsHook

    from kinesis_scaling.decisions.store import open_decision_store
    from kinesis_scaling.scaling_decision import Action
    from kinesis_scaling.stream_settings import Mode, ScaledStream
    from kinesis_scaling.tasks.stream_hook import StreamHook
    from pipeline.lake_status.checks import failures_now
    from pipeline.lake_status.derived import publishable
    from pipeline.lake_status.hours import checked_landing_row, landing_input_changed, publishable_event_hours
    from pipeline.lake_status.reconcile import stale_around
    from pipeline.metrics import put_metrics

    with acting_as("AIRFLOW"):
        landing_input_changed(where, FIRST, settled=True)
        checked_landing_row(where, FIRST)
        publishable_event_hours(where, FIRST)
        publishable(where, DAYS, {FIRST.date()})
        failures_now(where)
        stale_around(where, FIRST, END, settled_end=END)
        put_metrics(where, {Metric.SETTLED_HOURS: 1})
        hook_of_sns: Any = SnsHook
        hook_of_sns(aws_conn_id=None).publish_to_target(topic, "failed", "failed")
        hook = StreamHook(aws_conn_id=None)
        hook.watch(ScaledStream(name=stream, mode=Mode.ON), "test").look(datetime.now(UTC))
        grown = [(Action.SPLIT_SHARD, 1), (Action.MERGE_SHARDS, -1), (Action.UPDATE_SHARD_COUNT, 1)]
        open_decision_store(where).write([move(hook, stream, action, more) for action, more in grown])


def run_live_minutes(found: dict[str, str]) -> None:
    """One look of the live minutes: raw objects, erased users, the document, metrics."""
    with acting_as("LIVE"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLICKSTREAM_RAW_URI", found["RawUri"])
        patch.setenv("CLICKSTREAM_WAREHOUSE_URI", found["WarehouseUri"])
        patch.setenv("CLICKSTREAM_DATABASE", found["Database"])
        assert live(["--once"]) == 0


def move(hook: Any, stream: str, action: Any, more: int) -> Any:
    """Make a move as the task does, and wait until the stream is ACTIVE."""
    from kinesis_scaling.stream.moves import is_settled
    from tests.plugins.kinesis_scaling.tasks.records import record

    summary = hook.conn.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    before, now = summary["OpenShardCount"], datetime.now(UTC)
    wanted = record(action, before, before + more, stream_name=stream, decided_at=now)
    ended = hook.moves(stream).begin(wanted, now, tried_before=False)
    assert ended is None, ended
    while not is_settled(hook.conn, stream):
        time.sleep(0.1)
    return hook.moves(stream).end(wanted, datetime.now(UTC))


def test_the_roles_allow_what_jobs_and_tasks_call_and_the_recording_has_all_of_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "requests.jsonl"
    with LocalCloud(tmp_path / "state", arguments=("--request-log", str(log), "--reshard-seconds", "0.2")) as cloud:
        variables = cloud.environment()
        found = json.loads(run(variables, "-m", "infra.deploy", "--environment", "local"))
        defects = ["--seed", "1", "--defects", "default", "--late", "0.001", "--events", "1000", "--quiet"]
        span = ["--from", "2026-11-22T08", "--to", "2026-11-22T10"]
        run(variables, "-m", "simulator", "history", "--raw", found["RawUri"], *span, *defects)
        where = LakeLocation(raw_uri=found["RawUri"], warehouse_uri=found["WarehouseUri"], database=found["Database"])
        run_jobs(spark, cloud, where)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        run_tasks(where, found["StreamName"], found["AlarmTopic"])
        now = datetime.now(UTC)
        open_store(found["RawUri"]).put(f"{landing_prefix(now).removeprefix(RAW_PREFIX)}x", b"{}")
        run_live_minutes(found)

    needed = {
        f"{line['key']} {action} {resource}"
        for line in map(json.loads, log.read_text().splitlines())
        if line["key"] in ("SPARK", "AIRFLOW", "LIVE")
        for action, resource in rights(line)
    }
    names = settings_of("local").names
    assert all(names.environment in line or line.endswith(("*", ":catalog")) for line in needed)
    if os.environ.get("RECORD"):
        RECORDED.write_text("\n".join(sorted(needed)) + "\n")
    assert needed - set(RECORDED.read_text().splitlines()) == set()
