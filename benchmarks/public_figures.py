"""A public data set through all the jobs, and its known figures beside ours: `make run DATA=rees46 OUT=… FOLDER=…`.

    python -m benchmarks.public_figures retentioneering --out dir
    python -m benchmarks.public_figures rees46 --out dir --folder folder-of-events.csv.gz

retentioneering: `datasets/ecom.csv.gz` of the PyPI package retentioneering 5.2.4, Apache-2.0, synthetic shop events.
rees46: "eCommerce behavior data from multi category store" (REES46 Marketing Platform, on Kaggle), free to use with a
link to the data set's page; it is not part of this repository.

A third party's CSV becomes JSON lines of events. Our figures are read with DuckDB from the Parquet that `make run`
leaves, each from the table that a shop would ask. Exit codes: 0 every figure is the expected one, 1 one is not (or the
run failed), 2 wrong arguments.
"""

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TextIO, cast

import duckdb

Row = dict[str, str]
Event = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[1]
_SAME, _DIFFERENT, _WRONG_ARGUMENTS = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set: where it is by default, and its figures as they are known to its publisher and readers.

    A funnel begins with the first of its steps that the data has; `names` are events per name.
    """

    source: Path | None
    users: int
    events: int
    sessions: int
    names: Mapping[str, int]
    revenue: Decimal
    funnel: tuple[str, ...]
    in_order: tuple[int, ...]
    in_any_order: tuple[int, ...]


DATA_SETS: Final = {
    "retentioneering": DataSet(
        source=ROOT / "tests" / "data" / "retentioneering_ecom.csv.gz",
        users=600,
        events=31_106,
        sessions=3_605,
        names={"Search": 4_011, "Purchase": 470},
        revenue=Decimal("0.00"),
        funnel=("Search", "ViewContent", "AddToCart", "Purchase"),
        in_order=(594, 587, 485, 257),
        in_any_order=(594, 598, 522, 328),
    ),
    "rees46": DataSet(
        source=None,
        users=1_755,
        events=5_019,
        sessions=1_761,
        names={"ViewContent": 4_915, "AddToCart": 50, "Purchase": 54},
        revenue=Decimal("14786.59"),
        funnel=("ViewContent", "AddToCart", "Purchase"),
        in_order=(1_755, 34, 10),
        in_any_order=(1_755, 34, 48),
    ),
}


_RETENTIONEERING_NAMES: Final = {
    "search": "Search",
    "product_view": "ViewContent",
    "add_to_cart": "AddToCart",
    "purchase": "Purchase",
}
_REES46_NAMES: Final = {"view": "ViewContent", "cart": "AddToCart", "purchase": "Purchase"}


def retentioneering_event(number: int, row: Row) -> Event:
    """Return the event of a row of `ecom.csv`; events outside the funnel keep their names, as custom events."""
    return {
        "timestamp": row["timestamp"],
        "user_id": row["user_id"],
        "click_id": f"retentioneering-{number}",
        "event_name": _RETENTIONEERING_NAMES.get(row["event"], row["event"]),
        "platform": row["platform"],
        "session_id": row["session_id"],
    }


def rees46_event(number: int, row: Row) -> Event:
    """Return the event of a row of a REES46 month; it has no event id, so the row number makes one."""
    return {
        "timestamp": row["event_time"].removesuffix(" UTC"),
        "user_id": row["user_id"],
        "click_id": f"rees46-{number}",
        "event_name": _REES46_NAMES.get(row["event_type"], row["event_type"]),
        "additional_data": {"product_id": row["product_id"], "price": float(row["price"])},
        "session_id": row["user_session"],
    }


CONVERTERS: Final[dict[str, Callable[[int, Row], Event]]] = {
    "retentioneering": retentioneering_event,
    "rees46": rees46_event,
}


def converted(data_set: str, rows: Iterable[Row]) -> Iterator[Event]:
    """Yield the events of a data set's rows, in order."""
    convert = CONVERTERS[data_set]
    return (convert(number, row) for number, row in enumerate(rows, start=1))


def convert_file(data_set: str, source: Path, target: Path) -> int:
    """Convert one file, each of both .gz or not; return the number of events."""
    events = 0
    with _text(source, "rt") as rows, _text(target, "wt") as lines:
        for event in converted(data_set, csv.DictReader(rows)):
            lines.write(json.dumps(event, separators=(",", ":")) + "\n")
            events += 1
    return events


