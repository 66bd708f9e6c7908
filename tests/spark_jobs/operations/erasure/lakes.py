"""Lakes to erase users from: raw objects and error objects with a user, neighbours beside, and all tables made."""

import base64
import gzip
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from contracts.envelope import Stamp, envelope_line, epoch_ms
from contracts.partitions import HOUR, landing_prefix
from contracts.stages import EVENT_HOURS
from contracts.tables import (
    DAILY_SOURCES,
    DAILY_TRAFFIC,
    DAILY_TRANSITIONS,
    DAY_LEDGER,
    IDENTITY_LINKS,
    LANDING_LEDGER,
    RECEIVED_EVENTS,
    REJECTED_EVENTS,
    SESSIONS,
    USER_DAYS,
)
from contracts.tables.weekly import WEEK_LEDGER, WEEKLY_TRAFFIC
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.evolution import ensure_tables
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import known_keys, stale_between
from spark_jobs.landing.landing_plan import LandingRules
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.stage_jobs import LATER_JOBS
from spark_jobs.raw.lake_stores import raw_store
from storage.by_hour import landed_hours
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.table_rows import HOUR_TABLES, table_hashes

TEN: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN: Final = TEN + HOUR
NEXT_DAY: Final = TEN + timedelta(days=1)
ERRORS_KEY: Final = "errors/processing-failed/landing_date=2026-11-22/landing_hour=10/failed"

#: All that is a pure function of raw: equal, after an erasure, to what is made from the rewritten objects in one go.
PURE_TABLES: Final = (
    *HOUR_TABLES,
    *(RECEIVED_EVENTS, REJECTED_EVENTS, LANDING_LEDGER),
    *(SESSIONS, USER_DAYS, IDENTITY_LINKS, DAILY_TRAFFIC, DAILY_SOURCES, DAILY_TRANSITIONS, DAY_LEDGER),
    *(WEEKLY_TRAFFIC, WEEK_LEDGER),
)

RULES: Final = LandingRules(settled_before=datetime(2100, 1, 1, tzinfo=UTC))


def line(user_id: str, click_id: str, minute: int = 5, *, hour: datetime = TEN, more: str = "") -> bytes:
    """Return a raw line; `user_id` is spelled as it is given, between quotes."""
    happened = hour + timedelta(minutes=minute)
    event = (
        f'{{"timestamp":"{happened:%Y-%m-%d %H:%M:%S}","user_id":"{user_id}","click_id":"{click_id}",'
        f'"event_name":"Search"{more}}}'
    )
    stamp = Stamp(received_at=epoch_ms(happened), request_id="r", source_ip="192.0.2.0", user_agent="test")
    return envelope_line(stamp, event.encode())


def failed(record: bytes) -> bytes:
    """Return a line of an error object, as Firehose writes one around a record."""
    return json.dumps({"attemptsMade": 1, "rawData": base64.b64encode(record).decode()}).encode() + b"\n"


#: User 35 in three spellings, and in a line that is no event; users 1357 and 3 are the neighbours.
FIRST_LINES: Final = (
    line("35", "a"),
    line("1357", "b", more=',"pixel_id":"35"'),
    line("\\u0033\\u0035", "c", 6),
    line("35", "d", more=',"event_name":"x"'),
    line("3", "e", 7, more=',"event_name":"x"'),
    b'{"user_id":"35", cut off\n',
    b"not json\n",
)
#: Lines of `FIRST_LINES` that are not user 35's.
FIRST_LINES_KEPT: Final = tuple(FIRST_LINES[place] for place in (1, 4, 6))


def linked(device: str | None, user_id: str | None, click_id: str) -> bytes:
    """Return the line of an event with one of the ids, or with both."""
    event = line("", click_id, 20).replace(b'"user_id":"",', b"")
    ids = {"anonymous_id": device, "user_id": user_id}
    members = "".join(f'"{name}":"{value}",' for name, value in ids.items() if value is not None)
    return event.replace(b'"click_id"', members.encode() + b'"click_id"')


