"""
## A Kinesis stream with as many shards as its traffic needs

### Why

A provisioned stream does not scale by itself: with too few shards producers are throttled, with too many one pays for
nothing. This DAG watches the stream's metrics, asks the policy (`docs/scaling.md` says how it decides), and splits,
merges or resizes. There is one DAG per stream: `scale_event_stream` for this environment's own, and
`scale_event_stream__<name>` for others that the file of `CLICKSTREAM_SCALING` names.

### When

Continuously, one run at a time. A run watches in the triggerer until there is something to do, an hour at most, makes
one move, waits until the stream is ACTIVE, and records it; the next run begins at once. *Pausing it is safe*: the
stream stays as it is, AWS finishes a move that has begun, and a decision that is older than five minutes when you
resume is dropped and decided anew.

### Needs

A mode other than `off` (below); for Airflow's role `kinesis:DescribeStreamSummary`, `kinesis:ListShards`,
`kinesis:ListTagsForStream`, `kinesis:DescribeLimits`, `cloudwatch:GetMetricData` and `cloudwatch:PutMetricData`; in
mode `on` also `kinesis:AddTagsToStream`, `kinesis:UpdateShardCount`, `kinesis:SplitShard` and `kinesis:MergeShards`.
CloudWatch charges 0.01 $ for 1,000 metrics read: five at each look, every 30 seconds, are 4.30 $ a month.

### Leaves behind

A row of `scaling_decisions` for each move and for each time that it was close to one; read them with
`python -m kinesis_scaling explain --since 2026-11-22T00:00`. Two tags on the stream, `kinesis-scaling/…`: the calls of
UpdateShardCount (AWS allows ten in 24 hours) and the last move that AWS refused. Leave them alone.

### Modes

In the file that `CLICKSTREAM_SCALING` names (`plugins/kinesis_scaling/stream_settings.py` shows one; without a file,
this environment's stream is watched in mode `advise`; a stream that the file does not name has no DAG):

* `advise` decides and records what it would do, and changes nothing. Begin with it, for a week.
* `on` does it.
* `off` looks at nothing; the DAG has no schedule. The stream stays as it is.

A change of the file holds from the next run on, within an hour. To have it at once, clear the waiting `watch_shards`.

### When it fails

* `watch_shards`: the message says what is wrong: no such stream, a stream in on-demand mode, a missing right, AWS not
  answering for ten minutes. Nothing was changed. It is tried again, and continues by itself once the cause is removed.
* `update_shard_count`, `split_shard`, `merge_shards`: a right is missing, or AWS stopped answering in the middle.
  Nothing is half done: the next run decides by what it finds. A call that AWS *refuses* (its limits) is no failure but
  a row with the outcome `refused`; the policy continues with other moves.
* `record_decisions`: the catalog does not answer; clear it. It also fails, after recording what there is, if a task
  before it failed.

### What to do when

* *Producers are throttled and nothing happens*: look at the newest rows (`explain`). `at ceiling`: raise
  `maximum_shards`, or ask AWS for a higher shard quota. `hot key`: no number of shards helps; spread the key. `hot
  shard` without a shard: switch on shard-level metrics (`aws kinesis enable-enhanced-monitoring`). `patchy metrics` or
  `no metrics`: CloudWatch.
* *You expect a peak*: give the stream a floor for that time in the file; it is there half an hour before.
* *You want to scale by hand*: do it, the DAG continues from there. Calls that it does not know of make AWS refuse one
  of its own; then it uses splits and merges for an hour. To keep it from undoing your change, pause it or set a floor.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from contracts.metrics import Metric
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_settings import Mode, ScaledStream, scaled_streams
from kinesis_scaling.tasks.operators import (
    MergeShardsOperator,
    ShardUtilizationSensor,
    SplitShardOperator,
    UpdateShardCountOperator,
)
from pipeline.conventions import Tag, pipeline_dag
from pipeline.settings import settings_from

SETTINGS = settings_from(os.environ)
OWN_STREAM = SETTINGS.environment.event_stream
MOVES = {
    Action.UPDATE_SHARD_COUNT: ("update_shard_count", UpdateShardCountOperator),
    Action.SPLIT_SHARD: ("split_shard", SplitShardOperator),
    Action.MERGE_SHARDS: ("merge_shards", MergeShardsOperator),
}


@task(trigger_rule="all_done")
def record_decisions(mode: str, *, ti: Any = None) -> None:
    """Write the run's decisions to `scaling_decisions`, in one commit; fail if a task before failed."""
    from kinesis_scaling.decisions.record import run_decisions
    from kinesis_scaling.decisions.store import open_decision_store
    from pipeline.metrics import put_metrics

    if mode == Mode.OFF:
        raise AirflowSkipException("the mode is off")
    watched = ti.xcom_pull(task_ids="watch_shards")
    if watched is None:
        raise AirflowFailException("watch_shards has decided nothing: see its log")
    decisions = run_decisions(watched, [ti.xcom_pull(task_ids=task_id) for task_id, _ in MOVES.values()])
    if not decisions.records:
        raise AirflowSkipException("nothing was close to a move")
    open_decision_store(SETTINGS.lake).write(decisions.records)
    put_metrics(SETTINGS.lake, {Metric.SCALING_STUCK: sum(record.is_stuck for record in decisions.records)})
    for record in decisions.records:
        print(f"{record.outcome}: {record.open_shards} → {record.target_shards} shards; {record.explanation}")
    if decisions.move_failed:
        raise AirflowFailException("the move failed: see the log of its task")


def scaling_dag(stream: ScaledStream) -> DAG:
    """Return the DAG that scales one stream."""
    suffix = "" if stream.name == OWN_STREAM else f"__{stream.name}"
    dag_id = f"scale_event_stream{suffix}"
    with pipeline_dag(
        dag_id,
        description=f"As many shards as the traffic needs: stream {stream.name}, mode {stream.mode}",
        doc_md=__doc__,
        schedule=None if stream.mode is Mode.OFF else "@continuous",
        dagrun_timeout=stream.run_length + timedelta(hours=8),
        tags=[Tag.OPERATIONS, Tag.SCALING],
    ) as dag:
        watch = ShardUtilizationSensor(
            task_id="watch_shards",
            stream=stream,
            move_task_ids={action.value: task_id for action, (task_id, _) in MOVES.items()},
            otherwise="record_decisions",
            aws_conn_id=None,
        )
        recorded = record_decisions(stream.mode.value)
        watch >> recorded
        for task_id, operator in MOVES.values():
            move = operator(task_id=task_id, stream_name=stream.name, decisions=watch.output, aws_conn_id=None)
            watch >> move >> recorded
    return dag


for scaled_stream in scaled_streams(os.environ, OWN_STREAM):
    globals()[f"scale_{scaled_stream.name}"] = scaling_dag(scaled_stream)
