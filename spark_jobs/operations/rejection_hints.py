"""A file of which most was rejected → what it seems to be, and by reason how often and with which example."""

from collections.abc import Mapping
from typing import Final

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.names import LakeLocation
from contracts.rejections import RejectionReason
from contracts.tables import REJECTED_EVENTS

_SEEMS: Final = {
    RejectionReason.NOT_JSON: "text, or JSON that is broken",
    RejectionReason.NOT_AN_ENVELOPE: "JSON of something else than events",
    RejectionReason.TOO_LATE: "envelopes whose events are far older than their `received_at`",
    RejectionReason.FROM_THE_FUTURE: "envelopes whose events are younger than their `received_at`",
}
_REASONS: Final = {reason.value: reason for reason in RejectionReason}


def rejection_hint(spark: SparkSession, lake: LakeLocation, rejected: Mapping[str, int]) -> str:
    """Return what lines seem to be that were rejected, `rejected` times by reason, most of them for the first."""
    rows = (
        spark.table(lake.table(REJECTED_EVENTS.name)).groupBy("rejection_reason").agg(F.min("detail").alias("detail"))
    )
    examples = {row.rejection_reason: row.detail for row in rows.collect()}
    lines = [
        f"  {reason} {count:,}: {_REASONS[reason].sentence} For example: {examples[reason]}"
        for reason, count in rejected.items()
    ]
    seems = _SEEMS.get(_REASONS[next(iter(rejected))], "events of another shape than docs/event.md")
    return "\n".join([f"most of it seems to be {seems}; wanted is one event or envelope per line. By reason:", *lines])
