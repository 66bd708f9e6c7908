"""Make event hours again: `spark-submit spark_jobs/run_aggregate_hours.py … --event-hour 2026-11-22T10`.

Reads `received_events`, writes `clean_events`, the hourly tables, `event_ledger`. Exit codes: 0 done (or nothing had
changed), 1 failed, 2 wrong arguments.

In a range, hours that are held back by a failed data check of a landing hour are left, and named; with --force, or one
by one as --event-hour, they are made all the same: that is to say that somebody looked at it.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.partitions import HOUR, hour_key
from contracts.stages import EVENT_HOURS
from spark_jobs.arguments import add_lake_arguments, add_span_arguments, held_back_note, location_of, span_of
from spark_jobs.errors import SparkJobError
from spark_jobs.hourly.aggregate_hours import Aggregation, aggregate_hours
from spark_jobs.lake.evolution import ensure_filled_lake
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_keys

DONE, FAILED = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_aggregate_hours", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    add_span_arguments(parser, EVENT_HOURS)
    parser.add_argument(
        "--force",
        action="store_true",
        help="also make hours whose input has not changed, or is held back by a data check",
    )
    arguments = parser.parse_args(argv)
    span, location = span_of(parser, arguments, EVENT_HOURS), location_of(arguments)

    started = time.monotonic()
    try:
        lake = Lake.open("aggregate_hours", location)
        ensure_filled_lake(lake)
        # In a range, hours that never had an event are passed over; one that is named is looked at all the same.
        hours = known_keys(lake, EVENT_HOURS, span.start, span.end) if span.is_range else [span.start]
        hold_back = span.is_range and not arguments.force
        aggregation = aggregate_hours(lake, hours, force=arguments.force, hold_back=hold_back)
    except SparkJobError as error:
        print(f"aggregate_hours: {error}", file=sys.stderr)
        return FAILED
    print(summary(aggregation, time.monotonic() - started))
    if not hours:
        print(
            f"aggregate_hours: WARNING: no received events between {hour_key(span.start)} and "
            f"{hour_key(span.end - HOUR)}: run_transform_events, or run_reconcile_hours, comes first",
            file=sys.stderr,
        )
    return DONE


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
