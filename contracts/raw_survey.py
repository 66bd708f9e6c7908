"""The folders below the raw prefix → whether a range of landing hours holds anything, and what lies where no job looks.

Jobs list the landing prefixes of the hours that they make, and nothing else. So a file that was put beside them, or a
delivery stream with another prefix, would never be seen, and a range of the wrong year would end well with nothing
done. A survey costs one request, and one more for each day of the range that there is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Final, Protocol

from contracts.partitions import (
    ERROR_PREFIX,
    HOUR,
    RAW_PREFIX,
    WAREHOUSE_PREFIX,
    PartitionKeyError,
    day_key,
    day_of,
    hour_key,
    hours_of_day,
    landing_prefix,
    parse_day_key,
)

_DAY_FOLDER: Final = re.compile(r"landing_date=([0-9-]+)/")
#: Of a lake whose raw prefix is the bucket itself.
_NEIGHBOURS: Final = (ERROR_PREFIX, WAREHOUSE_PREFIX)
#: Of each folder that is none of ours, so many objects are counted: there may be years of them.
_COUNTED: Final = 1_000
_NAMED: Final = 3


@dataclass(frozen=True, kw_only=True)
class Level:
    """What lies directly below a prefix: folders, by their prefix below the raw one, and the keys of objects."""

    folders: tuple[str, ...]
    keys: tuple[str, ...]


class RawTree(Protocol):
    """A place of raw objects that can be looked at folder by folder."""

    def level(self, prefix: str) -> Level:
        """Return what lies directly below a prefix, which is empty or ends in a slash."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of all objects below a prefix."""
        ...


@dataclass(frozen=True, kw_only=True)
class RawSurvey:
    """What was found of the landing hours in `[start, end)`: whether they are empty, which days there are, and strays.

    `strays` are the first keys outside of all landing days, or in a day of the range outside of its hours; of them
    there are `stray_count`, or, with `more`, at least as many.
    """

    start: datetime
    end: datetime
    is_empty: bool
    days: tuple[date, ...]
    strays: tuple[str, ...]
    stray_count: int
    more: bool

    def warnings(self, raw_uri: str) -> Iterator[str]:
        """Yield a sentence for each thing that a person should know."""
        if self.is_empty:
            known = (
                f"the landing days that there are: {day_key(self.days[0])} to {day_key(self.days[-1])}"
                if self.days
                else "nor is there any other landing day: is it the right place?"
            )
            first, last = hour_key(self.start), hour_key(self.end - HOUR)
            yield f"no raw objects between {first} and {last} under {raw_uri}; {known}"
        if self.stray_count:
            named = ", ".join(self.strays) + (", …" if self.stray_count > len(self.strays) else "")
            yield (
                f"{'at least ' if self.more else ''}{self.stray_count:,} objects under {raw_uri} lie outside of "
                f"landing_date=YYYY-MM-DD/landing_hour=HH/, so no job reads them: {named}; move them under the hour in "
                "which their events arrived, or away"
            )


def survey_raw(raw: RawTree, start: datetime, end: datetime) -> RawSurvey:
    """Look at the folders of the landing hours in `[start, end)`, and at those beside all landing days."""
    top = raw.level("")
    days = {folder: day for folder in top.folders if (day := _day_of_folder(folder))}
    foreign = [folder for folder in top.folders if folder not in days and folder not in _NEIGHBOURS]
    keys, has_objects = [*top.keys], False
    for folder, day in days.items():
        if day_of(start) <= day <= day_of(end - HOUR):
            within = raw.level(folder)
            hours = _hour_folders(day)
            foreign += [below for below in within.folders if below not in hours]
            keys += within.keys
            wanted = [below for below in within.folders if below in hours and start <= hours[below] < end]
            has_objects = has_objects or any(next(raw.keys(below), None) for below in wanted)
    below_foreign = [list(islice(raw.keys(folder), _COUNTED)) for folder in foreign]
    strays = sorted([*keys, *(key for found in below_foreign for key in found)])
    return RawSurvey(
        start=start,
        end=end,
        is_empty=not has_objects,
        days=tuple(sorted(days.values())),
        strays=tuple(strays[:_NAMED]),
        stray_count=len(strays),
        more=any(len(found) == _COUNTED for found in below_foreign),
    )


def _day_of_folder(folder: str) -> date | None:
    match = _DAY_FOLDER.fullmatch(folder)
    try:
        return parse_day_key(match[1]) if match else None
    except PartitionKeyError:
        return None


def _hour_folders(day: date) -> dict[str, datetime]:
    """Return the hours of a day by their folder below the raw prefix."""
    return {landing_prefix(hour).removeprefix(RAW_PREFIX): hour for hour in hours_of_day(day)}
