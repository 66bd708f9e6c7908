"""What commands that aggregate keys of a stage share: arguments → a run of the job → a line that says what it did."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from contracts.partitions import key_text
from contracts.stages import DerivedStage
from spark_jobs.arguments import add_lake_arguments, add_span_arguments, location_of, span_of
from spark_jobs.errors import SparkJobError
from spark_jobs.lake.evolution import ensure_filled_lake
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_keys

DONE, FAILED = 0, 1


def run(
    argv: Sequence[str] | None,
    stage: DerivedStage[Any, Any],
    aggregate: Callable[..., Any],
    summary: Callable[[Any, float], str],
    *,
    description: str | None,
    force: str,
    rows: str,
    source_job: str,
) -> int:
    """Run the job; return the exit code. `force` explains that option.

    A range without any `rows` is explained by the `source_job`, which comes first.
    """
    name = f"aggregate_{stage.unit}s"
    parser = argparse.ArgumentParser(
        prog=f"run_{name}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    add_span_arguments(parser, stage)
    parser.add_argument("--force", action="store_true", help=force)
    arguments = parser.parse_args(argv)
    span, location = span_of(parser, arguments, stage), location_of(arguments)

    started = time.monotonic()
    try:
        lake = Lake.open(name, location)
        ensure_filled_lake(lake)
        # In a range, keys that never had an event are passed over; one that is named is looked at all the same.
        keys = known_keys(lake, stage, span.start, span.end) if span.is_range else [span.start]
        hold_back = span.is_range and not arguments.force
        done = aggregate(lake, keys, force=arguments.force, hold_back=hold_back)
    except SparkJobError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return FAILED
    print(summary(done, time.monotonic() - started))
    if not keys:
        asked = f"between {key_text(span.start)} and {key_text(span.end - stage.step)}"
        print(f"{name}: WARNING: no {rows} {asked}: {source_job}, or run_reconcile_hours, comes first", file=sys.stderr)
    return DONE
