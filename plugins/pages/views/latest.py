"""The day that a view of whole days shows unless another is chosen: the last one that its table has."""

from datetime import date, timedelta
from typing import Final

from contracts.tables import Table
from pages.lake.reader import Lake
from pages.selection import Selection

#: So far back the last day is looked for.
_LOOKED_BACK_AT: Final = timedelta(days=35)


def latest_day(lake: Lake, table: Table, selection: Selection) -> date:
    """Return the last day of a table of a partition for each day, up to today; yesterday if there is none."""
    today = selection.today
    files = lake.files(table, today - _LOOKED_BACK_AT, today) if lake.has(table) else ()
    return max((file.day for file in files if file.rows), default=today - timedelta(days=1))
