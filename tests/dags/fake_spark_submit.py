"""`spark-submit`, as far as the DAGs can tell: it keeps the ledger like the jobs do, in two seconds and without a JVM.

A raw object is a list of event hours' keys, one a line; `rejected` stands for a line that is no event, and an object
whose name ends in `unreadable` for one that cannot be read; one whose name ends in `failing` makes a data check of its
landing hour fail. An estimate is always the same. Every job appends its name and its arguments, but those that say
where the lake lies, to the file $JOBS_DONE.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from contracts.estimates import ShownEstimate, estimate_object
from contracts.ledger import DayRow, EventRow, LandedHour
from contracts.partitions import HOUR, hours_between, landing_prefix, parse_day_key, parse_hour_key
from contracts.stages import DAYS, WEEKS, WeekRow
from contracts.versions import (
    RawObject,
    event_hour_input_version,
    landing_hours_feeding,
    landing_input_version,
)

#: An event can be a week late, and the day before its own is made of it, too.
REACH = timedelta(days=9)
LAKE_ARGUMENTS = ("--raw-uri", "…", "--warehouse-uri", "…", "--database", "…")
TIMESTAMP, COUNT = pa.timestamp("us", tz="UTC"), pa.int64()
LANDING = pa.schema(
    [
        ("landing_hour", TIMESTAMP),
        ("input_version", pa.string()),
        ("settled", pa.bool_()),
        *((name, COUNT) for name in ("unreadable_objects", "lines", "received", "rejected")),
        ("received_by_event_hour", pa.map_(pa.string(), COUNT)),
        ("failed_checks", COUNT),
    ]
)
EVENT = pa.schema(
    [
        ("event_hour", TIMESTAMP),
        ("input_version", pa.string()),
        *((name, COUNT) for name in ("received", "clean", "duplicates", "failed_checks")),
    ]
)
CHECKS = pa.schema(
    [
        ("checked_from", TIMESTAMP),
        *((name, pa.string()) for name in ("stage", "check_name", "severity", "expected", "detail", "input_version")),
        ("passed", pa.bool_()),
        ("observed", pa.float64()),
    ]
)
DAY = pa.schema(
    [
        ("day", pa.date32()),
        *((name, pa.string()) for name in ("input_version", "events_version", "users_fingerprint")),
        *((name, COUNT) for name in ("events", "users", "sessions", "failed_checks")),
    ]
)
WEEK = pa.schema(
    [
        ("week", pa.date32()),
        ("input_version", pa.string()),
        *((name, COUNT) for name in ("events", "users", "sessions", "failed_checks")),
    ]
)


ESTIMATE = ShownEstimate(
    counted_at=datetime(2026, 11, 22, 10, 5, tzinfo=UTC),
    is_empty=False,
    figures=(("users", "2"), ("rows of `clean_events` to delete", "1,357")),
)


class FakeLake:
    """The raw bucket and the ledger tables."""

    def __init__(self, raw_uri: str, warehouse_uri: str, database: str) -> None:
        self._s3 = boto3.client("s3")
        self._bucket = raw_uri.removeprefix("s3://").split("/")[0]
        endpoint = self._s3.meta.endpoint_url
        self._catalog: Catalog = load_catalog(
            "glue", type="glue", **{"warehouse": warehouse_uri, "s3.endpoint": endpoint, "s3.region": "us-east-1"}
        )
        self._database = database

    def write_estimate(self, name: str, shown: ShownEstimate) -> None:
        key = f"warehouse/{estimate_object(name)}"
        self._s3.put_object(Bucket="warehouse", Key=key, Body=shown.to_json().encode())

    def transform(self, hour: datetime, *, settled: bool) -> None:
        listing = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=landing_prefix(hour)).get("Contents", [])
        objects = [RawObject(key=o["Key"], etag=o["ETag"].strip('"'), size=o["Size"]) for o in listing]
        unreadable = [o for o in objects if o.key.endswith("unreadable")]
        lines = [line for o in objects if o not in unreadable for line in self._read(o.key)]
        received = Counter(line for line in lines if line != "rejected")
        row: dict[str, Any] = {
            "landing_hour": hour,
            "input_version": landing_input_version(objects),
            "settled": settled,
            "unreadable_objects": len(unreadable),
            "lines": len(lines),
            "received": received.total(),
            "rejected": len(lines) - received.total(),
            "received_by_event_hour": dict(received),
            "failed_checks": int(any(o.key.endswith("failing") for o in objects)),
        }
        if row["failed_checks"]:
            self._note_failed_check(hour, row["input_version"])
        self._replace("landing_ledger", LANDING, "landing_hour", row)

    def aggregate(self, hour: datetime) -> None:
        landed = self._landed(*landing_hours_feeding(hour))
        received = sum(row.received_by_event_hour.get(hour, 0) for row in landed)
        if received:
            row = {"event_hour": hour, "input_version": event_hour_input_version(hour, landed)}
            counts = {"received": received, "clean": received, "duplicates": 0, "failed_checks": 0}
            self._replace("event_ledger", EVENT, "event_hour", {**row, **counts})

    def aggregate_day(self, day: date) -> None:
        events = [EventRow(**row) for row in self._table("event_ledger", EVENT).scan().to_arrow().to_pylist()]
        made = [DayRow(**row) for row in self._table("day_ledger", DAY).scan().to_arrow().to_pylist()]
        current = DAYS.inputs([day], events, made)[day]
        row = DayRow(
            day=day,
            input_version=current.input_version,
            events_version=current.source_version,
            events=current.rows,
            users=1,
            sessions=1,
            users_fingerprint="one user",
        )
        self._replace("day_ledger", DAY, "day", asdict(row))

    def aggregate_week(self, week: date) -> None:
        days = [DayRow(**row) for row in self._table("day_ledger", DAY).scan().to_arrow().to_pylist()]
        current = WEEKS.inputs([week], days)[week]
        row = WeekRow(week=week, input_version=current.input_version, events=current.rows, users=1, sessions=1)
        self._replace("week_ledger", WEEK, "week", asdict(row))

    def reconcile(self, first: datetime, last: datetime) -> None:
        for hour in hours_between(first, last + HOUR):
            self.transform(hour, settled=True)
        for hour in self.event_hours():
            self.aggregate(hour)
        days = sorted(
            {hour.date() for hour in self.event_hours() if first.date() - REACH <= hour.date() <= last.date()}
        )
        for day in days:
            self.aggregate_day(day)
        for week in sorted(set(map(WEEKS.at, days))):
            self.aggregate_week(week)

    def event_hours(self) -> Iterable[datetime]:
        ever = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
        return sorted({hour for row in self._landed(*ever) for hour in row.received_by_event_hour})

    def _note_failed_check(self, hour: datetime, input_version: str) -> None:
        row = {
            "checked_from": hour,
            "stage": "landing_hour",
            "check_name": "lines_lost",
            "severity": "fail",
            "passed": False,
            "observed": 1.0,
            "expected": "exactly 0",
            "detail": "one is lost",
            "input_version": input_version,
        }
        self._replace("data_checks", CHECKS, "checked_from", row)

    def _read(self, key: str) -> list[str]:
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body.decode().split()

    def _landed(self, start: datetime, end: datetime) -> list[LandedHour]:
        rows = self._table("landing_ledger", LANDING).scan().to_arrow().to_pylist()
        return [
            LandedHour(
                landing_hour=row["landing_hour"],
                input_version=row["input_version"],
                received_by_event_hour={parse_hour_key(key): n for key, n in row["received_by_event_hour"]},
            )
            for row in rows
            if start <= row["landing_hour"] < end
        ]

    def _replace(self, table: str, schema: pa.Schema, column: str, row: dict[str, Any]) -> None:
        stored = self._table(table, schema)
        stored.delete(f"{column} = '{row[column].isoformat()}'")
        stored.append(pa.Table.from_pylist([row], schema=schema))

    def _table(self, name: str, schema: pa.Schema) -> Table:
        try:
            return self._catalog.load_table((self._database, name))
        except NoSuchTableError:
            return self._catalog.create_table((self._database, name), schema)


def main(arguments: list[str]) -> None:
    program = next(argument for argument in arguments if argument.endswith(".py"))
    parser = argparse.ArgumentParser()
    for name in ("--raw-uri", "--warehouse-uri", "--database", "--landing-hour", "--day", "--week", "--from", "--to"):
        parser.add_argument(name)
    parser.add_argument("--estimate-name")
    parser.add_argument("--allow-open-hour", action="store_true")
    own = arguments[arguments.index(program) + 1 :]
    given = vars(parser.parse_known_args(own)[0])
    lake = FakeLake(given["raw_uri"], given["warehouse_uri"], given["database"])
    match Path(program).stem:
        case "run_transform_events":
            lake.transform(parse_hour_key(given["landing_hour"]), settled=not given["allow_open_hour"])
        case "run_aggregate_hours":
            for hour in hours_between(parse_hour_key(given["from"]), parse_hour_key(given["to"]) + HOUR):
                lake.aggregate(hour)
        case "run_aggregate_days":
            lake.aggregate_day(parse_day_key(given["day"]))
        case "run_aggregate_weeks":
            lake.aggregate_week(WEEKS.parse(given["week"]))
        case "run_reconcile_hours":
            lake.reconcile(parse_hour_key(given["from"]), parse_hour_key(given["to"]))
    if given["estimate_name"]:
        lake.write_estimate(given["estimate_name"], ESTIMATE)
    with Path(os.environ["JOBS_DONE"]).open("a") as done:
        done.write(" ".join([Path(program).stem, *own[len(LAKE_ARGUMENTS) :]]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
