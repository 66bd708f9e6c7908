"""Make event hours again: `spark-submit spark_jobs/run_aggregate_hours.py … --event-hour 2026-11-22T10`.

Reads `received_events`, writes `clean_events`, the hourly tables, `event_ledger`. Exit codes: 0 done (or nothing had
changed), 1 failed, 2 wrong arguments.

In a range, hours that are held back by a failed data check of a landing hour are left, and named; with --force, or one
by one as --event-hour, they are made all the same: that is to say that somebody looked at it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.partitions import hour_key
from contracts.stages import EVENT_HOURS
from spark_jobs import aggregate_command
from spark_jobs.arguments import held_back_note
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_hours


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    return aggregate_command.run(
        argv,
        EVENT_HOURS,
        aggregate_hours,
        summary,
        description=__doc__,
        force="also make hours whose input has not changed, or is held back by a data check",
        rows="received events",
        source_job="run_transform_events",
    )


def summary(aggregation: Aggregation, seconds: float) -> str:
    """Return the line that says what was done."""
    made = aggregation.written
    hours = f" ({hour_key(made[0].event_hour)} … {hour_key(made[-1].event_hour)})" if made else ""
    held_back = held_back_note("landing hour", map(hour_key, aggregation.held_back))
    return (
        f"aggregate_hours: {len(made)} event hours made{hours}, {len(aggregation.unchanged)} unchanged{held_back}; "
        f"received {sum(row.received for row in made)} = clean {sum(row.clean for row in made)} "
        f"+ duplicates {sum(row.duplicates for row in made)}; {seconds:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
