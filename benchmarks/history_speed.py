"""How many events per second `simulator.raw.history` writes: `python -m benchmarks.history_speed [--events N]`.

Writes to a temporary directory, and fails unless the objects hold as many lines as the manifest says: a quick run that
lost something is no success. Wall time depends on what else the machine does: events per second of processor time
are printed beside it.
"""

import argparse
import gzip
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simulator.raw.history import HistorySettings, slice_plans, write_history
from simulator.world.defects import DEFAULT_SHARES
from simulator.world.manifest import Tally

_START = datetime(2026, 11, 20, tzinfo=UTC)


def main() -> None:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--processes", type=int, default=0, help="default: one per processor")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as raw:
        settings = HistorySettings(
            raw_uri=raw,
            start=_START,
            end=_START + timedelta(hours=6),
            delivery_stream="benchmark",
            events=options.events,
            shares=DEFAULT_SHARES,
            processes=options.processes,
        )
        tally, seconds, processor_seconds = _measure(settings)
        lines = tally.lines.total()
        found = sum(gzip.decompress(path.read_bytes()).count(b"\n") for path in Path(raw).rglob("*.gz"))
    if found != lines:
        raise SystemExit(f"the objects hold {found:,} lines, the manifest says {lines:,}")
    print(
        f"history: {lines:,} lines in {tally.objects} objects, {tally.compressed_bytes / 2**20:.0f} MiB: "
        f"{seconds:.1f} s, {lines / seconds:,.0f} events/s; "
        f"{lines / processor_seconds:,.0f} events per second of processor time"
    )


def _measure(settings: HistorySettings) -> tuple[Tally, float, float]:
    """Return the counts, the wall time, and the processor time of this process and its children."""
    tally = Tally()
    started = time.monotonic()
    for part in write_history(settings, slice_plans(settings)):
        tally.merge(part)
    seconds = time.monotonic() - started
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return tally, seconds, sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main()
