"""A file of events through the whole pipeline, without cloud and Airflow: `make run INPUT=events.jsonl[.gz] OUT=dir`.

Writes every table as Parquet under OUT/tables/<table>/ and the figures to OUT/summary.json; OUT/raw and OUT/warehouse
are the lake that it was made in. Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 done, but a raw object could not be
read.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by its path: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from spark_jobs.arguments import add_privacy_argument
from spark_jobs.errors import SparkJobError
from spark_jobs.hourly.hourly_totals import hourly_totals
from spark_jobs.operations.events_file import EventsFileReport, process_events_file
from spark_jobs.operations.out_directory import OutDirectory, OutDirectoryError

DONE, FAILED, WRONG_ARGUMENTS, UNREADABLE = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_events_file", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="events as JSON lines, gz or not")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new, empty, or made by an earlier run")
    add_privacy_argument(parser)
    arguments = parser.parse_args(argv)
    if not arguments.input.is_file():
        return _failed(f"there is no file {arguments.input}; pass the path of a file of JSON lines", WRONG_ARGUMENTS)
    out = OutDirectory(root=arguments.out.absolute())
    started = time.monotonic()
    try:
        out.prepare(arguments.input)
        processed = process_events_file(arguments.input, out, keep_ip_addresses=arguments.keep_ip_addresses)
    except OutDirectoryError as error:
        return _failed(str(error), WRONG_ARGUMENTS)
    except SparkJobError as error:
        return _failed(str(error), FAILED)
    report = processed.report
    out.summary.write_text(json.dumps(_summary(report, time.monotonic() - started), indent=2) + "\n")
    print(hourly_totals(processed.spark, processed.lake))
    print(_sentence(report, out))
    for unreadable in report.unreadable:
        print(f"unreadable object: {unreadable.key}: {unreadable.error}", file=sys.stderr)
    return UNREADABLE if report.unreadable else DONE


def _failed(message: str, code: int) -> int:
    print(f"make run: {message}", file=sys.stderr)
    return code


def _summary(report: EventsFileReport, seconds: float) -> dict[str, object]:
    """Return what `summary.json` holds."""
    return {
        "lines": report.lines,
        "received": report.received,
        "rejected": report.rejected,
        "unreadable_objects": [unreadable.key for unreadable in report.unreadable],
        "duplicates": report.duplicates,
        "clean": report.clean,
        "event_hours": report.event_hours,
        "days": report.days,
        "seconds": {**report.seconds, "total": round(seconds, 2)},
    }


def _sentence(report: EventsFileReport, out: OutDirectory) -> str:
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.rejected.items())
    return (
        f"{report.lines:,} lines = {report.received:,} received + {sum(report.rejected.values()):,} rejected"
        f"{f' ({reasons})' if reasons else ''}; {report.received:,} received = {report.clean:,} clean "
        f"+ {report.duplicates:,} duplicates; {report.event_hours:,} event hours, {report.days:,} days; "
        f"tables are in {out.tables}"
    )


if __name__ == "__main__":
    sys.exit(main())
