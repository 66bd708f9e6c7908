"""A landing hour's row of the ledger and its tables' metadata → the figures of its data checks."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from contracts.data_checks import NULL_SHARES, Figure
from contracts.partitions import HOUR
from contracts.tables import RECEIVED_EVENTS, REJECTED_EVENTS
from spark_jobs.checks.file_figures import NO_FILES, FiguresByHour, FileFigures
from spark_jobs.checks.volume import Volumes, volume_figure
from spark_jobs.tables.ledger import LandingLedgerRow

#: What is looked at in each table's files.
MEASURED: Final = {
    RECEIVED_EVENTS: ("event_time", "received_at", "percent_viewed", "time_on_data", *NULL_SHARES),
    REJECTED_EVENTS: (),
}


def landing_figures(row: LandingLedgerRow, files: FiguresByHour, volumes: Volumes) -> Mapping[str, Figure]:
    """Return the figure of each check of a landing hour."""
    received = files.get((RECEIVED_EVENTS.name, row.landing_hour), NO_FILES)
    rejected = files.get((REJECTED_EVENTS.name, row.landing_hour), NO_FILES)
    return {
        "lines_lost": _lines_lost(row, received.rows, rejected.rows),
        "price_lowest": bound("price", received.lowest),
        "price_highest": bound("price", received.highest),
        "percent_viewed_lowest": bound("percent_viewed", received.lowest),
        "percent_viewed_highest": bound("percent_viewed", received.highest),
        "time_on_data_lowest": bound("time_on_data", received.lowest),
        "oldest_event_seconds": _from_to(received.lowest, "event_time", "received_at"),
        "future_event_seconds": _from_to(received.highest, "received_at", "event_time"),
        **{f"null_share_{column}": _null_share(received, column) for column in NULL_SHARES},
        "rejected_share": share(row.rejected, row.lines, "lines"),
        "unreadable_objects": Figure(
            value=row.unreadable_objects, detail=f"{row.unreadable_objects} of {len(row.objects)} objects"
        ),
        "quiet_minutes": _quiet_minutes(row, received),
        "lines_of_usual": volume_figure(row.landing_hour, row.lines, volumes),
    }


def share(part: int, whole: int, of: str) -> Figure:
    """Return a share, None of nothing."""
    return Figure(value=part / whole if whole else None, detail=f"{part} of {whole} {of}")


def bound(column: str, bounds: Mapping[str, float]) -> Figure:
    """Return a bound of a column, None if it has no value in the hour."""
    value = bounds.get(column)
    return Figure(value=value, detail=f"{column} has no value" if value is None else f"{column} {value:g}")


def _lines_lost(row: LandingLedgerRow, received: int, rejected: int) -> Figure:
    """Return the lines that no table has; an unreadable object is a rejection without a line."""
    rejected_lines = rejected - row.unreadable_objects
    return Figure(
        value=row.lines - received - rejected_lines,
        detail=f"{row.lines} lines, {received} received, {rejected_lines} rejected",
    )


def _null_share(received: FileFigures, column: str) -> Figure:
    return Figure(
        value=received.null_share(column), detail=f"{received.nulls.get(column, 0)} of {received.rows} events"
    )


def _from_to(bounds: Mapping[str, float], start: str, end: str) -> Figure:
    """Return the seconds from one column's bound to the other's."""
    if start not in bounds or end not in bounds:
        return Figure(value=None, detail="no events")
    words: Callable[[str], str] = lambda column: datetime.fromtimestamp(bounds[column], UTC).isoformat()  # noqa: E731
    return Figure(value=bounds[end] - bounds[start], detail=f"{start} {words(start)}, {end} {words(end)}")


def _quiet_minutes(row: LandingLedgerRow, received: FileFigures) -> Figure:
    newest = received.highest.get("received_at")
    if newest is None:
        return Figure(value=None, detail="no events")
    if not row.settled:
        return Figure(value=None, detail="the hour is still open")
    arrival = datetime.fromtimestamp(newest, UTC)
    return Figure(
        value=(row.landing_hour + HOUR - arrival).total_seconds() / 60, detail=f"newest arrival {arrival.isoformat()}"
    )
