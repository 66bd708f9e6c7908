"""Make what is stale: `spark-submit spark_jobs/run_reconcile_hours.py … --from 2026-11-20T00 --to 2026-11-22T10`.

Compares the raw objects of these landing hours with the ledger, transforms what differs, then makes every event hour
and day that was made from other input than there is now. Exit codes: 0 done (or nothing was stale), 1 failed, 2 wrong
arguments, 3 done, but an object could not be read. An hour that can't be made does not keep the others from it: the
run names it and exits with 1.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.partitions import day_key, hour_key
from spark_jobs import run_aggregate_days, run_aggregate_hours, run_transform_events
from spark_jobs.arguments import (
    add_json_argument,
    add_lake_arguments,
    add_settled_argument,
    add_span_arguments,
    location_of,
    settled_before_of,
    span_of,
)
from spark_jobs.errors import SparkJobError
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.reconcile_hours import Reconciliation, reconcile_hours

DONE, FAILED, UNREADABLE = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs; return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    span, location = span_of(parser, arguments), location_of(arguments)
    settled_before = settled_before_of(arguments)
    started = time.monotonic()
    try:
        lake = Lake.open("reconcile_hours", location)
        done = reconcile_hours(lake, span.start, span.end, settled_before)
    except SparkJobError as error:
        print(f"reconcile_hours: {error}", file=sys.stderr)
        return FAILED
    seconds = time.monotonic() - started
    print(text(done, seconds))
    if arguments.json:
        arguments.json.write_text(json.dumps(as_json(done, seconds), indent=2) + "\n")
    for warning in done.survey.warnings(lake.raw_uri) if done.survey else ():
        print(f"reconcile_hours: WARNING: {warning}", file=sys.stderr)
    for reason in done.errors:
        print(f"reconcile_hours: {reason}", file=sys.stderr)
    if done.errors:
        return FAILED
    return UNREADABLE if done.transformed.unreadable and not arguments.tolerate_unreadable else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_reconcile_hours", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    add_span_arguments(parser, None, "landing hour")
    add_settled_argument(parser, "later ones are left to their own run")
    parser.add_argument(
        "--tolerate-unreadable",
        action="store_true",
        help="exit with 0 although an object could not be read: for a caller that looks into the ledger",
    )
    add_json_argument(parser, "what was done")
    return parser


def text(done: Reconciliation, seconds: float) -> str:
    """Return what was done, for a person."""
    lines = [
        run_transform_events.summary(done.transformed, seconds),
        *(f"  transformed {hour_key(row.landing_hour)}: {row.lines} lines" for row in done.transformed.written),
        *(f"  unreadable object {unreadable.key}: {unreadable.error}" for unreadable in done.transformed.unreadable),
        *(f"  left open {hour_key(hour)}: not settled yet" for hour in done.open_hours),
        run_aggregate_hours.summary(done.aggregated, seconds),
        *(f"  made {hour_key(row.event_hour)}: {row.received} received" for row in done.aggregated.written),
        run_aggregate_days.summary(done.days, seconds),
        *(f"  made {day_key(row.day)}: {row.events} events, {row.users} users" for row in done.days.written),
        *(f"  told again {day_key(row.day)}: the users before it changed" for row in done.days.refreshed),
        *(
            f"  left open {day_key(day)}: stale until it is made once {day_key(awaited)} is over and settled"
            for day, awaited in done.open_days.items()
        ),
    ]
    return "\n".join(lines)


def as_json(done: Reconciliation, seconds: float) -> dict[str, object]:
    """Return what was done, for a program."""
    return {
        "transformed": [hour_key(row.landing_hour) for row in done.transformed.written],
        "unreadable_objects": [unreadable.key for unreadable in done.transformed.unreadable],
        "errors": done.errors,
        "stray_objects": done.survey.stray_count if done.survey else None,
        "open": [hour_key(hour) for hour in done.open_hours],
        "aggregated": [
            {
                "event_hour": hour_key(row.event_hour),
                "received": row.received,
                "clean": row.clean,
                "duplicates": row.duplicates,
            }
            for row in done.aggregated.written
        ],
        "days": [
            {"day": day_key(row.day), "events": row.events, "users": row.users, "sessions": row.sessions}
            for row in done.days.written
        ],
        "days_refreshed": [day_key(row.day) for row in done.days.refreshed],
        "days_open": [day_key(day) for day in done.open_days],
        "held_back": [*map(hour_key, done.aggregated.held_back), *map(day_key, done.days.held_back)],
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
