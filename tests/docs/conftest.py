"""Lakes behind the pages of docs/: one made of what the simulator sends, in a stack of the template's names."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from pyspark.sql import SparkSession

from contracts.names import LakeLocation
from contracts.partitions import parse_hour_key
from local.cloud.process import LocalCloud
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.reconcile_hours import reconcile_hours
from tests.spark_jobs.glue_session import glue_session

ROOT: Final = Path(__file__).resolve().parents[2]
#: Of the hours that the commands in README.md and docs/ name, the first two.
FIRST_HOUR: Final = "2026-11-22T08"
END: Final = "2026-11-22T10"
_STATE: Final = "state"
_OUTPUTS: Final = "outputs.json"


@dataclass(frozen=True, kw_only=True)
class SimulatedLake:
    """A deployed stack with two landing hours and the tables made from them; `environment` names it to a command."""

    cloud: LocalCloud
    database: str
    raw_uri: str
    warehouse_uri: str

    @property
    def environment(self) -> dict[str, str]:
        return self.cloud.environment() | {
            "CLICKSTREAM_DATABASE": self.database,
            "CLICKSTREAM_RAW_URI": self.raw_uri,
            "CLICKSTREAM_WAREHOUSE_URI": self.warehouse_uri,
        }


def run(environment: dict[str, str], *arguments: str) -> str:
    """Run a Python command of the project; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def reconcile(
    spark: SparkSession, cloud: LocalCloud, where: LakeLocation, *, first: str, end: str, settled_before: datetime
) -> None:
    """Make every table of the landing hours from a key to another, excluded, as the reconcile_hours job does."""
    with glue_session(spark, cloud, warehouse_uri=where.warehouse_uri) as session:
        lake = Lake.at(where, session)
        done = reconcile_hours(lake, parse_hour_key(first), parse_hour_key(end), settled_before)
    assert (done.errors, done.transformed.unreadable) == ((), ())


@pytest.fixture(scope="session")
def simulated_lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedLake]:
    """Made once for all workers, and copied by each."""
    own = tmp_path_factory.mktemp("simulated")
    shared = (own.parent if "PYTEST_XDIST_WORKER" not in os.environ else own.parents[1]) / "simulated-lake"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / _OUTPUTS).exists():
            _make(shared, request.getfixturevalue("spark"))
    outputs = json.loads((shared / _OUTPUTS).read_text())
    shutil.copytree(shared / _STATE, own / _STATE)
    with LocalCloud(own / _STATE) as cloud:
        yield SimulatedLake(
            cloud=cloud,
            database=outputs["Database"],
            raw_uri=outputs["RawUri"],
            warehouse_uri=outputs["WarehouseUri"],
        )


def _make(folder: Path, spark: SparkSession) -> None:
    with LocalCloud(folder / _STATE) as cloud:
        where = cloud.environment()
        outputs = run(where, "-m", "infra.deploy", "--environment", "local")
        found = json.loads(outputs)
        # Few events are late: each one is an event hour more.
        defects = ["--seed", "1", "--defects", "default", "--late", "0.001"]
        size = ["--from", FIRST_HOUR, "--to", END, "--events", "3000"]
        run(where, "-m", "simulator", "history", "--raw", found["RawUri"], *size, *defects, "--quiet")
        lake = LakeLocation(raw_uri=found["RawUri"], warehouse_uri=found["WarehouseUri"], database=found["Database"])
        settled_before = datetime(2026, 11, 23, tzinfo=UTC)
        reconcile(spark, cloud, lake, first=FIRST_HOUR, end=END, settled_before=settled_before)
    (folder / _OUTPUTS).write_text(outputs)
