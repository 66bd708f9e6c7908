"""What was decided about a stream's shards: written by the DAG that scales it, from no event."""

from typing import Final

from contracts.tables.declaration import Partition, Table, optional, required

SCALING_DECISIONS: Final = Table(
    name="scaling_decisions",
    row_is="a decision about a stream's shards, or that nothing was done though something was close",
    made_from="each run of `scale_event_stream`",
    partitions=(Partition(column="decided_at", transform="days"),),
    sort=("stream_name", "decided_at"),
    columns=(
        required("decision_id", "string", "Stream, time and action; a task that is tried again writes no second row."),
        required("stream_name", "string", "The Kinesis stream."),
        required("decided_at", "timestamp", "When it was decided."),
        required("mode", "string", "`on`, or `advise`: then nothing was changed, whatever `action` says."),
        required("action", "string", "`hold`, `UpdateShardCount`, `SplitShard` or `MergeShards`."),
        required("reason", "string", "The branch of the policy that decided."),
        required("explanation", "string", "Why, in a sentence with numbers."),
        required(
            "outcome", "string", "`done`, `advised`, `held`, `refused` by AWS, `superseded` by a change, or `failed`."
        ),
        optional("outcome_detail", "string", "What AWS said, or what had changed; null if all went as decided."),
        required("open_shards", "bigint", "Open shards when it was decided."),
        required("target_shards", "bigint", "Open shards that this move was to lead to."),
        optional(
            "resulting_shards", "bigint", "Open shards when the stream was ACTIVE again; null if nothing was done."
        ),
        optional("finished_at", "timestamp", "When the stream was seen ACTIVE again; null if nothing was done."),
        optional("planned_steps", "string", "The counts of the way to the wanted one, this move's first: `14 28 56`."),
        optional("shard_id", "string", "The shard that was to be split, if the decision was about one."),
        required("wanted_shards", "bigint", "Shards that the remembered demand asks for, within floor and ceiling."),
        required("floor_shards", "bigint", "The minimum, or the scheduled floor that held."),
        required("ceiling_shards", "bigint", "The maximum, or what the account's quota left."),
        required("calls_left", "bigint", "UpdateShardCount calls left of ten in 24 hours, before this move."),
        optional("demand", "double", "Demand of the latest known minute, in shards; null if no minute was known."),
        required("throttled_share", "double", "Part of that minute's records that was refused, 0–1."),
        optional("metrics_age_seconds", "double", "From that minute's end to the decision."),
        required("recent_peak", "double", "The remembered peak that asks for most, in shards."),
        required("recurring_peak", "double", "The peak expected at this time of day, in shards; 0 if none."),
        optional("consumer_lag_seconds", "double", "How far the slowest consumer was behind; null if nobody reads."),
        required("dollars_per_hour", "double", "What the move changes on the bill."),
        required("times", "bigint", "So many polls in a row came to the same; 1 for a move."),
        required("last_decided_at", "timestamp", "The last of these polls."),
        required("decided_by", "string", "The Airflow run."),
    ),
)
