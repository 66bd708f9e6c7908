"""Transform landing hours: `spark-submit spark_jobs/run_transform_events.py … --landing-hour 2026-11-22T10`.

Reads the raw objects under the hours' prefixes; writes `received_events`, `rejected_events`, `landing_ledger`. Exit
codes: 0 done (or nothing had changed), 1 failed, 2 wrong arguments, 3 done, but an object could not be read.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.partitions import hours_between
from contracts.raw_survey import survey_raw
from contracts.stages import LANDING_HOURS
from spark_jobs.arguments import (
    add_lake_arguments,
    add_settled_argument,
    add_span_arguments,
    location_of,
    settled_before_of,
    span_of,
)
from spark_jobs.errors import SparkJobError
from spark_jobs.lake.lake import Lake
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import TransformReport, transform_landing_hours
from spark_jobs.raw.lake_stores import raw_store

DONE, FAILED, UNREADABLE = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    span, location = span_of(parser, arguments, LANDING_HOURS), location_of(arguments)
    rules = LandingRules(
        settled_before=settled_before_of(arguments),
        allow_open_hour=arguments.allow_open_hour,
        force=arguments.force,
    )
    started = time.monotonic()
    try:
        lake = Lake.open("transform_events", location)
        report = transform_landing_hours(lake, list(hours_between(span.start, span.end)), rules)
        # An hour without objects is a valid hour; a range without any is a slip of the keyboard.
        survey = survey_raw(raw_store(lake.raw_uri), span.start, span.end) if span.is_range else None
    except SparkJobError as error:
        print(f"transform_events: {error}", file=sys.stderr)
        return FAILED
    for unreadable in report.unreadable:
        print(f"unreadable object: {unreadable.key}: {unreadable.error}", file=sys.stderr)
    print(summary(report, time.monotonic() - started))
    for warning in survey.warnings(lake.raw_uri) if survey else ():
        print(f"transform_events: WARNING: {warning}", file=sys.stderr)
    return UNREADABLE if report.unreadable and not arguments.tolerate_unreadable else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_transform_events", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    add_span_arguments(parser, LANDING_HOURS)
    openness = parser.add_mutually_exclusive_group()
    add_settled_argument(openness, "later ones are refused")
    openness.add_argument(
        "--allow-open-hour",
        action="store_true",
        help="transform an hour that is not settled with what has landed so far",
    )
    parser.add_argument("--force", action="store_true", help="also transform hours whose objects have not changed")
    parser.add_argument(
        "--tolerate-unreadable",
        action="store_true",
        help="exit with 0 although an object could not be read: for a caller that looks into the ledger",
    )
    return parser


def summary(report: TransformReport, seconds: float) -> str:
    """Return the line that says what was done."""
    rows = report.written
    reasons: Counter[str] = Counter()
    for row in rows:
        reasons.update(row.rejected_by_reason)
    named = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    return (
        f"transform_events: {len(rows)} landing hours written, {len(report.unchanged)} unchanged; "
        f"{sum(len(row.objects) for row in rows)} objects ({len(report.unreadable)} unreadable), "
        f"{sum(row.lines for row in rows)} lines = received {sum(row.received for row in rows)} "
        f"+ rejected {sum(row.rejected for row in rows)}{f' ({named})' if named else ''}; {seconds:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