#: User 35's browsers: `phone` is theirs alone, `tablet` user 3's, too. They call user 1357 a browser of theirs.
LINKED = (
    linked("phone", "35", "x1"),
    linked("phone", None, "x2"),
    linked("tablet", "35", "x3"),
    linked("tablet", "3", "x4"),
    linked("tablet", None, "x5"),
    linked("1357", "35", "x6"),
)


def objects() -> dict[str, bytes]:
    """Return the objects of a lake by key."""
    ten, eleven, next_day = (landing_prefix(hour) for hour in (TEN, ELEVEN, NEXT_DAY))
    return {
        f"{ten}mixed.gz": gzip.compress(b"".join(FIRST_LINES)),
        f"{ten}theirs.gz": gzip.compress(line("35", "f", 8)),
        f"{ten}others.gz": gzip.compress(line("1357", "g", 9) + line("3", "h", 10)),
        f"{eleven}others.gz": gzip.compress(line("3", "i", 5, hour=ELEVEN)),
        f"{next_day}mixed.gz": gzip.compress(line("35", "j", hour=NEXT_DAY) + line("3", "k", hour=NEXT_DAY)),
        ERRORS_KEY: failed(line("35", "l")) + failed(line("1357", "m") + line("35", "n")) + failed(line("3", "o")),
    }


def fill(root: Path, content: Mapping[str, bytes]) -> None:
    """Lay objects down below a directory."""
    for key, body in content.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


@dataclass(frozen=True, kw_only=True)
class DirectoryLake:
    """A lake in a directory of its own, with the session whose catalog it is; `empty` has all tables and no row."""

    spark: SparkSession
    root: Path
    empty: Lake
    database: str = "lake"

    @property
    def lake(self) -> Lake:
        raw, warehouse = self.root / "raw", self.root / "warehouse"
        return Lake(raw_uri=str(raw), warehouse_uri=str(warehouse), database=self.database, spark=self.spark)

    def stored(self) -> dict[str, bytes]:
        """Return all raw and error objects by key."""
        paths = (path for folder in ("raw", "errors") for path in (self.root / folder).rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths}

    def make_empty_tables(self) -> None:
        """Make every table: by copies, since to declare them takes seconds."""
        copy_lake(self.empty, self.lake)

    def make(self, *, days: bool = False) -> None:
        """Make every table that is stale; those of days and weeks if they are wanted."""
        make_tables(self.lake, days=days)

    def hashes(self) -> dict[str, str]:
        return table_hashes(self.lake, PURE_TABLES)

    def rebuilt_hashes(self, *, days: bool = False) -> dict[str, str]:
        """Return the hashes of tables that are made from the raw objects as they are now, in another database."""
        lake = replace(self, database="rebuilt")
        lake.make_empty_tables()
        lake.make(days=days)
        hashes = lake.hashes()
        shutil.rmtree(self.root / "warehouse" / lake.database)
        return hashes

    def user_ids(self) -> set[str]:
        """Return every user id in any data file, in use or not."""
        ids: set[str] = set()
        for path in (self.root / "warehouse").rglob("*.parquet"):
            parquet = pq.ParquetFile(path)
            if "user_id" in parquet.schema_arrow.names:
                ids |= set(parquet.read(columns=["user_id"]).column("user_id").to_pylist())
        return ids


def make_tables(lake: Lake, *, days: bool = False) -> None:
    """Transform every landing hour with objects, make every stale event hour and, if wanted, every day and week."""
    ensure_tables(lake)
    hours = landed_hours(raw_store(lake.raw_uri))
    transform_landing_hours(lake, hours, RULES)
    aggregate_hours(lake, stale_between(lake, EVENT_HOURS, *EVENT_HOURS.fed_by_landing(min(hours), max(hours) + HOUR)))
    if days:
        for stage, job in LATER_JOBS.items():
            job(lake, known_keys(lake, stage, stage.at(TEN) - stage.step, stage.at(NEXT_DAY) + stage.step))
