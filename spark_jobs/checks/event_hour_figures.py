"""An event hour's row of the ledger and `clean_events`' metadata → the figures of its data checks."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from contracts.data_checks import Figure
from contracts.ledger import EventRow
from contracts.partitions import HOUR
from contracts.tables import CLEAN_EVENTS
from spark_jobs.checks.file_figures import NO_FILES, FiguresByHour
from spark_jobs.checks.landing_figures import moment, share
from spark_jobs.checks.volume import Volumes, volume_figure

_INSTANT: Final = timedelta(microseconds=1)

#: What is looked at in the table's files.
MEASURED: Final = {CLEAN_EVENTS: ("event_time",)}


def event_hour_figures(
    row: EventRow, files: FiguresByHour, volumes: Volumes, of_hour_before: int
) -> Mapping[str, Figure]:
    """Return the figure of each check of an event hour; `of_hour_before` are events with a `click_id` of that hour."""
    clean = files.get((CLEAN_EVENTS.name, row.event_hour), NO_FILES)
    first, last = moment(clean.lowest, "event_time"), moment(clean.highest, "event_time")
    end = row.event_hour + HOUR
    return {
        "events_lost": Figure(
            value=row.received - clean.rows - row.duplicates,
            detail=f"{row.received} received, {clean.rows} clean, {row.duplicates} duplicates",
        ),
        "seconds_before_hour": _outside(None if first is None else row.event_hour - first, "first event"),
        # The hour ends before its end: an event at the very end is one too late.
        "seconds_after_hour": _outside(None if last is None else last - end + _INSTANT, "last event"),
        "duplicate_share": share(row.duplicates, row.received, "received events"),
        "click_ids_of_hour_before": Figure(value=of_hour_before, detail=f"{of_hour_before} of {row.clean} events"),
        "events_of_usual": volume_figure(row.event_hour, row.clean, volumes),
    }


def _outside(by: timedelta | None, event: str) -> Figure:
    if by is None:
        return Figure(value=None, detail="no events")
    seconds = max(by.total_seconds(), 0.0)
    return Figure(value=seconds, detail=f"{event} {f'{seconds:g} s outside' if seconds else 'inside'}")
