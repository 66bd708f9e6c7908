"""A live document → a table that moves on a terminal, a line a minute in a log, or JSON."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from contracts.live_document import ACCEPTED, Freshness, LiveDocument, Series
from contracts.partitions import hour_key

Show = Callable[[LiveDocument], None]

#: So many of the last lines have room beside the figures.
_LINES: Final = 12
#: The minutes that the columns add up, counted from the last full one.
_SPANS: Final = (1, 5, 59)


@contextmanager
def shown(*, as_json: bool, once: bool) -> Iterator[Show]:
    """Give what shows a document: as JSON, as a table that moves or is printed once, or as a line of a log."""
    console = Console(highlight=False)
    if as_json:
        yield print_json
    elif once:
        yield lambda document: console.print(table(document))
    elif console.is_terminal:
        with Live(Text("reading …"), console=console, auto_refresh=False) as screen:
            yield lambda document: screen.update(table(document), refresh=True)
    else:
        yield Log()


def print_json(document: LiveDocument) -> None:
    """Print a document as one line."""
    sys.stdout.buffer.write(document.to_json() + b"\n")
    sys.stdout.buffer.flush()


class Log:
    """Prints a line for each minute, of the minute that is over."""

    def __init__(self) -> None:
        self._last: datetime | None = None

    def __call__(self, document: LiveDocument) -> None:
        minute = document.first_minute
        if minute != self._last:
            self._last = minute
            events, rejected = document.all_names.events[-2], sum(one.lines[-2] for one in document.rejections)
            print(
                f"{document.written_at:%FT%TZ} last full minute: {events:,} events, {rejected:,} rejected lines; "
                f"{freshness(document.freshness)}",
                flush=True,
            )


def table(document: LiveDocument) -> Group:
    """Return what a terminal shows."""
    parts = [Text(f"Live at {document.written_at:%H:%M:%S} UTC · {freshness(document.freshness)}", style="bold")]
    return Group(*parts, _figures(document), _hours(document), *_notes(document), _lines(document))


def freshness(fresh: Freshness) -> str:
    """Return how far behind the newest event is, in words."""
    if fresh.behind is None or fresh.newest_arrival is None:
        behind = "no event yet"
    else:
        behind = (
            f"newest event {fresh.behind:.0f} s ago (delivered in {fresh.delivering:.0f} s, read in "
            f"{fresh.reading:.0f} s, then none for {fresh.waiting:.0f} s)"
        )
    unread = f"; {fresh.unread_objects:,} objects unread" if fresh.unread_objects else ""
    return behind + unread


def _figures(document: LiveDocument) -> Table:
    figures = Table(title="By minute of arrival; bots and copies are in every figure", title_justify="left")
    figures.add_column("event")
    for span in _SPANS:
        figures.add_column("last minute" if span == 1 else f"last {span}", justify="right")
    for name in ("users", "purchases", "revenue", "bots", "copies"):
        figures.add_column(name, justify="right")
    named = [(one.event_name, one.series) for one in document.names]
    if document.others is not None:
        named.append(("(other names)", document.others))
    for name, series in (*named, ("all", document.all_names)):
        figures.add_row(Text(name), *_row(series), style="bold" if series is document.all_names else "")
    return figures


def _row(series: Series) -> Iterator[str]:
    """Yield events of each span, users of the last full minute, and the sums of the hour's other figures."""
    for span in _SPANS:
        yield f"{sum(series.events[-1 - span : -1]):,}"
    yield _maybe_about(series.users[-2], is_exact=series.users_one_in[-2] == 1)
    yield f"{sum(series.purchases[:-1]):,}"
    yield f"{sum(series.revenue[:-1]):,}"
    yield f"{sum(series.bots[:-1]):,}"
    yield _maybe_about(sum(series.copies[:-1]), is_exact=max(series.copies_one_in[:-1]) == 1)


def _maybe_about(count: int, *, is_exact: bool) -> str:
    return f"{count:,}" if is_exact else f"~{count:,}"


def _hours(document: LiveDocument) -> Table:
    hours = Table(title="Landing hours so far", title_justify="left")
    for name in ("hour", "state"):
        hours.add_column(name)
    for name in ("objects", "unread", "lines", "received", "rejected"):
        hours.add_column(name, justify="right")
    hours.add_column("rejected for")
    for hour in document.landing_hours:
        state = f"{hour.state}, complete" if hour.complete else str(hour.state)
        figures = hour.objects, hour.unread_objects, hour.lines, hour.received, hour.rejected
        reasons = " ".join(f"{reason} {lines:,}" for reason, lines in hour.rejected_by_reason.items())
        hours.add_row(hour_key(hour.landing_hour), state, *(f"{figure:,}" for figure in figures), Text(reasons))
    return hours


def _notes(document: LiveDocument) -> Iterable[Text]:
    complete_from = document.freshness.complete_from
    if complete_from is None or complete_from > document.first_minute:
        since = "no minute" if complete_from is None else f"minutes from {complete_from:%H:%M} on"
        yield Text(f"Still reading: {since} complete.", style="yellow")
    if document.sampling.merged_names:
        yield Text("Too many event names: rare ones are among the others.", style="yellow")
    if not document.sampling.is_exact:
        yield Text(f"~ is an estimate, from {document.sampling.ids_kept:,} ids of a minute and name.", style="yellow")
    for unreadable in document.unreadable:
        yield Text(f"Can't read {unreadable.key} ({unreadable.tries} tries): {unreadable.error}", style="red")


def _lines(document: LiveDocument) -> Table:
    lines = Table(title="Last lines", title_justify="left")
    for name in ("received", "verdict", "event", "user", "click id", "of it"):
        lines.add_column(name, overflow="ellipsis", no_wrap=True)
    for line in document.lines[:_LINES]:
        arrival = f"{line.received_at:%H:%M:%S}" if line.received_at else ""
        verdict = line.verdict if line.field is None else f"{line.verdict}: {line.field}"
        style = "" if line.verdict == ACCEPTED else "red"
        texts = (line.event_name, line.user_id, line.click_id, line.excerpt)
        lines.add_row(arrival, Text(verdict, style=style), *(Text(text or "") for text in texts))
    return lines
