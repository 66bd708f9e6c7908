"""Stream states in a few words: minutes of demand in shards, ending just before the metrics' delay."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kinesis_scaling.stream_state import MinuteSample, StreamState

NOW = datetime(2026, 3, 6, 12, 0, 30, tzinfo=UTC)
LATEST = datetime(2026, 3, 6, 11, 58, tzinfo=UTC)
RECORDS = 60_000


def minutes(
    demand: Sequence[float | None], latest: datetime = LATEST, throttled: dict[int, float] | None = None
) -> list[MinuteSample]:
    """Return one sample per figure (accepted, in shards; None = no data point); `throttled` by place, -1 the last."""
    refused = {place % len(demand): shards for place, shards in (throttled or {}).items()}
    return [
        MinuteSample(
            minute=latest - timedelta(minutes=len(demand) - 1 - place),
            incoming_records=None if shards is None else shards * RECORDS,
            throttled_records=refused.get(place, 0.0) * RECORDS,
        )
        for place, shards in enumerate(demand)
    ]


def stream(open_shards: int, demand: Sequence[float | None], **given: Any) -> StreamState:
    """Return an ACTIVE stream of which these minutes are known."""
    samples = minutes(demand, throttled=given.pop("throttled", None))
    known: dict[str, Any] = {"now": NOW, "open_shard_count": open_shards, "samples": samples}
    return StreamState(**known | given)


def calls(number: int, since: timedelta = timedelta(hours=2)) -> tuple[datetime, ...]:
    """Return so many past calls, the last one `since` ago."""
    return tuple(NOW - since - timedelta(minutes=10 * place) for place in range(number))
