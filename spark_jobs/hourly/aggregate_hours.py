"""Job 2: a set of event hours → `clean_events` and the hourly tables of these hours, from `received_events`.

One computation for all of the hours, one commit per table, the ledger last. The order of reading keeps a run from
replacing what was computed from later input: first the snapshots of what will be replaced, then the landing ledger
(whose versions are stored with the result), then the received events. A run that commits to one of the hours in between
makes this run start over; a transform of a landing hour in between leaves a version that differs, and so a stale hour.

An hour's first run begins with a row of the ledger that says `unfinished`: if the run dies before its end, and the hour
then loses all of its events, the ledger still knows that there are rows to remove.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from contracts.data_checks import failed_checks
from contracts.ledger import UNFINISHED, EventRow, LandedHour
from contracts.partitions import DAY, HOUR, day_of, hour_key, hour_of, start_of_day
from contracts.stages import EVENT_HOURS, Input
from contracts.tables import CLEAN_EVENTS, DATA_CHECKS, EVENT_LEDGER, HOURLY_TRAFFIC, RECEIVED_EVENTS
from spark_jobs.checks.check_hours import check_event_hours
from spark_jobs.checks.figures import HourCounts
from spark_jobs.errors import LedgerImbalanceError, UnsettledInputError
from spark_jobs.hourly.computed_hours import ComputedHours, run_hour_tasks
from spark_jobs.hourly.hour_task import HOUR_TABLES
from spark_jobs.hourly.received_files import received_files
from spark_jobs.lake.filters import partitions_of_days
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger, write_ledger
from spark_jobs.lake.retries import TRIES, retrying
from spark_jobs.lake.revision import Revision
from spark_jobs.progress import progress

TARGETS: Final = (*HOUR_TABLES, DATA_CHECKS, EVENT_LEDGER)

_NAMED_AT_MOST: Final = 10


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """What a run did: the ledger's rows of the hours that it wrote, and the hours whose input had not changed.

    `held_back` are hours that it left, since a data check failed in a landing hour that they would be computed from.
    """

    written: tuple[EventRow, ...] = ()
    unchanged: tuple[datetime, ...] = ()
    held_back: tuple[datetime, ...] = ()


def aggregate_hours(
    lake: Lake, hours: Iterable[datetime], *, force: bool = False, hold_back: bool = False, tries: int = TRIES
) -> Aggregation:
    """Compute the event hours, but those whose stored version is the current one, unless forced.

    With `hold_back`, as for hours that no person has named, leave those that a failed data check holds back.

    Raise `LedgerImbalanceError` if received = clean + duplicates does not hold (then nothing was written), and a
    `ConflictError` if other runs were faster `tries` times, or a `DataFileError` if a file that is read is gone.
    """
    wanted = sorted({hour_of(hour) for hour in hours})
    if not wanted:
        return Aggregation()
    return retrying(lambda: _aggregate(lake, wanted, force=force, hold_back=hold_back), tries=tries)


def aggregate_possible_hours(
    lake: Lake,
    hours: Iterable[datetime],
    *,
    refused: Callable[[UnsettledInputError | LedgerImbalanceError], None],
    hold_back: bool = False,
) -> Aggregation:
    """Do as `aggregate_hours`, but leave out the hours that can't be computed, and hand their error to `refused`.

    These are hours that do not add up, or whose input is between two commits, perhaps for good.
    """
    todo = list(hours)
    while todo:
        try:
            return aggregate_hours(lake, todo, hold_back=hold_back)
        except (UnsettledInputError, LedgerImbalanceError) as error:
            if not error.hours:
                raise
            refused(error)
            todo = [hour for hour in todo if hour not in error.hours]
    return Aggregation()


def _aggregate(lake: Lake, wanted: list[datetime], *, force: bool, hold_back: bool) -> Aggregation:
    base = Revision.of(lake, *TARGETS)
    # With all that fed their days: files of late events are a day's.
    first, last = (start_of_day(day_of(hour)) for hour in (min(EVENT_HOURS.read_by(wanted[0])), wanted[-1] + DAY))
    landed = read_ledger(lake, LandedHour, *EVENT_HOURS.feeding(first, last - HOUR))
    inputs = EVENT_HOURS.inputs(wanted, landed, settings=lake.events)
    stored = {row.event_hour: row for row in read_ledger(lake, EventRow, wanted[0], wanted[-1] + HOUR)}
    unchanged = {hour for hour in wanted if hour in stored and stored[hour].input_version == inputs[hour].input_version}
    asked = wanted if force else [hour for hour in wanted if hour not in unchanged]
    todo = [hour for hour in asked if not (hold_back and inputs[hour].held_back)]
    computed = set(todo)
    held_back = [hour for hour in asked if hour not in computed and (inputs[hour].rows or hour in stored)]
    asked_for = set(asked)
    left = Aggregation(unchanged=tuple(hour for hour in wanted if hour not in asked_for), held_back=tuple(held_back))
    if not todo:
        return left
    return replace(left, written=_replace(base, [inputs[hour] for hour in todo], landed, already_known=set(stored)))


def _replace(
    base: Revision, inputs: list[Input[datetime]], landed: Sequence[LandedHour], *, already_known: set[datetime]
) -> tuple[EventRow, ...]:
    """Compute and commit every table of the hours; return the ledger's new rows."""
    lake, hours = base.lake, [hour.key for hour in inputs]
    snapshot = lake.snapshot(RECEIVED_EVENTS)
    read = {read for hour in hours for read in EVENT_HOURS.read_by(hour)}
    of_days = partitions_of_days(RECEIVED_EVENTS.partitions[-1], map(day_of, read))
    received = received_files(lake.files_as_of(RECEIVED_EVENTS, snapshot, of_days), landed, read)
    check_received(inputs, received.rows_of(hours), received.unsettled)
    progress(f"computing {len(hours)} event hours")
    computed = run_hour_tasks(lake, hours, received.files)
    rows = _ledger_rows(inputs, computed.counts, already_known)
    _require_traffic(computed)
    _note_new_hours(base, [row.event_hour for row in rows if row.event_hour not in already_known])
    progress(f"replacing {len(hours)} hours of {len(TARGETS)} tables")
    figures = _figures(rows)
    for table in HOUR_TABLES:
        base.replace(table, computed.files[table], hours, figures=figures)
        if table is CLEAN_EVENTS:
            base.refuse_lost_rows(table, sum(row.clean for row in rows))
    progress(f"checking {len(rows)} hours")
    failed = failed_checks(check_event_hours(base, rows, counts=computed.counts, hours=hours))
    checked = tuple(replace(row, failed_checks=failed[row.event_hour]) for row in rows)
    write_ledger(base, EventRow, checked, hours, figures=figures)
    return checked


