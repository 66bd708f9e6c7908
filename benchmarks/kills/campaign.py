"""Kills of runs over one small lake, then one reconcile, and every table beside a rebuild of it in one go."""

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
from pyspark.sql import SparkSession

from benchmarks.kills.accounts import imbalances
from benchmarks.kills.death import Life, Watch
from benchmarks.kills.jobs import all_at_once, each_hour, erase, random_job, reconcile, refused
from benchmarks.kills.side_by_side import end_all, four_runs
from benchmarks.kills.small_lake import HOURS, SmallLake
from contracts.names import LakeLocation
from contracts.tables import ERASED_USERS, TABLES
from local.cloud.process import LocalCloud
from spark_jobs.session import LocalSize, spark_session
from tests.spark_jobs.table_rows import table_rows

ROOT: Final = Path(__file__).resolve().parents[2]
_READY_SECONDS: Final = 300
_WORK_SECONDS: Final = 12.0
#: Of the runs at once, so many are to die.
_MORTAL: Final = 0.4
_WAREHOUSE: Final = "kills-warehouse"


@dataclass(frozen=True, kw_only=True)
class Differences:
    """Rows of a table that only the killed runs left, and that only the rebuild has."""

    doubled: int
    lost: int


@dataclass(kw_only=True)
class Campaign:
    """One lake and what was done to it: kills by what the killed run was at, and rounds of runs side by side."""

    folder: Path
    spark: SparkSession
    lake: LakeLocation
    objects: SmallLake
    dice: random.Random
    watch: Watch
    phases: Counter[str] = field(default_factory=Counter)
    rounds: int = 0

    @property
    def kills(self) -> int:
        return self.phases.total()

    def kill_process(self, *, at_once: bool = False) -> None:
        """Start a process that works on the lake, and SIGKILL it with its JVM and all their children."""
        self.objects.lay_down_late()
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
        """Let a run in this session die, at any call to the JVM or right after one of its commits."""
        self.objects.lay_down_late()
        name, job = random_job(self.spark, self.lake, self.dice)
        life = Life(job=name, **self._end())
        refused(lambda: self.watch.live(life, job))
        if life.dead:
            self.phases[f"driver: {life.phase}"] += 1

    def kill_drivers_at_once(self) -> None:
        """Run fifty hours at once, a part of which die."""
        self.objects.lay_down_late()
        mortal: dict[datetime, dict[str, Any]] = {
            hour: self._end() if self.dice.random() < _MORTAL else {} for hour in HOURS
        }
        lives = {hour: Life(job="fifty hours at once", **end) for hour, end in mortal.items()}

        def live(hour: datetime) -> None:
            self.watch.live(lives[hour], lambda: each_hour(self.spark, self.lake, hour))

        all_at_once(live)
        self.phases.update(f"driver: {life.phase}" for life in lives.values() if life.dead)

    def run_side_by_side(self, *, mortal: bool) -> None:
        """Run four operations at the same time, each to its end or, if `mortal`, some to their death on the way.

        A part of the leaver is in the tables, another is new, and late objects come meanwhile. What died is then mended
        by a reconcile, and the erasure is run once more, when no other job writes to the lake.
        """
        self.objects.lay_down_leaver()
        leaver = self.objects.leaver

        def ends() -> dict[str, Any]:
            return self._end() if mortal and self.dice.random() < _MORTAL else {}

        runs = four_runs(self.spark, self.lake, leaver, ends)
        end_all(self.watch, runs, meanwhile=self.objects.lay_down_late)
        self.phases.update(f"driver: {run.life.phase}" for run in runs if run.life.dead)
        errors = reconcile(self.spark, self.lake).errors if mortal else ()
        report = erase(self.spark, self.lake, leaver, alone=True)
        if left := [*errors, *report.made.problems, *(survivor.key for survivor in report.search.survivors)]:
            raise RuntimeError(f"not everything of {leaver} was erased: {'; '.join(left)}")
        self.objects.forget_leaver()
        self.objects.lay_down_leaver()
        self.rounds += 1

    def differences(self) -> dict[str, Differences]:
        """Reconcile, rebuild beside it, and return what differs, by table."""
        errors = reconcile(self.spark, self.lake).errors
        rebuilt = replace(self.lake, database=_database("rebuilt"))
        errors += reconcile(self.spark, rebuilt).errors
        if errors:
            raise RuntimeError(f"not everything could be made: {'; '.join(errors)}")
        found: dict[str, Differences] = {}
        for table in TABLES:
            if table == ERASED_USERS:  # raw objects do not say who it was
                continue
            left, right = (Counter(map(repr, table_rows(self.spark, one, table))) for one in (self.lake, rebuilt))
            differing = Differences(doubled=(left - right).total(), lost=(right - left).total())
            if differing != Differences(doubled=0, lost=0):
                found[table.name] = differing
        return found

    def imbalances(self) -> list[str]:
        """Return what does not add up in the tables that `differences` left."""
        return imbalances(self.spark, self.lake, self.objects)

    def _end(self) -> dict[str, Any]:
        if self.dice.random() < 0.4:
            return {"commits_left": self.dice.randint(1, 8)}
        return {"calls_left": int(self.dice.expovariate(1 / 600))}


@contextmanager
def campaign(folder: Path, seed: int) -> Iterator[Campaign]:
    """Start the local cloud and a session, lay the lake down and make its tables once."""
    with LocalCloud(folder / "cloud") as cloud, Watch() as watch:
        os.environ.update(cloud.environment())
        boto3.client("s3").create_bucket(Bucket=_WAREHOUSE)
        for database in ("killed", "rebuilt"):
            boto3.client("glue").create_database(DatabaseInput={"Name": _database(database)})
        lake = LakeLocation(
            raw_uri=str(folder / "raw"), warehouse_uri=f"s3://{_WAREHOUSE}/warehouse", database=_database("killed")
        )
        dice = random.Random(seed)
        objects = SmallLake(raw=folder / "raw", dice=dice)
        objects.lay_down_all()
        objects.lay_down_leaver()
        spark = spark_session("kills", lake, size=LocalSize(cores=2, heap="1g"))
        reconcile(spark, lake)
        yield Campaign(folder=folder, spark=spark, lake=lake, objects=objects, dice=dice, watch=watch)
        spark.stop()


def _database(name: str) -> str:
    return f"kills_{name}"


@contextmanager
def _worker(of: Campaign, phase: Path, log: int, at_once: bool) -> Iterator["subprocess.Popen[str]"]:
    lake = ["--raw-uri", of.lake.raw_uri, "--warehouse-uri", of.lake.warehouse_uri, "--database", of.lake.database]
    options = ["--phase", str(phase), "--seed", str(of.dice.randrange(2**31)), *(["--at-once"] if at_once else [])]
    command = [sys.executable, "-m", "benchmarks.kills.worker", *lake, *options]
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
