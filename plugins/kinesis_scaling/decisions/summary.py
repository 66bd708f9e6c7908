"""Records of one stream → what an operator asks first: what was done, what was not, what is left, what it costs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeVar

from kinesis_scaling.aws_limits import UPDATE_CALLS
from kinesis_scaling.decisions.decision_record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action

T = TypeVar("T")

#: A month as AWS's price lists have it.
HOURS_PER_MONTH: Final = 730
#: The call was noted in the stream's tag before it was made; a task that failed may have come so far.
_CALL_NOTED: Final = (Outcome.DONE, Outcome.FAILED)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The longest time with so many open shards."""

    shards: int
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Figures of one stream's decisions; `calls_used` of ten in 24 hours, at the last decision and with it."""

    moves: tuple[tuple[Action, int], ...]
    not_made: tuple[tuple[Outcome, int], ...]
    held: int
    calls_used: int
    decided_last: datetime
    first_shards: int
    last_shards: int
    fewest: Stretch
    most: Stretch
    dollars_per_month: float


def summary_of(records: Sequence[DecisionRecord], until: datetime) -> Summary:
    """Return the figures of at least one record of one stream, in the order of time."""
    last = records[-1]
    stretches = list(_stretches(records, until))
    done = [record for record in records if record.outcome is Outcome.DONE]
    return Summary(
        moves=_counted((record.action for record in done), tuple(Action)),
        not_made=_counted(
            (record.outcome for record in records),
            (Outcome.REFUSED, Outcome.FAILED, Outcome.SUPERSEDED, Outcome.ADVISED),
        ),
        held=sum(record.outcome is Outcome.HELD for record in records),
        calls_used=UPDATE_CALLS - last.calls_left + _noted_call(last),
        decided_last=last.last_decided_at,
        first_shards=records[0].open_shards,
        last_shards=stretches[-1].shards,
        fewest=max(stretches, key=lambda stretch: (-stretch.shards, stretch.end - stretch.start)),
        most=max(stretches, key=lambda stretch: (stretch.shards, stretch.end - stretch.start)),
        dollars_per_month=(stretches[-1].shards - records[0].open_shards) * _shard_hour(records) * HOURS_PER_MONTH,
    )


def _shard_hour(records: Iterable[DecisionRecord]) -> float:
    """Return the dollars of a shard-hour that the decisions counted with; 0 if none of them was a move."""
    changes = ((record.dollars_per_hour, record.target_shards - record.open_shards) for record in records)
    return next((dollars / shards for dollars, shards in changes if shards), 0.0)


def _noted_call(record: DecisionRecord) -> bool:
    return record.action is Action.UPDATE_SHARD_COUNT and record.outcome in _CALL_NOTED


def _counted(found: Iterable[T], kinds: tuple[T, ...]) -> tuple[tuple[T, int], ...]:
    """Return the kinds that occur and how often, in the order of `kinds`."""
    every = list(found)
    return tuple((kind, every.count(kind)) for kind in kinds if kind in every)


def _stretches(records: Sequence[DecisionRecord], until: datetime) -> Iterator[Stretch]:
    """Yield the times of equal counts; what is not recorded, such as a change by hand, shows at the next decision."""
    seen = [(record.decided_at, record.open_shards) for record in records]
    seen += [
        (record.finished_at, record.resulting_shards)
        for record in records
        if record.finished_at is not None and record.resulting_shards is not None
    ]
    seen.sort()
    changes = [seen[0], *(after for before, after in pairwise(seen) if after[1] != before[1])]
    ends = [time for time, _ in changes[1:]] + [max(until, changes[-1][0])]
    for (start, shards), end in zip(changes, ends, strict=True):
        yield Stretch(shards=shards, start=start, end=end)
