"""Make days again: `spark-submit spark_jobs/run_aggregate_days.py … --day 2026-11-22`.

Reads `clean_events`, writes `sessions`, `user_days`, the daily tables, `day_ledger`: of the day, of the known days
beside it, and of later days that look back at it, as far as these are stale. Exit codes: 0 done (or nothing had
changed), 1 failed, 2 wrong arguments.

In a range, and beside the day, days that are held back by a failed data check of an event hour are left, and named;
with --force, or one by one as --day, they are made all the same: that is to say that somebody looked at it.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.partitions import DAY, day_key
from contracts.stages import DAYS
from spark_jobs.arguments import add_lake_arguments, add_span_arguments, location_of, span_of
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.errors import SparkJobError
from spark_jobs.lake.evolution import ensure_filled_lake
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_keys
from spark_jobs.operations.later_jobs import summary

DONE, FAILED = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_aggregate_days", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    add_span_arguments(parser, DAYS)
    parser.add_argument(
        "--force",
        action="store_true",
        help="also make the days asked for if nothing has changed, or a data check holds them back",
    )
    arguments = parser.parse_args(argv)
    span, location = span_of(parser, arguments, DAYS), location_of(arguments)

    started = time.monotonic()
    try:
        lake = Lake.open("aggregate_days", location)
        ensure_filled_lake(lake)
        # In a range, days that never had an event are passed over; one that is named is looked at all the same.
        days = known_keys(lake, DAYS, span.start, span.end) if span.is_range else [span.start]
        hold_back = span.is_range and not arguments.force
        aggregation = aggregate_days(lake, days, force=arguments.force, hold_back=hold_back)
    except SparkJobError as error:
        print(f"aggregate_days: {error}", file=sys.stderr)
        return FAILED
    print(summary(DAYS, aggregation, time.monotonic() - started))
    if not days:
        print(
            f"aggregate_days: WARNING: no clean events between {day_key(span.start)} and {day_key(span.end - DAY)}: "
            "run_aggregate_hours, or run_reconcile_hours, comes first",
            file=sys.stderr,
        )
    return DONE


if __name__ == "__main__":
    sys.exit(main())
