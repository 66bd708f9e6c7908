"""A file of events through the whole pipeline, without cloud and Airflow: `make run INPUT=events.jsonl[.gz] OUT=dir`.

Writes every table as Parquet under OUT/tables/<table>/ and the figures to OUT/summary.json; OUT/raw and OUT/warehouse
are the lake that it was made in. Exit codes: 0 done, 1 failed, 2 wrong arguments, or a file that by its first lines
holds no events (nothing was written), 3 done, but a raw object could not be read, 4 done, but most lines were rejected.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # started by its path: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from contracts.event_settings import EventSettingsError, event_settings_from
from contracts.file_formats import why_no_events_file
from spark_jobs.arguments import add_event_arguments, event_settings_of
from spark_jobs.errors import SparkJobError
from spark_jobs.operations.events_file import EventsFileReport, ProcessedFile, process_events_file
from spark_jobs.operations.events_file_text import hourly_totals, mistakes, rejection_hint
from spark_jobs.operations.out_directory import OutDirectory, OutDirectoryError

DONE, FAILED, WRONG_ARGUMENTS, UNREADABLE, MOSTLY_REJECTED = 0, 1, 2, 3, 4


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_events_file", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="events as JSON lines, gz or not")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new, empty, or made by an earlier run")
    try:
        add_event_arguments(parser, event_settings_from(os.environ))
    except EventSettingsError as error:
        return _failed(str(error), WRONG_ARGUMENTS)
    arguments = parser.parse_args(argv)
    if reason := _why_no_events(arguments.input):
        return _failed(reason, WRONG_ARGUMENTS)
    out = OutDirectory(root=arguments.out.absolute())
    started = time.monotonic()
    try:
        out.prepare(arguments.input)
        processed = process_events_file(arguments.input, out, event_settings_of(arguments))
    except OutDirectoryError as error:
        return _failed(str(error), WRONG_ARGUMENTS)
    except SparkJobError as error:
        return _failed(str(error), FAILED)
    report = processed.report
    out.summary.write_text(json.dumps(_summary(report, time.monotonic() - started), indent=2) + "\n")
    print(hourly_totals(processed.lake))
    print(_sentence(report, out))
    return _status(processed, arguments.input, out)


def _why_no_events(file: Path) -> str | None:
    """Return why there can be no events in what was named, before anything is emptied or started for it."""
    if file.is_dir():
        return f"{file} is a directory; join its files to one: cat {shlex.quote(str(file))}/* > events.jsonl"
    if not file.exists():
        return f"there is no file {file}; pass the path of a file of JSON lines"
    if not file.is_file():
        return f"{file} is a pipe or a device, and is read more than once; write it to a file first"
    try:
        return why_no_events_file(file)
    except OSError as error:
        return f"can't read {file}: {error.strerror}"


def _status(processed: ProcessedFile, file: Path, out: OutDirectory) -> int:
    """Say what was not as it should be; return the exit code."""
    report = processed.report
    for unreadable in report.unreadable:
        print(f"unreadable object: {unreadable.key}: {unreadable.error}", file=sys.stderr)
    if report.implausible:
        print(f"make run: {report.implausible.warning()}", file=sys.stderr)
    if report.unread:
        fields = ", ".join(f"{name} {count:,}" for name, count in report.unread.items())
        print(
            f"make run: values that could not be read: {fields}. The events are in the tables without them; "
            "unread_fields names them in each, and extra has the values.",
            file=sys.stderr,
        )
    for mistake in mistakes(out.tables):
        print(f"make run: {mistake}", file=sys.stderr)
    if report.rejected and report.is_mostly_rejected:
        share = f"{sum(report.rejected.values()):,} of {report.lines:,} lines of {file} were rejected"
        hint = rejection_hint(processed.lake, report.rejected)
        print(f"make run: {share}: {hint}\nThe tables are written; rejected_events has each line.", file=sys.stderr)
    return UNREADABLE if report.unreadable else MOSTLY_REJECTED if report.is_mostly_rejected else DONE


def _failed(message: str, code: int) -> int:
    print(f"make run: {message}", file=sys.stderr)
    return code


def _summary(report: EventsFileReport, seconds: float) -> dict[str, object]:
    """Return what `summary.json` holds."""
    return {
        "lines": report.lines,
        "received": report.received,
        "rejected": report.rejected,
        "unread_fields": report.unread,
        "unreadable_objects": [unreadable.key for unreadable in report.unreadable],
        "duplicates": report.duplicates,
        "clean": report.clean,
        "event_hours": report.event_hours,
        "days": report.days,
        "implausible_days": report.implausible.by_key(),
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
