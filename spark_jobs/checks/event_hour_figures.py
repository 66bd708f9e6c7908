"""An event hour's row of the ledger and `clean_events`' metadata → the figures of its data checks."""

from collections.abc import Mapping
from typing import Final

from contracts.data_checks import Figure
from contracts.ledger import EventRow
from contracts.partitions import HOUR
from contracts.tables import CLEAN_EVENTS
from spark_jobs.checks.file_figures import NO_FILES, FiguresByHour
from spark_jobs.checks.landing_figures import share
from spark_jobs.checks.volume import Volumes, volume_figure

#: What is looked at in the table's files.
MEASURED: Final = {CLEAN_EVENTS: ("event_time",)}


def event_hour_figures(
    row: EventRow, files: FiguresByHour, volumes: Volumes, of_hour_before: int
) -> Mapping[str, Figure]:
    """Return the figure of each check of an event hour; `of_hour_before` are events with a `click_id` of that hour."""
    clean = files.get((CLEAN_EVENTS.name, row.event_hour), NO_FILES)
    first, last = clean.lowest.get("event_time"), clean.highest.get("event_time")
    start = row.event_hour.timestamp()
    end = (row.event_hour + HOUR).timestamp()
    return {
        "events_lost": Figure(
            value=row.received - clean.rows - row.duplicates,
            detail=f"{row.received} received, {clean.rows} clean, {row.duplicates} duplicates",
        ),
        "seconds_before_hour": _outside(None if first is None else start - first, "first event"),
        # The hour ends before its end: an event at the very end is one too late.
        "seconds_after_hour": _outside(None if last is None else last - end + 1e-6, "last event"),
        "duplicate_share": share(row.duplicates, row.received, "received events"),
        "click_ids_of_hour_before": Figure(value=of_hour_before, detail=f"{of_hour_before} of {row.clean} events"),
        "events_of_usual": volume_figure(row.event_hour, row.clean, volumes),
    }


def _outside(seconds: float | None, event: str) -> Figure:
    if seconds is None:
        return Figure(value=None, detail="no events")
    return Figure(value=max(seconds, 0.0), detail=f"{event} {'inside' if seconds <= 0 else f'{seconds:g} s outside'}")