def _text(path: Path, mode: Literal["rt", "wt"]) -> TextIO:
    opener = gzip.open if path.suffix == ".gz" else Path.open
    return cast(TextIO, opener(path, mode, encoding="utf-8", newline=""))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: what it is and which table it is from, ours and theirs."""

    name: str
    ours: int | Decimal
    expected: int | Decimal

    @property
    def agrees(self) -> bool:
        return self.ours == self.expected


def figures(tables: Path, data_set: DataSet) -> Iterator[Figure]:
    """Yield every figure of a data set whose tables lie as Parquet under a directory."""
    with duckdb.connect() as connection:

        def figure(name: str, sql: str, expected: int | Decimal) -> Figure:
            return Figure(name=name, ours=_value(connection, tables, sql), expected=expected)

        yield figure("users (user_days)", "SELECT count(DISTINCT user_id) FROM {user_days}", data_set.users)
        yield figure("events (clean_events)", "SELECT count(*) FROM {clean_events}", data_set.events)
        yield figure("events (daily_traffic)", "SELECT sum(events) FROM {daily_traffic}", data_set.events)
        yield figure("sessions (sessions)", "SELECT count(*) FROM {sessions} WHERE NOT continued", data_set.sessions)
        yield figure("sessions (daily_traffic)", "SELECT sum(sessions) FROM {daily_traffic}", data_set.sessions)
        yield figure(
            "sessions (hourly_traffic)", "SELECT sum(sessions_started) FROM {hourly_traffic}", data_set.sessions
        )
        for name, events in data_set.names.items():
            sql = f"SELECT sum(events) FROM {{hourly_event_counts}} WHERE event_name = '{name}'"
            yield figure(f"{name} events (hourly_event_counts)", sql, events)
        for table in ("daily_traffic", "hourly_traffic", "daily_product_stats"):
            sql = f"SELECT coalesce(sum(revenue), 0) FROM {{{table}}}"
            yield figure(f"revenue ({table})", sql, data_set.revenue)
        for place, name in enumerate(data_set.funnel):
            sql = _in_order(data_set.funnel[: place + 1])
            yield figure(f"users with {name} in order (clean_events)", sql, data_set.in_order[place])
        for place, name in enumerate(data_set.funnel):
            sql = f"SELECT count(DISTINCT user_id) FROM {{clean_events}} WHERE event_name = '{name}'"
            yield figure(f"users with {name} in any order (clean_events)", sql, data_set.in_any_order[place])


def _in_order(steps: Sequence[str]) -> str:
    """Return the SQL that counts users who did all the steps, each not before the one before it, over all days."""
    sql = (
        f"SELECT user_id, min(event_time) AS at FROM {{clean_events}} WHERE event_name = '{steps[0]}' GROUP BY user_id"
    )
    for step in steps[1:]:
        sql = (
            f"SELECT e.user_id, min(e.event_time) AS at FROM {{clean_events}} e JOIN ({sql}) before "
            "ON before.user_id = e.user_id AND e.event_time >= before.at "
            f"WHERE e.event_name = '{step}' GROUP BY e.user_id"
        )
    return f"SELECT count(*) FROM ({sql})"


def _value(connection: duckdb.DuckDBPyConnection, tables: Path, sql: str) -> Any:
    files = {folder.name: _quoted(f"{folder}/*.parquet") for folder in tables.iterdir()}
    (value,) = connection.execute(sql.format_map(files)).fetchall()[0]
    return value if isinstance(value, Decimal) and value.as_tuple().exponent else int(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def report(found: Sequence[Figure]) -> str:
    """Return the figures as a table for a person."""
    width = max(len(figure.name) for figure in found)
    lines = [f"{'figure':<{width}}  {'ours':>12}  {'expected':>12}"]
    for figure in found:
        mark = "" if figure.agrees else "  DIFFERS"
        lines.append(f"{figure.name:<{width}}  {figure.ours:>12,}  {figure.expected:>12,}{mark}")
    wrong = sum(not figure.agrees for figure in found)
    return "\n".join([*lines, f"{len(found)} figures, {wrong} differ" if wrong else f"all {len(found)} figures agree"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the jobs over a data set and compare; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_set", choices=sorted(DATA_SETS), metavar="DATA", help=" or ".join(sorted(DATA_SETS)))
    parser.add_argument("--out", type=Path, required=True, help="new, empty, or made by an earlier run")
    parser.add_argument(
        "--folder", type=Path, help="where the data set's events.csv.gz lies, if not in this repository"
    )
    arguments = parser.parse_args(argv)
    data_set = DATA_SETS[arguments.data_set]
    source = arguments.folder / "events.csv.gz" if arguments.folder else data_set.source
    if source is None or not source.is_file():
        problem = f"there is no {source}" if source else f"{arguments.data_set} is not part of this repository"
        parser.error(
            f"{problem}: name the folder of its events.csv.gz (FOLDER=…); benchmarks/public_figures.py says whence"
        )
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / f"{arguments.data_set}.jsonl.gz"
        convert_file(arguments.data_set, source, events)
        job = [sys.executable, str(ROOT / "spark_jobs" / "run_events_file.py")]
        done = subprocess.run([*job, "--input", str(events), "--out", str(arguments.out)], check=False)
    if done.returncode != 0:
        return _WRONG_ARGUMENTS if done.returncode == _WRONG_ARGUMENTS else _DIFFERENT
    found = list(figures(arguments.out / "tables", data_set))
    print(report(found))
    return _SAME if all(figure.agrees for figure in found) else _DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
