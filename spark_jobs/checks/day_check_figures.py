"""A day's row of the ledger, what its hours have, and its tables' metadata → the figures of its data checks."""

from collections.abc import Mapping
from typing import Final

from contracts.data_checks import Figure
from contracts.ledger import DayRow
from contracts.partitions import start_of_day
from contracts.tables import SESSIONS, USER_DAYS, Table
from spark_jobs.checks.file_figures import NO_FILES, FiguresByHour
from spark_jobs.checks.volume import Volumes, volume_figure

#: What is looked at in the tables' files: how many rows there are.
MEASURED: Final[Mapping[Table, tuple[str, ...]]] = {USER_DAYS: (), SESSIONS: ()}


def day_check_figures(row: DayRow, clean: int, files: FiguresByHour, volumes: Volumes) -> Mapping[str, Figure]:
    """Return the figure of each check of a day; `clean` are the events of its hours, by their ledger."""
    day = start_of_day(row.day)
    users = files.get((USER_DAYS.name, day), NO_FILES).rows
    sessions = files.get((SESSIONS.name, day), NO_FILES).rows
    return {
        "events_lost": Figure(value=clean - row.events, detail=f"{clean} clean in its hours, {row.events} in the day"),
        "users_lost": Figure(value=row.users - users, detail=f"{row.users} users, {users} rows of user_days"),
        "sessions_lost": Figure(value=row.sessions - sessions, detail=f"{row.sessions} sessions, {sessions} rows"),
        "events_of_usual": volume_figure(day, row.events, volumes),
    }
