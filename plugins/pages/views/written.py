"""An hour or a day that has not ended → until when a page's figures of it hold: never a time that is still to come."""

from datetime import datetime

from contracts.tables import Table
from pages.lake.reader import Lake
from pages.selection import Selection


def holds_until(lake: Lake, table: Table, selection: Selection, end: datetime) -> datetime:
    """Return `end`, or when the table was last written if that was before: a run may write an hour that is open."""
    if end <= selection.now:
        return end
    if not lake.has(table):
        return selection.now
    return min(end, lake.stored(table).written_at)
