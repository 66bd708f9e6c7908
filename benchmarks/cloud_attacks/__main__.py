"""Attack a local cloud of its own, and print what it accepted, what landed, and what it said.

    python -m benchmarks.cloud_attacks                                # all three, a few minutes
    python -m benchmarks.cloud_attacks disk-full --full s3 --rounds 6
    python -m benchmarks.cloud_attacks descriptors
    python -m benchmarks.cloud_attacks broken-state

A full disk needs a small file system: as root it is mounted for the time of the attack, else in a namespace of the
attack's own (`unshare -Urm`). One JSON line for each attack; ends with 1 if anything accepted was lost, or the cloud
answered or ended other than it promises, and with 77 where no small file system can be mounted.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.cloud_attacks import broken_state, descriptors, disk_full

_NO_MOUNT = 77
_ATTACKS = ("disk-full", "descriptors", "broken-state")
_Result = disk_full.Result | descriptors.Result | broken_state.Result


def main() -> int:
    """Run the attacks; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="|".join(_ATTACKS), help="all of them when none is named")
    parser.add_argument("--full", nargs="+", choices=disk_full.PARTS, default=disk_full.PARTS, help="what gets full")
    parser.add_argument("--rounds", type=int, default=6, help="how often it gets full; every other time with a SIGKILL")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if unknown := set(given.attacks) - set(_ATTACKS):
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(_ATTACKS)}")
    wanted = given.attacks or list(_ATTACKS)
    if "disk-full" in wanted:
        _allow_mounting()
    passed = True
    try:
        for result in _results(wanted, given):
            print(json.dumps({"attack": type(result).__module__.rpartition(".")[2], **asdict(result)}), flush=True)
            passed = passed and result.passed
    except disk_full.NoMountError as error:
        print(f"cloud attacks: {error}", file=sys.stderr)
        return _NO_MOUNT
    return 0 if passed else 1


def _results(wanted: list[str], given: argparse.Namespace) -> Iterator[_Result]:
    with tempfile.TemporaryDirectory(prefix="cloud-attacks-") as name:
        folder = Path(name)
        if "disk-full" in wanted:
            for part in given.full:
                yield disk_full.attack(folder / part, part, rounds=given.rounds, seed=given.seed)
        if "descriptors" in wanted:
            yield descriptors.attack(folder / "descriptors")
        if "broken-state" in wanted:
            yield from broken_state.attack(folder / "broken")


def _allow_mounting() -> None:
    """Go on in a namespace in which this user may mount, unless root may do that here."""
    if os.geteuid() != 0 and (unshare := shutil.which("unshare")):
        os.execv(unshare, [unshare, "-Urm", sys.executable, "-m", "benchmarks.cloud_attacks", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
