"""Records of decisions → a page of text: what became of the stream, and why, for whoever has to answer for it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from textwrap import wrap
from typing import Final

from kinesis_scaling.aws_limits import UPDATE_CALLS
from kinesis_scaling.decisions.decision_record import DecisionRecord, Outcome
from kinesis_scaling.decisions.summary import Stretch, Summary, summary_of
from kinesis_scaling.scaling_decision import Action

WIDTH: Final = 110
#: Splits (or merges) further apart have reasons of their own.
IN_A_ROW: Final = timedelta(minutes=30)
_INDENT: Final = " " * 12
_DAY: Final = timedelta(days=1)
_NAMES: Final = {
    Action.UPDATE_SHARD_COUNT: ("UpdateShardCount", "UpdateShardCount"),
    Action.SPLIT_SHARD: ("split", "splits"),
    Action.MERGE_SHARDS: ("merge", "merges"),
    Action.HOLD: ("nothing", "nothing"),
}


def explain(
    records: Sequence[DecisionRecord], since: datetime, until: datetime, *, hold: bool = False, each: bool = False
) -> str:
    """Return the page of the decisions of `[since, until)`; times are UTC.

    `hold` shows those to do nothing, too; `each` lists splits and merges one by one that else stand as one line.
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
    fewest, most = _stretch(figures.fewest, dated=dated), _stretch(figures.most, dated=dated)
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
    """Yield what stands as one entry: a decision, or splits (or merges) in a row, each begun where the last ended."""
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


def _stretch(stretch: Stretch, *, dated: bool) -> str:
    style = "%m-%d %H:%M" if dated else "%H:%M"
    return f"{stretch.shards} ({stretch.start:{style}}–{stretch.end:{style}})"


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _length(time: timedelta) -> str:
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _plural(count: int, one: str, more: str, sign: str = "-") -> str:
    return f"{count:{sign}} {one if abs(count) == 1 else more}"
