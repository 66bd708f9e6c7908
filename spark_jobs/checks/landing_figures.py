"""A landing hour's row of the ledger and its tables' metadata → the figures of its data checks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.data_checks import NULL_SHARES, Figure
from contracts.partitions import HOUR
from contracts.tables import RECEIVED_EVENTS, REJECTED_EVENTS
from spark_jobs.checks.file_figures import NO_FILES, FiguresByHour, FileFigures
from spark_jobs.checks.volume import Volumes, volume_figure
from spark_jobs.tables.ledger import LandingLedgerRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

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
        "first_arrival_seconds": _outside(moment(received.lowest, "received_at"), row.landing_hour, sign=-1),
        "last_arrival_seconds": _outside(moment(received.highest, "received_at"), row.landing_hour + HOUR, sign=1),
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


def moment(bounds: Mapping[str, float], column: str) -> datetime | None:
    """Return a bound of a column of times, None if it has no value in the hour."""
    return _EPOCH + timedelta(microseconds=bounds[column]) if column in bounds else None


def _from_to(bounds: Mapping[str, float], start_column: str, end_column: str) -> Figure:
    """Return the seconds from one column's bound to the other's."""
    start, end = moment(bounds, start_column), moment(bounds, end_column)
    if start is None or end is None:
        return Figure(value=None, detail="no events")
    words = f"{start_column} {start.isoformat()}, {end_column} {end.isoformat()}"
    return Figure(value=(end - start).total_seconds(), detail=words)


def _outside(arrival: datetime | None, bound: datetime, *, sign: int) -> Figure:
    """Return by how many seconds an arrival lies beyond a bound of the landing hour; negative if it lies within."""
    if arrival is None:
        return Figure(value=None, detail="no events")
    return Figure(value=sign * (arrival - bound).total_seconds(), detail=f"arrival {arrival.isoformat()}")


def _quiet_minutes(row: LandingLedgerRow, received: FileFigures) -> Figure:
    newest = moment(received.highest, "received_at")
    if newest is None:
        return Figure(value=None, detail="no events")
    if not row.settled:
        return Figure(value=None, detail="the hour is still open")
    quiet = row.landing_hour + HOUR - newest
    return Figure(value=quiet.total_seconds() / 60, detail=f"newest arrival {newest.isoformat()}")
