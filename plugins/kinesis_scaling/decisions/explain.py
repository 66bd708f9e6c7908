"""Records of decisions → a page of text: what became of the stream, and why, for a person who has to answer for it.

It begins with a summary of each stream: what was done, what was not, how many calls are left, and what it costs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import attrgetter
from textwrap import wrap
from typing import Final, TypeVar

from kinesis_scaling.aws_limits import UPDATE_CALLS
from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action

T = TypeVar("T")

WIDTH: Final = 110
#: Splits (or merges) within this time of each other stand as one line; those further apart have separate reasons.
IN_A_ROW: Final = timedelta(minutes=30)
_INDENT: Final = " " * 12
_DAY: Final = timedelta(days=1)
_NAMES: Final = {
    Action.UPDATE_SHARD_COUNT: ("UpdateShardCount", "UpdateShardCount"),
    Action.SPLIT_SHARD: ("split", "splits"),
    Action.MERGE_SHARDS: ("merge", "merges"),
    Action.HOLD: ("nothing", "nothing"),
}
#: The hours of a month in AWS's price lists.
HOURS_PER_MONTH: Final = 730
#: With these outcomes the call is in the stream's tag: it is noted before it is made, perhaps by a task that failed.
_CALL_NOTED: Final = (Outcome.DONE, Outcome.FAILED)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A time in which the number of open shards stayed the same."""

    shards: int
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The figures of one stream's decisions; `calls_used` of ten in 24 hours include the last decision's call.

    `fewest` and `most` are the longest intervals with these numbers of shards.
    """

    moves: tuple[tuple[Action, int], ...]
    not_made: tuple[tuple[Outcome, int], ...]
    held: int
    calls_used: int
    decided_last: datetime
    first_shards: int
    last_shards: int
    fewest: Interval
    most: Interval
    dollars_per_month: float


def explain(
    records: Sequence[DecisionRecord], since: datetime, until: datetime, *, hold: bool = False, each: bool = False
) -> str:
    """Return the page of the decisions of `[since, until)`; times are UTC.

    `hold` also shows decisions to do nothing; `each` lists splits and merges one by one, which else stand as one line.
    """
    ordered = sorted(records, key=attrgetter("stream_name", "decided_at"))
    pages = [
        _stream(name, list(found), since, until, hold=hold, each=each)
        for name, found in groupby(ordered, attrgetter("stream_name"))
    ]
    return "\n\n\n".join(pages) + "\n"


def _stream(
    name: str, records: list[DecisionRecord], since: datetime, until: datetime, *, hold: bool, each: bool
) -> str:
    lines = [f"Stream {name}, {_minute(since)} to {_minute(until)} UTC", ""]
    lines += _summary_lines(summary_of(records, until), hold=hold, dated=until - since > _DAY)
    shown = [record for record in records if hold or record.outcome is not Outcome.HELD]
    open_shards = records[0].open_shards
    for day, of_day in groupby(shown, key=lambda record: record.decided_at.date()):
        lines += ["", str(day)]
        for entry in _entries(list(of_day), each=each):
            if entry[0].open_shards != open_shards:
                lines.append(
                    f"  by {entry[0].decided_at:%H:%M}  {_path(open_shards, entry[0].open_shards)}  somebody else"
                )
            lines += _entry_lines(entry)
            open_shards = entry[-1].open_shards if (left := entry[-1].resulting_shards) is None else left
    return "\n".join(lines)


def _summary_lines(figures: Summary, *, hold: bool, dated: bool) -> Iterator[str]:
    moves = ", ".join(_plural(count, *_NAMES[action]) for action, count in figures.moves)
    yield f"  moves made  {sum(count for _, count in figures.moves)}{f': {moves}' if moves else ''}"
    yield f"  not made    {', '.join(f'{count} {outcome}' for outcome, count in figures.not_made) or 'none'}"
    yield (
        f"  calls       {figures.calls_used} of {UPDATE_CALLS} UpdateShardCount used in the 24 hours before "
        f"{_minute(figures.decided_last)}"
    )
    fewest, most = _interval(figures.fewest, dated=dated), _interval(figures.most, dated=dated)
    yield f"  shards      {figures.first_shards} at first, {figures.last_shards} at last"
    if figures.fewest.shards != figures.most.shards:
        yield f"              fewest {fewest}; most {most}"
    more = _plural(figures.last_shards - figures.first_shards, "shard", "shards", sign="+")
    yield f"  price       {more}: {figures.dollars_per_month:+,.2f} $ a month, if it stays so"
    if figures.held:
        yield (
            f"  held        {figures.held} more, to do nothing though something was close{'' if hold else ': --hold'}"
        )


def _entries(records: Sequence[DecisionRecord], *, each: bool) -> Iterator[list[DecisionRecord]]:
    """Yield the entries: a decision, or splits (or merges) in a row, each of which began where the last one ended."""
    entry: list[DecisionRecord] = []
    for record in records:
        if entry and not (not each and _goes_on(entry[-1], record)):
            yield entry
            entry = []
        entry.append(record)
    if entry:
        yield entry


def _goes_on(before: DecisionRecord, after: DecisionRecord) -> bool:
    return (
        before.action is after.action
        and after.action in (Action.SPLIT_SHARD, Action.MERGE_SHARDS)
        and before.outcome is after.outcome is Outcome.DONE
        and before.resulting_shards == after.open_shards
        and after.decided_at - before.decided_at <= IN_A_ROW
    )


def _entry_lines(entry: Sequence[DecisionRecord]) -> Iterator[str]:
    first, last = entry[0], entry[-1]
    if first.action is Action.HOLD:
        head = [f"{first.open_shards} stay".ljust(11), first.reason.ljust(30)]
    else:
        name = _NAMES[first.action][0] if len(entry) == 1 else _plural(len(entry), *_NAMES[first.action])
        price = sum(record.dollars_per_hour for record in entry)
        head = [_path(first.open_shards, last.target_shards), name.ljust(16), f"{price:+.3f} $/h"]
    yield f"  {first.decided_at:%H:%M:%S}  {'  '.join(head)}  {_outcome(entry)}".rstrip()
    yield from wrap(first.explanation, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    if last.outcome_detail:
        said = "AWS said" if last.outcome is Outcome.REFUSED else "because"
        yield from wrap(f"{said}: {last.outcome_detail}", WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)


def _outcome(entry: Sequence[DecisionRecord]) -> str:
    first, last = entry[0], entry[-1]
    match last.outcome:
        case Outcome.DONE if last.finished_at is not None:
            length = _length(last.finished_at - first.decided_at)
            return f"done in {length}" if len(entry) == 1 else f"done, one by one, in {length}"
        case Outcome.REFUSED:
            return f"REFUSED by AWS, {last.resulting_shards} stay"
        case Outcome.SUPERSEDED:
            return f"superseded, {last.resulting_shards} are open"
        case Outcome.FAILED:
            return f"FAILED, see the log of {last.decided_by}"
        case Outcome.ADVISED:
            return f"advised{_repeated(last)}, not made"
        case Outcome.HELD:
            return f"held{_repeated(last)}"
        case _:
            return last.outcome


def _path(before: int, after: int) -> str:
    return f"{before} → {after}".ljust(11)


def _repeated(record: DecisionRecord) -> str:
    return "" if record.times == 1 else f" {record.times} times until {record.last_decided_at:%H:%M:%S}"


def _interval(interval: Interval, *, dated: bool) -> str:
    style = "%m-%d %H:%M" if dated else "%H:%M"
    return f"{interval.shards} ({interval.start:{style}}–{interval.end:{style}})"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _length(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _plural(count: int, one: str, more: str, sign: str = "-") -> str:
    return f"{count:{sign}} {one if abs(count) == 1 else more}"


def summary_of(records: Sequence[DecisionRecord], until: datetime) -> Summary:
    """Return the figures of the records of one stream, at least one, in the order of time."""
    last = records[-1]
    intervals = list(intervals_of(records, until))
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
        last_shards=intervals[-1].shards,
        fewest=max(intervals, key=lambda interval: (-interval.shards, interval.end - interval.start)),
        most=max(intervals, key=lambda interval: (interval.shards, interval.end - interval.start)),
        dollars_per_month=(intervals[-1].shards - records[0].open_shards) * _shard_hour(records) * HOURS_PER_MONTH,
    )


def _shard_hour(records: Iterable[DecisionRecord]) -> float:
    """Return the price of a shard-hour in the decisions; 0 if none of them was a move."""
    changes = ((record.dollars_per_hour, record.target_shards - record.open_shards) for record in records)
    return next((dollars / shards for dollars, shards in changes if shards), 0.0)


def _noted_call(record: DecisionRecord) -> bool:
    return record.action is Action.UPDATE_SHARD_COUNT and record.outcome in _CALL_NOTED


def _counted(found: Iterable[T], kinds: tuple[T, ...]) -> tuple[tuple[T, int], ...]:
    """Return how often each kind occurs, in the order of `kinds`; a kind that never occurs is left out."""
    every = list(found)
    return tuple((kind, every.count(kind)) for kind in kinds if kind in every)


def intervals_of(records: Sequence[DecisionRecord], until: datetime) -> Iterator[Interval]:
    """Yield the intervals; a change that has no record, such as one by hand, begins at the next decision."""
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
        yield Interval(shards=shards, start=start, end=end)
