"""Job 1 beside its alternatives, on an hour of synthetic events with every defect: seconds and CPU seconds of each.

    python -m benchmarks.validation [--events 1000000] [--keep DIR]

CPU seconds are those of the whole process tree (JVM and Python workers), so they can be compared on a busy machine.
`spark.read.json` only parses: it validates nothing and writes nothing, so any way through the JVM costs at least that.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.process_tree import cpu_seconds
from contracts.names import LakeLocation
from contracts.versions import RawObject
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import LocalSize
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.raw.lake_stores import raw_store
from spark_jobs.raw.raw_lines import sound_lines
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.line import Received, validate_line
from storage.by_hour import all_landed_objects
from storage.object_store import ObjectStore

_HOUR: Final = datetime(2026, 11, 20, 10, tzinfo=UTC)
_RULES: Final = LandingRules(settled_before=_HOUR + timedelta(days=1), force=True)
_ENVELOPE: Final = (
    "received_at BIGINT, request_id STRING, source_ip STRING, user_agent STRING, event STRUCT<timestamp: STRING, "
    "user_id: STRING, click_id: STRING, event_name: STRING, pixel_id: STRING, insertion_timestamp: STRING, "
    "user_ip: STRING, additional_data: STRUCT<time_on_data: DOUBLE, percent_viewed: DOUBLE, product_id: STRING, "
    "price: DOUBLE>>"
)


def main() -> None:
    """Generate the events, then run every variant twice: in the first run the JVM's compiler is cold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="directory for the events; they are generated only if it has none")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.keep or Path(temporary)
        if not (root / "raw").exists():
            _generate_events(root / "raw", arguments.events)
        lake = LakeLocation(raw_uri=str(root / "raw"), warehouse_uri=f"{temporary}/warehouse", database="benchmark")
        store = raw_store(lake.raw_uri)
        objects = [entry for entries in all_landed_objects(store).values() for entry in entries]
        _validate_in_one_thread(store, objects)
        _run_in_spark(lake, objects)


def _generate_events(raw: Path, events: int) -> None:
    command = [sys.executable, "-m", "simulator", "history", "--raw", str(raw), "--rate", str(events / 3600)]
    hours = ["--from", f"{_HOUR:%Y-%m-%dT%H}", "--to", f"{_HOUR + timedelta(hours=1):%Y-%m-%dT%H}", "--shape", "steady"]
    subprocess.run([*command, *hours, "--defects", "default", "--object-mb", "64", "--quiet"], check=True)


def _validate_in_one_thread(store: ObjectStore, objects: list[RawObject]) -> None:
    """Print what a line costs: unpacked, validated in DuckDB, validated one by one."""
    chunks = []
    with _timed("unpack"):
        for raw_object in objects:
            with sound_lines(store, raw_object) as lines:
                chunks += list(lines)
    with LineValidator() as validator, _timed("validate: DuckDB, the rest one by one"):
        validated = [validator.validate(chunk) for chunk in chunks]
    total = sum(part.lines for part in validated)
    rejected = sum(part.rejected.num_rows for part in validated)
    few = chunks[0].split(b"\n")[:20_000]
    with _timed(f"validate: {len(few):,} lines one by one"):
        received = sum(isinstance(validate_line(line), Received) for line in few)
    print(f"  {total:,} lines, {rejected:,} rejected; one by one {received:,} of {len(few):,} received")


def _run_in_spark(location: LakeLocation, objects: list[RawObject]) -> None:
    lake = Lake.open("benchmark", location, size=LocalSize(heap="2g"))
    ensure_tables(lake)
    variants: dict[str, Callable[[], None]] = {
        "spark.read.json, parse only": lambda: _read_json(lake, objects),
        "job 1": lambda: _job(lake),
    }
    for turn in ("cold", "warm"):
        for name, variant in variants.items():
            with _timed(f"{turn}: {name}"):
                variant()


def _read_json(lake: Lake, objects: list[RawObject]) -> None:
    paths = [str(Path(lake.raw_uri).parent / raw_object.key) for raw_object in objects]
    lake.spark.read.schema(_ENVELOPE).json(paths).write.format("noop").mode("overwrite").save()


def _job(lake: Lake) -> None:
    transform_landing_hours(lake, [_HOUR, _HOUR + timedelta(hours=1)], _RULES)


@contextmanager
def _timed(name: str) -> Iterator[None]:
    """Print how long something took, by the clock and in CPU seconds of this process and all it started."""
    started, cpu = time.perf_counter(), cpu_seconds(os.getpid())
    yield
    print(f"{name:45} {time.perf_counter() - started:7.1f} s  {cpu_seconds(os.getpid()) - cpu:7.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
