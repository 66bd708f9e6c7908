"""Kills of runs over one small lake; then one reconcile, and a comparison of every table with a rebuild in one go.

The figures of the tables are also compared with the raw objects as they were written: those figures do not come from
the code that was killed.
"""

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import boto3

from contracts.ledger import EventRow, LandingLedgerRow
from contracts.names import LakeLocation
from contracts.partitions import DAY
from contracts.stages import TABLES
from contracts.tables import CLEAN_EVENTS, ERASED_USERS, RECEIVED_EVENTS, REJECTED_EVENTS, Table
from local.cloud.process import LocalCloud
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger
from spark_jobs.lake.session import LocalSize
from tests.proofs.kills.driver_kills import DriverKiller, DriverRun
from tests.proofs.kills.jobs import (
    all_at_once,
    each_hour,
    erase,
    four_runs,
    random_job,
    reconcile,
    refused,
    run_side_by_side,
)
from tests.proofs.kills.small_lake import END, HOURS, SmallLake
from tests.spark_jobs.table_rows import table_rows

ROOT: Final = Path(__file__).resolve().parents[3]
_READY_SECONDS: Final = 300
_WORK_SECONDS: Final = 12.0
#: The share of the runs at once that are killed.
_KILLED_SHARE: Final = 0.4
_WAREHOUSE: Final = "kills-warehouse"


@dataclass(frozen=True, kw_only=True)
class Differences:
    """How many rows of a table only the killed runs' lake has, and how many only the rebuild has."""

    doubled: int
    lost: int


@dataclass(kw_only=True)
class Campaign:
    """One lake and its history: kills by the phase of the killed run, and rounds of runs side by side."""

    folder: Path
    lake: Lake
    objects: SmallLake
    dice: random.Random
    killer: DriverKiller
    phases: Counter[str] = field(default_factory=Counter)
    rounds: int = 0

    @property
    def kills(self) -> int:
        return self.phases.total()

    def kill_process(self, *, at_once: bool = False) -> None:
        """Start a process that works on the lake, and SIGKILL it with its JVM and all their children."""
        self.objects.write_late()
        phase = self.folder / "phase"
        phase.unlink(missing_ok=True)
        with (self.folder / "worker.log").open("a") as log, _worker(self, phase, log.fileno(), at_once) as process:
            _await_ready(process)
            time.sleep(self.dice.uniform(0, _WORK_SECONDS))
            ended = process.poll()
            os.killpg(process.pid, signal.SIGKILL)
            if ended is not None:
                raise RuntimeError(f"the worker ended by itself with {ended}: see {log.name}")
        text = phase.read_bytes().decode().strip() if phase.exists() else ""
        self.phases[f"SIGKILL: {text or 'before the first job'}"] += 1

    def kill_driver(self) -> None:
        """Kill a run in this session, at any call to the JVM or right after one of its commits."""
        self.objects.write_late()
        name, job = random_job(self.lake, self.dice)
        run = DriverRun(job=name, **self._end())
        refused(lambda: self.killer.run(run, job))
        if run.killed:
            self.phases[f"driver: {run.phase}"] += 1

    def kill_drivers_at_once(self) -> None:
        """Run fifty hours at once, and kill some of them."""
        self.objects.write_late()
        ends: dict[datetime, dict[str, Any]] = {
            hour: self._end() if self.dice.random() < _KILLED_SHARE else {} for hour in HOURS
        }
        runs = {hour: DriverRun(job="fifty hours at once", **end) for hour, end in ends.items()}

        def run_hour(hour: datetime) -> None:
            self.killer.run(runs[hour], lambda: each_hour(self.lake, hour))

        all_at_once(run_hour)
        self.phases.update(f"driver: {run.phase}" for run in runs.values() if run.killed)

    def run_side_by_side(self, *, with_kills: bool) -> None:
        """Run four operations at the same time, each to its end; `with_kills` kills some of them on the way.

        Some of the leaver's events are in the tables, others are new, and late objects come meanwhile. A reconcile then
        repairs what killed runs have left, and the erasure is run once more, when no other job writes to the lake.
        """
        self.objects.write_leaver()
        leaver = self.objects.leaver

        def ends() -> dict[str, Any]:
            return self._end() if with_kills and self.dice.random() < _KILLED_SHARE else {}

        runs = four_runs(self.lake, leaver, ends)
        run_side_by_side(self.killer, runs, meanwhile=self.objects.write_late)
        self.phases.update(f"driver: {run.driver.phase}" for run in runs if run.driver.killed)
        errors = reconcile(self.lake).errors if with_kills else ()
        report = erase(self.lake, leaver, alone=True)
        if left := [*errors, *report.made.problems, *(survivor.key for survivor in report.search.survivors)]:
            raise RuntimeError(f"not everything of {leaver} was erased: {'; '.join(left)}")
        self.objects.forget_leaver()
        self.objects.write_leaver()
        self.rounds += 1

    def differences(self) -> dict[str, Differences]:
        """Reconcile, rebuild beside it, and return what differs, by table."""
        errors = reconcile(self.lake).errors
        rebuilt = replace(self.lake, database=_database("rebuilt"))
        errors += reconcile(rebuilt).errors
        if errors:
            raise RuntimeError(f"not everything could be built: {'; '.join(errors)}")
        found: dict[str, Differences] = {}
        for table in TABLES:
            if table == ERASED_USERS:  # raw objects do not say which users were erased
                continue
            left, right = (Counter(map(repr, table_rows(one, table))) for one in (self.lake, rebuilt))
            differing = Differences(doubled=(left - right).total(), lost=(right - left).total())
            if differing != Differences(doubled=0, lost=0):
                found[table.name] = differing
        return found

    def imbalances(self) -> list[str]:
        """Return the figures that do not add up, in the tables that `differences` left."""
        return [
            f"{name} is {figure:,}, but {other} is {expected:,}"
            for name, figure, other, expected in _figures(self.lake, self.objects)
            if figure != expected
        ]

    def _end(self) -> dict[str, Any]:
        if self.dice.random() < 0.4:
            return {"commits_left": self.dice.randint(1, 8)}
        return {"calls_left": int(self.dice.expovariate(1 / 600))}


