"""A set of event hours → `clean_events` and the hourly tables of these hours, made again from `received_events`.

One computation for all of the hours, one commit per table, the ledger last. The order of reading keeps a run from
replacing what was made from later input: first the snapshots of what will be replaced, then the landing ledger (whose
versions are stored with the result), then the received events. Whoever commits to one of the hours in between makes
this run start over; whoever transforms a landing hour in between leaves a version that differs, and so a stale hour.

An hour's first run begins with a row of the ledger that says `unfinished`: if the run dies before its end, and the hour
then loses all of its events, the ledger still knows that there are rows to remove.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from pyspark.sql import SparkSession

from contracts.data_checks import failed_checks
from contracts.ledger import UNFINISHED, EventRow
from contracts.names import LakeLocation
from contracts.partitions import HOUR, hour_key, hour_of
from contracts.staleness import EventHourInput
from contracts.tables import CLEAN_EVENTS, DATA_CHECKS, EVENT_LEDGER, HOURLY_TRAFFIC, RECEIVED_EVENTS, Table
from spark_jobs.checks.check_hours import check_event_hours
from spark_jobs.errors import LedgerImbalanceError, UnsettledInputError
from spark_jobs.hourly.hour_batches import received_files
from spark_jobs.hourly.hours_to_make import read_inputs
from spark_jobs.hourly.made_hours import HourCounts, MadeHours, make_hours
from spark_jobs.hourly.make_hours import MADE_TABLES
from spark_jobs.hourly.received_counts import check_received
from spark_jobs.progress import progress
from spark_jobs.tables.commit_files import replace_hours
from spark_jobs.tables.iceberg_table import current_snapshot
from spark_jobs.tables.ledger import read_event_rows, write_event_rows
from spark_jobs.tables.partition_counts import rows_by_event_hour
from spark_jobs.tables.retries import TRIES, retrying
from spark_jobs.tables.run_notes import refuse_lost_rows, run_note
from spark_jobs.tables.write_files import file_target

TARGETS: Final = (*MADE_TABLES, DATA_CHECKS, EVENT_LEDGER)

Snapshots = Mapping[Table, int | None]


@dataclass(frozen=True, kw_only=True)
class Aggregation:
    """What a run did: the ledger's rows of the hours that it made, and the hours whose input had not changed.

    `held_back` are hours that it left, since a data check failed in a landing hour that they would be made from.
    """

    made: tuple[EventRow, ...] = ()
    unchanged: tuple[datetime, ...] = ()
    held_back: tuple[datetime, ...] = ()


def aggregate_hours(
    spark: SparkSession,
    lake: LakeLocation,
    hours: Iterable[datetime],
    *,
    force: bool = False,
    hold_back: bool = False,
    tries: int = TRIES,
) -> Aggregation:
    """Make the event hours, but those whose stored version is the current one, unless forced.

    With `hold_back`, as for hours that no person has named, leave those of them that are held back by a data check.

    Raise `LedgerImbalanceError` if received = clean + duplicates does not hold (then nothing was written), and a
    `ConflictError` if other runs were faster `tries` times, or a `DataFileError` if a file that is read is gone.
    """
    wanted = sorted({hour_of(hour) for hour in hours})
    if not wanted:
        return Aggregation()
    return retrying(lambda: _aggregate(spark, lake, wanted, force=force, hold_back=hold_back), tries=tries)


def aggregate_possible_hours(
    spark: SparkSession,
    lake: LakeLocation,
    hours: Iterable[datetime],
    *,
    left_out: Callable[[UnsettledInputError | LedgerImbalanceError], None],
    hold_back: bool = False,
) -> Aggregation:
    """Do as `aggregate_hours`, but leave out the hours that can't be made, and hand their error to `left_out`.

    These are hours that do not add up, or whose input is between two commits, perhaps for good.
    """
    todo = list(hours)
    while todo:
        try:
            return aggregate_hours(spark, lake, todo, hold_back=hold_back)
        except (UnsettledInputError, LedgerImbalanceError) as refused:
            if not refused.hours:
                raise
            left_out(refused)
            todo = [hour for hour in todo if hour not in refused.hours]
    return Aggregation()


def _aggregate(
    spark: SparkSession, lake: LakeLocation, wanted: list[datetime], *, force: bool, hold_back: bool
) -> Aggregation:
    snapshots = {table: current_snapshot(spark, lake, table) for table in TARGETS}
    inputs = read_inputs(spark, lake, wanted)
    stored = {row.event_hour: row for row in read_event_rows(spark, lake, wanted[0], wanted[-1] + HOUR)}
    unchanged = {hour for hour in wanted if hour in stored and stored[hour].input_version == inputs[hour].input_version}
    asked = wanted if force else [hour for hour in wanted if hour not in unchanged]
    todo = [hour for hour in asked if not (hold_back and inputs[hour].held_back)]
    held_back = [hour for hour in asked if hour not in todo and (inputs[hour].received or hour in stored)]
    left = Aggregation(unchanged=tuple(hour for hour in wanted if hour not in set(asked)), held_back=tuple(held_back))
    if not todo:
        return left
    run = _Run(spark=spark, lake=lake, hours=todo, snapshots=snapshots)
    return replace(left, made=run.replace([inputs[hour] for hour in todo], already_known=set(stored)))


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One attempt: the hours to make, and the snapshots of the targets from before the input was read."""

    spark: SparkSession
    lake: LakeLocation
    hours: list[datetime]
    snapshots: Snapshots
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def _note_first_made(self, hours: Collection[datetime]) -> None:
        """Give hours that the ledger does not know yet a row, before they have any elsewhere."""
        if hours:
            rows = [
                EventRow(event_hour=hour, input_version=UNFINISHED, received=0, clean=0, duplicates=0) for hour in hours
            ]
            self._write_ledger(rows, hours)

    def _write_ledger(self, rows: Collection[EventRow], hours: Collection[datetime]) -> None:
        read_from = self.snapshots[EVENT_LEDGER]
        properties = self._note(rows)
        write_event_rows(self.spark, self.lake, rows, hours=hours, read_from=read_from, properties=properties)

    def replace(self, inputs: list[EventHourInput], already_known: set[datetime]) -> tuple[EventRow, ...]:
        """Compute and commit every table of the hours; return the ledger's new rows."""
        snapshot = current_snapshot(self.spark, self.lake, RECEIVED_EVENTS)
        check_received(inputs, rows_by_event_hour(self.spark, self.lake, RECEIVED_EVENTS, snapshot, self.hours))
        window = sorted({hour - offset for hour in self.hours for offset in (HOUR, 0 * HOUR)})
        files = received_files(self.spark, self.lake, snapshot, window)
        progress(f"making {len(self.hours)} event hours")
        targets = {table: file_target(self.spark, self.lake, table) for table in MADE_TABLES}
        made = make_hours(self.spark, self.hours, files, targets)
        rows = _ledger_rows(inputs, made.counts, already_known)
        _require_traffic(made)
        self._note_first_made([row.event_hour for row in rows if row.event_hour not in already_known])
        return self._commit(made, rows)

    def _commit(self, made: MadeHours, rows: tuple[EventRow, ...]) -> tuple[EventRow, ...]:
        progress(f"replacing {len(self.hours)} hours of {len(TARGETS)} tables")
        for table in MADE_TABLES:
            replace_hours(
                self.spark,
                made.files[table],
                lake=self.lake,
                table=table,
                hours=self.hours,
                read_from=self.snapshots[table],
                properties=self._note(rows),
            )
            if table is CLEAN_EVENTS:
                refuse_lost_rows(
                    self.spark,
                    self.lake,
                    table,
                    run_id=self.run_id,
                    read_from=self.snapshots[table],
                    rows=sum(row.clean for row in rows),
                )
        checked = self._checked(
            rows, {hour: of.of_hour_before for hour, of in made.counts.items() if of.of_hour_before}
        )
        self._write_ledger(checked, self.hours)
        return checked

    def _checked(self, rows: tuple[EventRow, ...], of_hour_before: Mapping[datetime, int]) -> tuple[EventRow, ...]:
        progress(f"checking {len(rows)} hours")
        read_from = self.snapshots[DATA_CHECKS]
        results = check_event_hours(
            self.spark, self.lake, rows, of_hour_before=of_hour_before, hours=self.hours, read_from=read_from
        )
        failed = failed_checks(results)
        return tuple(replace(row, failed_checks=failed[row.event_hour]) for row in rows)

    def _note(self, rows: Collection[EventRow]) -> Mapping[str, str]:
        """Return what is noted in the snapshots of the tables."""
        return run_note(
            self.run_id,
            received=sum(row.received for row in rows),
            clean=sum(row.clean for row in rows),
            duplicates=sum(row.duplicates for row in rows),
        )


def _require_traffic(made: MadeHours) -> None:
    """Raise `LedgerImbalanceError` unless each hour with events has its row of `hourly_traffic`."""
    traffic = sum(file.rows for file in made.files[HOURLY_TRAFFIC])
    if traffic != len(made.counts):
        raise LedgerImbalanceError(
            f"{len(made.counts)} event hours have events, but hourly_traffic got {traffic} rows, so nothing was written"
        )


def _ledger_rows(
    inputs: Iterable[EventHourInput],
    counts: Mapping[datetime, HourCounts],
    already_known: set[datetime],
) -> tuple[EventRow, ...]:
    """Return a row for each hour that has events, or had some; raise `LedgerImbalanceError` if one does not add up."""
    rows = tuple(
        EventRow(
            event_hour=hour.event_hour,
            input_version=hour.input_version,
            received=hour.received,
            clean=counts[hour.event_hour].clean if hour.event_hour in counts else 0,
            duplicates=counts[hour.event_hour].left_out if hour.event_hour in counts else 0,
        )
        for hour in inputs
        if hour.received or hour.event_hour in already_known
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
