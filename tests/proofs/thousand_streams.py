"""Generated streams of events through the jobs, compared with the executable specification: every row of every table.

    python -m tests.proofs.thousand_streams
    python -m tests.proofs.thousand_streams --streams 100 --seed 7

A hundred streams are packed into one lake and one run of each job. `tests/specification` defines the tables;
`tests/spark_jobs/specification/streams.py` says which defects a stream has. Ends with 1 if a row differs.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.names import LakeLocation
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.session import LocalSize, spark_session
from tests.spark_jobs.specification.packed_run import PackedRun, drawn_streams, run_packed

SHOWN: Final = 10
#: Packs take turns: one says nothing of its events, one names its currency.
SHOPS: Final = (DEFAULTS, EventSettings(currency="EUR"))


def main() -> int:
    """Run them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--pack", type=int, default=100, help="how many to a run of Spark (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the first pack; the next one has the next number")
    arguments = parser.parse_args()
    started = time.monotonic()
    runs: list[PackedRun] = []
    for run in packed_runs(arguments.streams, arguments.pack, arguments.seed):
        runs.append(run)
        print(
            f"{sum(of.streams for of in runs):,} streams, {sum(of.lines for of in runs):,} lines, "
            f"{sum(of.received for of in runs):,} received, {sum(of.rows for of in runs):,} rows compared, "
            f"{sum(len(of.differences) for of in runs)} differences, {time.monotonic() - started:.0f} s",
            flush=True,
        )
        _print_differences(run)
    return 1 if any(run.differences for run in runs) else 0


def packed_runs(streams: int, pack: int, seed: int) -> Iterator[PackedRun]:
    """Yield a run for each pack, all in one Spark session; each lake is removed after it."""
    with tempfile.TemporaryDirectory(prefix="streams-") as directory:
        warehouse = Path(directory) / "warehouse"
        anywhere = LakeLocation(raw_uri=directory, warehouse_uri=str(warehouse), database="unused")
        spark = spark_session("thousand_streams", anywhere, size=LocalSize(heap="2g"))
        for number in itertools.count():
            if number * pack >= streams:
                break
            with tempfile.TemporaryDirectory(prefix="raw-", dir=directory) as raw:
                location = LakeLocation(
                    raw_uri=raw, warehouse_uri=str(warehouse), database=f"pack_{number}", events=SHOPS[number % 2]
                )
                lake = Lake.at(location, spark)
                yield run_packed(lake, drawn_streams(min(pack, streams - number * pack), number=seed + number))
        spark.stop()


def _print_differences(run: PackedRun) -> None:
    for table, count in Counter(difference.table for difference in run.differences).items():
        print(f"{table}: {count} rows differ", file=sys.stderr)
        for difference in [of for of in run.differences if of.table == table][:SHOWN]:
            print(f"  {difference}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
