"""Kill runs at random points and compare every table with a rebuild in one go.

    python -m tests.proofs.kills                    # 200 kills
    python -m tests.proofs.kills --processes 4 --drivers 6 --at-once 0

`--processes` are SIGKILLs of a Spark process with its JVM, `--drivers` are kills of a driver between two calls to a
JVM that lives on, `--at-once` rounds run fifty hours as threads of one session, about a third of which are killed.
`--side-by-side` rounds run two reconciles, an erasure and a maintenance at the same time, each to its end; in every
second round some of them are killed, and the erasure is run again. Ends with 1 if a row of any table is lost, doubled
or different from a rebuild's from the raw objects that are left, or if the ledgers do not add up to what was written.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.proofs.kills.campaign import Campaign, campaign


def main() -> int:
    """Run a campaign; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=60)
    parser.add_argument("--drivers", type=int, default=110)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--side-by-side", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, campaign(Path(folder), given.seed) as of:
        run_side_by_side(of, rounds=given.side_by_side)
        kill(of, processes=given.processes, drivers=given.drivers, at_once=given.at_once)
        differing, wrong = of.differences(), of.imbalances()
    for phase, count in sorted(of.phases.items()):
        print(f"{count:>5}  {phase}")
    print(f"{of.kills:>5}  kills over {of.objects.lines:,} lines in {time.monotonic() - started:.0f} s")
    print(f"{of.rounds:>5}  rounds of two reconciles, an erasure and a maintenance side by side, each to its end")
    for table, found in differing.items():
        print(f"{table}: {found.doubled} rows doubled or wrong, {found.lost} lost", file=sys.stderr)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    print(f"{len(differing)} tables differ from a rebuild in one go")
    print(f"{len(wrong)} figures differ from what was written")
    return 1 if differing or wrong else 0


def run_side_by_side(of: Campaign, *, rounds: int) -> None:
    """Do the rounds of four runs side by side: before the kills, which leave a thousand files to search."""
    for number in range(rounds):
        of.run_side_by_side(with_kills=number % 2 == 1)
        _say(of)


def kill(of: Campaign, *, processes: int, drivers: int, at_once: int) -> None:
    """Do all kinds of kills; the second process, and each fifth after it, works on fifty hours at once."""
    for number in range(processes):
        of.kill_process(at_once=number % 5 == 1)
        _say(of)
    for _ in range(at_once):
        of.kill_drivers_at_once()
        _say(of)
    goal = of.kills + drivers
    while of.kills < goal:
        of.kill_driver()
        _say(of)


def _say(of: Campaign) -> None:
    print(f"\r{of.kills} kills", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
