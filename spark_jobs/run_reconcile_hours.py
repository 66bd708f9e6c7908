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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.late_events import Deferred, deferred_text
from contracts.partitions import hour_key, key_text
from contracts.stages import LANDING_HOURS, DerivedStage
from spark_jobs import run_aggregate_hours, run_transform_events
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
from spark_jobs.operations.stage_jobs import summary

DONE, FAILED, UNREADABLE = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs; return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    span, location = span_of(parser, arguments, LANDING_HOURS), location_of(arguments)
    settled_before = settled_before_of(arguments)
    started = time.monotonic()
    try:
        lake = Lake.open("reconcile_hours", location)
        done = reconcile_hours(lake, span.start, span.end, settled_before, defer=arguments.defer)
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
    add_span_arguments(parser, LANDING_HOURS, single=False)
    add_settled_argument(parser, "later ones are left to their own run")
    parser.add_argument(
        "--defer",
        action="store_true",
        help="leave what lacks so few late events that it is not worth being made again yet, as the hourly run does "
        "(contracts/late_events.py); default: make all that is stale",
    )
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
        *deferred_lines(done.deferred),
    ]
    for stage, run in done.later.items():
        lines += [
            summary(stage, run, seconds),
            *(f"  made {key_text(row.key)}: {row.events} events, {row.users} users" for row in run.written),
            *(f"  refreshed {key_text(row.key)}: the users before it changed" for row in run.refreshed),
            *(
                f"  left open {key_text(key)}: stale until it is made once {key_text(awaited)} is over and settled"
                for key, awaited in done.open_keys[stage].items()
            ),
        ]
    return "\n".join(lines)


def deferred_lines(deferred: Mapping[DerivedStage[Any, Any], Mapping[Any, Deferred]]) -> Iterator[str]:
    """Yield a line for each stage of which keys were left stale."""
    for stage, keys in deferred.items():
        if keys:
            yield f"  deferred {deferred_text(stage, keys)}"


def as_json(done: Reconciliation, seconds: float) -> dict[str, object]:
    """Return what was done, for a program."""
    later: dict[str, object] = {}
    for stage, run in done.later.items():
        later[f"{stage.name}s"] = [
            {stage.name: key_text(row.key), "events": row.events, "users": row.users, "sessions": row.sessions}
            for row in run.written
        ]
        later[f"{stage.name}s_refreshed"] = [key_text(row.key) for row in run.refreshed]
        later[f"{stage.name}s_open"] = [*map(key_text, done.open_keys[stage])]
    deferred = {
        f"{stage.name}s_deferred": {key_text(key): lacks.lacking for key, lacks in keys.items()}
        for stage, keys in done.deferred.items()
    }
    held_back = (key for run in done.later.values() for key in run.held_back)
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
        **later,
        **deferred,
        "held_back": [*map(key_text, [*done.aggregated.held_back, *held_back])],
        "seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    sys.exit(main())
