"""The files of `user_days` of days and of all that they look back at → the users of each day by their cohort."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from spark_jobs.daily import day_queries as queries
from spark_jobs.daily.daily_tables import UsersByCohort
from spark_jobs.lake.data_files import local_copies
from spark_jobs.lake.duckdb_tasks import Result, StoredFiles, TaskShare, duckdb_connection, rows_in, run_tasks
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.user_keys import UserKeys

#: Users' days are cut into parts of at most this many: about what a task sorts in its memory.
_PART_ROWS: Final = 10_000_000

COHORTS: Final = "cohorts"


def run_cohort_tasks(lake: Lake, files: StoredFiles) -> UsersByCohort:
    """Return the users of each day by cohort; `files` are those of `user_days` of all that the days look back at."""
    locations = tuple(file.location for day in sorted(files) for file in files[day])
    rows = sum(rows_in(files, day) for day in files)
    parts = -(-rows // _PART_ROWS)
    task = CohortTask(
        locations=locations,
        parts=parts,
        users=UserKeys(per_site=lake.events.ids_per_site),
        share=TaskShare.of(lake.spark, parts),
    )
    users: Counter[tuple[date, date]] = Counter()
    for row in run_tasks(lake.spark, parts, task.results).rows(COHORTS):
        users[row["day"], row["cohort_day"]] += row["users"]
    return users


@dataclass(frozen=True, kw_only=True)
class CohortTask:
    """What a Spark task needs, pickled into it; each counts one of `parts` of the users."""

    locations: tuple[str, ...]
    parts: int
    users: UserKeys
    share: TaskShare

    def results(self, number: int) -> Iterator[Result]:
        """Yield the users of a part by day and cohort."""
        with local_copies(self.locations) as paths, duckdb_connection(self.share) as connection:
            connection.execute(
                queries.users_in_order(queries.user_days(paths, self.users), part=number, parts=self.parts)
            )
            yield COHORTS, connection.execute(queries.USERS_BY_COHORT).to_arrow_table()
