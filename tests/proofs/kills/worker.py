"""`python -m tests.proofs.kills.worker …`: a Spark process that runs random jobs until it is killed.

It prints `ready` once Spark has started, and writes what it does to a file that outlives it.
"""

import argparse
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

from contracts.names import LakeLocation
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import LocalSize
from tests.proofs.kills.driver_kills import DriverKiller, DriverRun
from tests.proofs.kills.jobs import all_at_once, each_hour, random_job, refused


def main() -> int:
    """Work until killed."""
    parser = argparse.ArgumentParser()
    for name in ("raw-uri", "warehouse-uri", "database"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--phase", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--at-once", action="store_true", help="fifty hours at once, instead of one job after another")
    given = parser.parse_args()
    location = LakeLocation(raw_uri=given.raw_uri, warehouse_uri=given.warehouse_uri, database=given.database)
    lake = Lake.open("kills", location, size=LocalSize(cores=2, heap="1g", short_lived=True))
    file = os.open(given.phase, os.O_RDWR | os.O_CREAT)
    dice = random.Random(given.seed)
    with DriverKiller(note=lambda phase: _write(file, phase)) as killer:
        print("ready", flush=True)
        while True:
            if given.at_once:
                all_at_once(lambda hour: _run(killer, "fifty hours at once", lambda: each_hour(lake, hour)))
            else:
                name, job = random_job(lake, dice)
                _run(killer, name, job)


def _run(killer: DriverKiller, name: str, job: Callable[[], object]) -> None:
    refused(lambda: killer.run(DriverRun(job=name), job))


def _write(file: int, phase: str) -> None:
    os.pwrite(file, f"{phase:<80}".encode(), 0)


if __name__ == "__main__":
    sys.exit(main())
