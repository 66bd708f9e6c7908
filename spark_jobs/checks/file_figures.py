"""Iceberg's manifests → rows, nulls and bounds of hours or days of a table, without reading one row.

A writer notes these for each data file. For numbers and times the bounds are exact; of a text only the beginning is
kept, so texts have no bounds here.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.partitions import day_of, hour_of_ordinal
from contracts.tables import Partition, Table
from spark_jobs.lake.filters import Condition, partitions_of_days, partitions_of_hours
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.table_files import StoredFile


@dataclass(frozen=True, kw_only=True)
class FileFigures:
    """What the files of one hour hold: rows, and by column the nulls, the lowest and the highest value.

    A time is in microseconds since 1970, which a double holds exactly. A column
    without a value (or of text) has no lowest and highest.
    """

    rows: int = 0
    nulls: Mapping[str, int]
    lowest: Mapping[str, float]
    highest: Mapping[str, float]

    def null_share(self, column: str) -> float | None:
        """Return the share of rows without a value, None if there are no rows."""
        return self.nulls.get(column, 0) / self.rows if self.rows else None


NO_FILES: Final = FileFigures(nulls={}, lowest={}, highest={})

#: By the table's name, and the hour.
FiguresByHour = Mapping[tuple[str, datetime], FileFigures]


def file_figures(lake: Lake, measured: Mapping[Table, Sequence[str]], hours: Collection[datetime]) -> FiguresByHour:
    """Return the figures of the measured columns by the start of each partition, an hour or a day; none without files.

    Tables are partitioned, first of all, by hours or days; `hours` are the partitions' starts.
    """
    wanted = set(hours)
    files: defaultdict[tuple[str, datetime], list[StoredFile]] = defaultdict(list)
    for table, columns in measured.items():
        first = table.partitions[0]
        for file in lake.files(table, _in_partitions(first, wanted), measured=columns):
            files[table.name, _start(first, file)].append(file)
    return {key: _figures(found) for key, found in files.items()}


def _in_partitions(partition: Partition, starts: Collection[datetime]) -> Condition:
    if partition.transform == "hours":
        return partitions_of_hours(partition.column, starts)
    return partitions_of_days(partition, map(day_of, starts))


def _start(partition: Partition, file: StoredFile) -> datetime:
    number = int(file.partition[0])
    return hour_of_ordinal(number if partition.transform == "hours" else number * 24)


def _figures(files: Sequence[StoredFile]) -> FileFigures:
    """Add the figures of files up."""
    columns = files[0].measured
    noted = {column: [file.measured[column] for file in files] for column in columns}
    lowest = {column: [one.lowest for one in of if one.lowest is not None] for column, of in noted.items()}
    highest = {column: [one.highest for one in of if one.highest is not None] for column, of in noted.items()}
    return FileFigures(
        rows=sum(file.rows for file in files),
        nulls={column: sum(one.nulls for one in of) for column, of in noted.items()},
        lowest={column: min(bounds) for column, bounds in lowest.items() if bounds},
        highest={column: max(bounds) for column, bounds in highest.items() if bounds},
    )