@contextmanager
def campaign(folder: Path, seed: int) -> Iterator[Campaign]:
    """Start the local cloud and a session, write the raw objects and build the tables once."""
    with LocalCloud(folder / "cloud") as cloud, DriverKiller() as killer:
        os.environ.update(cloud.environment())
        boto3.client("s3").create_bucket(Bucket=_WAREHOUSE)
        for database in ("killed", "rebuilt"):
            boto3.client("glue").create_database(DatabaseInput={"Name": _database(database)})
        location = LakeLocation(
            raw_uri=str(folder / "raw"), warehouse_uri=f"s3://{_WAREHOUSE}/warehouse", database=_database("killed")
        )
        dice = random.Random(seed)
        objects = SmallLake(raw=folder / "raw", dice=dice)
        objects.write_all()
        objects.write_leaver()
        lake = Lake.open("kills", location, size=LocalSize(cores=2, heap="1g"))
        reconcile(lake)
        yield Campaign(folder=folder, lake=lake, objects=objects, dice=dice, killer=killer)
        lake.spark.stop()


def _figures(lake: Lake, objects: SmallLake) -> Iterator[tuple[str, int, str, int]]:
    """Yield pairs of figures that must be the same, each with its name, from the raw lines to the clean events."""
    landed = read_ledger(lake, LandingLedgerRow, HOURS[0], END)
    aggregated = read_ledger(lake, EventRow, HOURS[0] - 2 * DAY, END)
    received, rejected = sum(row.received for row in landed), sum(row.rejected for row in landed)
    clean, duplicates = sum(row.clean for row in aggregated), sum(row.duplicates for row in aggregated)

    def rows(table: Table) -> int:
        return lake.read(table).count()

    yield "lines of landing_ledger", sum(row.lines for row in landed), "lines of the raw objects", objects.lines
    yield "received + rejected of landing_ledger", received + rejected, "lines of the raw objects", objects.lines
    yield "rows of received_events", rows(RECEIVED_EVENTS), "received of landing_ledger", received
    yield "rows of rejected_events", rows(REJECTED_EVENTS), "rejected of landing_ledger", rejected
    yield "clean + duplicates of event_ledger", clean + duplicates, "received of landing_ledger", received
    yield "rows of clean_events", rows(CLEAN_EVENTS), "events that were written", objects.events
    yield "clean of event_ledger", clean, "events that were written", objects.events


def _database(name: str) -> str:
    return f"kills_{name}"


@contextmanager
def _worker(of: Campaign, phase: Path, log: int, at_once: bool) -> Iterator["subprocess.Popen[str]"]:
    lake = ["--raw-uri", of.lake.raw_uri, "--warehouse-uri", of.lake.warehouse_uri, "--database", of.lake.database]
    options = ["--phase", str(phase), "--seed", str(of.dice.randrange(2**31)), *(["--at-once"] if at_once else [])]
    command = [sys.executable, "-m", "tests.proofs.kills.worker", *lake, *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _await_ready(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], _READY_SECONDS)[0] or process.stdout.readline() != "ready\n":
        raise RuntimeError("the worker did not start")
