"""Files of `received_events` → the rows of each event hour, and whether they are all that the landing ledger gave it.

What happened in the hour in which it landed is in files of that hour alone. The rest of a landing hour, most of it
late, is a file for each day, with rows of many event hours: one for each of these hours would be a hundred files of a
few rows. The ledger says how many rows of such a *mixed* file are of which hour, and a task that reads some hours takes
their rows out of it, once.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.ledger import LandedHour
from contracts.partitions import day_key, day_number, day_of, day_of_number, hour_key, hour_of_ordinal, ordinal
from contracts.tables import RECEIVED_EVENTS, Partition
from spark_jobs.lake.arrow_types import table_schema
from spark_jobs.lake.data_files import FileTarget, local_copies, written_files
from spark_jobs.lake.duckdb_tasks import StoredFiles, rows_in
from spark_jobs.lake.table_files import StoredFile

_LANDING_HOUR, _IN_LANDING_HOUR, _DAY = range(len(RECEIVED_EVENTS.partitions))
#: The rows that are taken out of mixed files are files of one event hour each.
_BY_EVENT_HOUR: Final = (Partition(column="event_time", transform="hours"),)


@dataclass(frozen=True, kw_only=True)
class ReceivedFiles:
    """The files of each event hour, by number; of a mixed file, the rows are those that the ledger gave to the hour.

    `unsettled` are hours of a day whose mixed files have not as many rows as the ledger says, and what is wrong: a
    transform of a landing hour is between two commits.
    """

    files: StoredFiles
    unsettled: Mapping[datetime, str]

    def rows_of(self, hours: Iterable[datetime]) -> Mapping[datetime, int]:
        """Return how many rows of each hour there are."""
        return {hour: rows_in(self.files, ordinal(hour)) for hour in hours}


def received_files(
    stored: Iterable[StoredFile], landed: Iterable[LandedHour], hours: Collection[datetime]
) -> ReceivedFiles:
    """Return the files of event hours among all those `stored` of their days; `landed` is all that fed one of them."""
    by_hour: defaultdict[int, list[StoredFile]] = defaultdict(list)
    mixed: defaultdict[tuple[int, int], list[StoredFile]] = defaultdict(list)
    for file in stored:
        if is_mixed(file):
            mixed[int(file.partition[_LANDING_HOUR]), int(file.partition[_DAY])].append(file)
        else:
            by_hour[int(file.partition[_LANDING_HOUR])].append(file)
    noted: Counter[tuple[int, int]] = Counter()
    for row in landed:
        for hour, rows in row.received_by_event_hour.items():
            if rows and hour != row.landing_hour:
                place = ordinal(row.landing_hour), day_number(day_of(hour))
                noted[place] += rows
                # Nobody asks how the rows are spread over the files of several tasks.
                for number, file in enumerate(mixed.get(place, ()) if hour in hours else ()):
                    by_hour[ordinal(hour)].append(replace(file, rows=0 if number else rows))
    counted = Counter({place: sum(file.rows for file in files) for place, files in mixed.items()})
    wrong = {
        day: f"of what landed in {hour_key(hour_of_ordinal(landing))}, other hours of {day_key(day_of_number(day))} "
        f"have {counted[landing, day]}, noted {noted[landing, day]}"
        for landing, day in sorted({*counted, *noted})
        if counted[landing, day] != noted[landing, day]
    }
    days = {hour: day_number(day_of(hour)) for hour in hours}
    return ReceivedFiles(files=by_hour, unsettled={hour: wrong[day] for hour, day in days.items() if day in wrong})


def is_mixed(file: StoredFile) -> bool:
    """Return whether a file has rows of other hours than its landing hour."""
    return bool(file.partition) and file.partition[_IN_LANDING_HOUR] == "false"


@contextmanager
def local_hours(files: StoredFiles) -> Iterator[Mapping[int, list[str]]]:
    """Yield paths to local files that have the rows of one hour each; raise `DataFileError` if a file is gone."""
    own = [(hour, file.location) for hour, of_hour in files.items() for file in of_hour if not is_mixed(file)]
    mixed = sorted({file.location for of_hour in files.values() for file in of_hour if is_mixed(file)})
    with local_copies([*(location for _, location in own), *mixed]) as copies, TemporaryDirectory() as directory:
        rest = iter(copies)
        paths: defaultdict[int, list[str]] = defaultdict(list)
        for (hour, _), path in zip(own, islice(rest, len(own)), strict=True):
            paths[hour].append(path)
        target = FileTarget(
            table=RECEIVED_EVENTS.name,
            data=Path(directory).as_uri(),
            schema=table_schema(RECEIVED_EVENTS),
            partitions=_BY_EVENT_HOUR,
        )
        for file in written_files(_rows_of(rest, files.keys()), target):
            paths[int(file.partition[0])].append(file.location.removeprefix("file://"))
        yield paths


def _rows_of(paths: Iterable[str], hours: Collection[int]) -> Iterator[pa.Table]:
    """Yield the rows of certain hours in files, file by file."""
    wanted = pa.array(list(map(hour_of_ordinal, hours)), table_schema(RECEIVED_EVENTS).field("event_time").type)
    for path in paths:
        rows = pq.ParquetFile(path).read()
        yield rows.filter(pc.is_in(pc.floor_temporal(rows.column("event_time"), unit="hour"), wanted))
