"""Maintain the tables: `spark-submit spark_jobs/run_maintain_tables.py … [--table T …] [--snapshot-age-hours N]`.

Drops rejected lines whose raw objects have expired, compacts small files, expires old snapshots, removes files that no
snapshot names, and shows each table's figures before and after. Other runs may go on. Exit codes: 0 done, 1 a table
could not be maintained (the others were), 2 wrong arguments.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

if not __package__:  # started by spark-submit: this file's directory is on the path, its parent is what we need
    sys.path[0] = str(Path(__file__).resolve().parents[1])


from contracts.rules import RAW_RETENTION_DAYS
from contracts.stages import ALL_TABLES, TABLES, table_named
from contracts.tables import REJECTED_EVENTS, Table
from spark_jobs.arguments import add_json_argument, add_lake_arguments, location_of
from spark_jobs.errors import SparkJobError
from spark_jobs.lake.evolution import ensure_filled_lake, ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.maintain_tables import (
    LEAST_ORPHAN_AGE,
    MaintenanceRules,
    TableMaintenance,
    expire_rejected,
    maintain_table,
)

DONE, FAILED = 0, 1
_MIB = 1024 * 1024
#: A hundred years, and the size of the largest object in S3.
_LIMITS = {
    "snapshot_age_hours": 876_000,
    "orphan_age_hours": 876_000,
    "raw_retention_days": 36_500,
    "target_file_mb": 5_242_880,
}
_HEADER = ("table", "files", "MiB", "manifests", "snapshots", "compacted", "orphans")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    location, rules = location_of(arguments), _rules_of(parser, arguments)
    tables = [table_named(name) for name in arguments.table] or list(ALL_TABLES)
    started = time.monotonic()
    done: list[TableMaintenance] = []
    errors: list[str] = []
    expired = 0
    try:
        lake = Lake.open("maintain_tables", location)
        ensure_filled_lake(lake)
        ensure_tables(lake, _made_by_others(lake))
        for table in tables:
            try:
                if table == REJECTED_EVENTS:
                    expired = expire_rejected(lake, rules.now - timedelta(days=arguments.raw_retention_days))
                maintained = maintain_table(lake, table, rules)
                done += [maintained] if maintained else []
            except SparkJobError as error:
                errors.append(str(error))
    except SparkJobError as error:
        errors.append(str(error))
    print(text(done))
    print(
        f"maintain_tables: {len(done)} of {len(tables)} tables had something in them; {expired} rejected lines expired "
        f"with their raw objects; {_seconds(started)} s"
    )
    if arguments.json:
        figures = [asdict(table) for table in done]
        report = {"tables": figures, "expired_lines": expired, "errors": errors, "seconds": _seconds(started)}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    for message in errors:
        print(f"maintain_tables: {message}", file=sys.stderr)
    return FAILED if errors else DONE


def _made_by_others(lake: Lake) -> list[Table]:
    """Return the tables that are there though no job makes them."""
    others = (table for table in ALL_TABLES if table not in TABLES)
    return [table for table in others if lake.has(table)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run_maintain_tables", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_lake_arguments(parser)
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        choices=[table.name for table in ALL_TABLES],
        help="a table; may be given repeatedly; default: all of them",
    )
    parser.add_argument(
        "--snapshot-age-hours",
        type=int,
        default=5 * 24,
        metavar="N",
        help="expire snapshots that ceased to be current longer ago than this; default: %(default)s",
    )
    parser.add_argument(
        "--orphan-age-hours",
        type=int,
        default=3 * 24,
        metavar="N",
        help="remove files that no snapshot names and that are older than this; at least "
        f"{LEAST_ORPHAN_AGE.total_seconds() / 3600:g}, and longer than any run takes; default: %(default)s",
    )
    parser.add_argument(
        "--target-file-mb", type=int, default=256, metavar="N", help="size of the files to make; default: %(default)s"
    )
    parser.add_argument(
        "--raw-retention-days",
        type=int,
        default=RAW_RETENTION_DAYS,
        metavar="N",
        help="drop the rejected lines of landing hours older than this, if no raw object is left; default: %(default)s",
    )
    add_json_argument(parser, "what was done")
    return parser


def _rules_of(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> MaintenanceRules:
    for option, most in _LIMITS.items():
        if not 1 <= getattr(arguments, option) <= most:
            parser.error(f"--{option.replace('_', '-')} is {getattr(arguments, option)}; it must be 1 to {most}")
    try:
        return MaintenanceRules(
            now=datetime.now(UTC),
            snapshot_age=timedelta(hours=arguments.snapshot_age_hours),
            orphan_age=timedelta(hours=arguments.orphan_age_hours),
            target_file_bytes=arguments.target_file_mb * _MIB,
        )
    except ValueError as error:
        parser.error(f"--orphan-age-hours: {error}")


def text(done: Sequence[TableMaintenance]) -> str:
    """Return the figures as a table, before → after."""
    rows = [_HEADER, *map(_cells, done)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _cells(table: TableMaintenance) -> tuple[str, ...]:
    lost = f" ({table.lost_to_other_runs} lost to other runs)" if table.lost_to_other_runs else ""
    return (table.table, *_changes(table), f"{table.compacted_files}{lost}", str(table.removed_orphans))


def _changes(table: TableMaintenance) -> Iterator[str]:
    before, after = table.before, table.after
    yield f"{before.data_files} → {after.data_files}"
    yield f"{before.bytes / _MIB:.1f} → {after.bytes / _MIB:.1f}"
    yield f"{before.manifests} → {after.manifests}"
    yield f"{before.snapshots} → {after.snapshots}"


def _seconds(started: float) -> float:
    return round(time.monotonic() - started, 1)


if __name__ == "__main__":
    sys.exit(main())