def _note_new_hours(base: Revision, hours: Collection[datetime]) -> None:
    """Give hours that the ledger does not know yet a row, before they have any in another table."""
    if hours:
        rows = [
            EventRow(event_hour=hour, input_version=UNFINISHED, received=0, clean=0, duplicates=0) for hour in hours
        ]
        write_ledger(base, EventRow, rows, hours, figures=_figures(rows))


def _figures(rows: Collection[EventRow]) -> Mapping[str, int]:
    """Return what the snapshots of the tables note of the run."""
    return {
        "received": sum(row.received for row in rows),
        "clean": sum(row.clean for row in rows),
        "duplicates": sum(row.duplicates for row in rows),
    }


def check_received(
    expected: Iterable[Input[datetime]], counted: Mapping[datetime, int], unsettled: Mapping[datetime, str]
) -> None:
    """Raise `UnsettledInputError` unless each hour has the rows that the landing ledger says it was given.

    What is wrong with `unsettled` hours is known already.
    """
    differing = [hour for hour in expected if counted.get(hour.key, 0) != hour.rows or hour.key in unsettled]
    if differing:
        named = ", ".join(
            unsettled.get(hour.key, f"{hour_key(hour.key)} has {counted.get(hour.key, 0)}, noted {hour.rows}")
            for hour in differing[:_NAMED_AT_MOST]
        )
        raise UnsettledInputError(
            f"received_events and landing_ledger disagree in {len(differing)} event hours ({named}); a transform of "
            "their landing hours is still running, or died: run it again",
            hours=[hour.key for hour in differing],
        )


def _require_traffic(computed: ComputedHours) -> None:
    """Raise `LedgerImbalanceError` unless each hour with events has its row of `hourly_traffic`."""
    traffic = sum(file.rows for file in computed.files[HOURLY_TRAFFIC])
    if traffic != len(computed.counts):
        raise LedgerImbalanceError(
            f"{len(computed.counts)} event hours have events, but hourly_traffic got {traffic} rows, so nothing was "
            "written"
        )


def _ledger_rows(
    inputs: Iterable[Input[datetime]], counts: Mapping[datetime, HourCounts], already_known: set[datetime]
) -> tuple[EventRow, ...]:
    """Return a row for each hour that has events, or had some; raise `LedgerImbalanceError` if one does not add up."""
    rows = tuple(
        EventRow(
            event_hour=hour.key,
            input_version=hour.input_version,
            received=hour.rows,
            clean=counts[hour.key].clean if hour.key in counts else 0,
            duplicates=counts[hour.key].duplicates if hour.key in counts else 0,
        )
        for hour in inputs
        if hour.rows or hour.key in already_known
    )
    wrong = [row for row in rows if row.received != row.clean + row.duplicates]
    if wrong:
        named = "; ".join(
            f"{hour_key(row.event_hour)}: {row.received} received, {row.clean} clean, {row.duplicates} duplicates"
            for row in wrong
        )
        raise LedgerImbalanceError(
            f"received = clean + duplicates does not hold, so nothing was written: {named}",
            hours=[row.event_hour for row in wrong],
        )
    return rows
