"""The commands that tell a person of decisions: `explain`, from the table; `explained`, an example for the docs."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.names import LakeLocation
from kinesis_scaling.decisions.explain import explain
from kinesis_scaling.errors import DecisionStoreError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

#: The variables that the DAGs are told the lake by.
WAREHOUSE, DATABASE = "CLICKSTREAM_WAREHOUSE_URI", "CLICKSTREAM_DATABASE"
#: Where docs/ is; the page is made from a checkout only.
REPOSITORY: Final = Path(__file__).resolve().parents[3]
_DAY: Final = timedelta(days=1)


class QuestionError(DecisionStoreError):
    """What was asked cannot be answered; the message says what can."""


def add_explain(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `explain --since T`: what became of a stream's shards, and why, from the table `scaling_decisions`."""
    asked = commands.add_parser(
        "explain",
        help="what was decided about a stream's shards, and why",
        description="What was decided about a stream's shards, why, and what became of it, from the table that "
        f"scale_event_stream writes. The lake is the one that {WAREHOUSE} and {DATABASE} name, as for the DAGs.",
    )
    asked.set_defaults(run=_explain)
    add = asked.add_argument
    add("--since", metavar="TIME", help="such as 2026-11-22T00:00, in UTC unless it says otherwise (default: a day)")
    add("--until", metavar="TIME", help="the first moment that is not asked about (default: now)")
    add("--stream", metavar="NAME", help="one stream (default: all)")
    add("--hold", action="store_true", help="show decisions to do nothing, too")
    add("--each", action="store_true", help="list splits and merges one by one")
    add("--warehouse-uri", metavar="URI", help=f"instead of {WAREHOUSE}")
    add("--database", metavar="NAME", help=f"instead of {DATABASE}")


def add_explained(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `explained [--check]`, which writes docs/scaling-explained.md or says that it is out of date."""
    page = commands.add_parser("explained", help="write docs/scaling-explained.md, an example of `explain`")
    page.set_defaults(run=_explained)
    page.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")


def _explain(given: argparse.Namespace) -> None:
    from kinesis_scaling.decisions.store import open_decision_store  # pyiceberg takes a second to import

    now = datetime.now(UTC)
    until = _time("--until", given.until) if given.until else now
    since = _time("--since", given.since) if given.since else until - _DAY
    if since >= until:
        raise QuestionError(f"--since {_minute(since)} is not before --until {_minute(until)}")
    lake = _lake(given, os.environ)
    store = open_decision_store(lake)
    records = store.read(given.stream, since, until)
    if not records:
        decided = store.decided()
        if decided is None:
            raise QuestionError(
                f"there is no table {lake.database}.scaling_decisions yet: scale_event_stream makes it when it writes "
                "its first decision; look whether the database is the right one, and whether that DAG runs"
            )
        raise QuestionError(why_nothing(decided, given.stream, since, until))
    sys.stdout.write(explain(records, since, until, hold=given.hold, each=given.each))


def _explained(given: argparse.Namespace) -> None:
    from kinesis_scaling.decisions.explained_page import PAGE, explained_page

    path, text = REPOSITORY / PAGE, explained_page()
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    if given.check:
        raise QuestionError(f"{PAGE} is out of date; run: make docs")
    path.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE}")


def _time(option: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise QuestionError(f"{option} is {text!r}, which is no time; write 2026-11-22T00:00 (UTC)") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _lake(given: argparse.Namespace, environ: Mapping[str, str]) -> LakeLocation:
    warehouse = given.warehouse_uri or environ.get(WAREHOUSE)
    database = given.database or environ.get(DATABASE)
    if not warehouse or not database:
        raise QuestionError(
            f"where is the lake? Give --warehouse-uri and --database, or set {WAREHOUSE} and {DATABASE}, which the "
            "outputs of the stack have (python -m infra.deploy prints them)"
        )
    if not warehouse.startswith("s3://"):
        raise QuestionError(f"the warehouse is {warehouse!r}; decisions are kept in the Glue catalog, of one at s3://")
    return LakeLocation(raw_uri="", warehouse_uri=warehouse.rstrip("/"), database=database)


def why_nothing(decided: Sequence[tuple[str, datetime]], stream: str | None, since: datetime, until: datetime) -> str:
    """Return why there is nothing to tell of a time, and of which time there is; `decided` is stream and time."""
    if not decided:
        return "scaling_decisions has no rows yet: nothing was close to a move so far"
    times = [time for name, time in decided if stream in (None, name)]
    if not times:
        names = ", ".join(sorted({name for name, _ in decided}))
        return f"nothing was ever decided about a stream {stream}; there are decisions about {names}"
    near = {
        "the last before it": max((time for time in times if time < since), default=None),
        "the first after it": min((time for time in times if time >= until), default=None),
    }
    known = " and ".join(f"{what} at {_minute(time)}" for what, time in near.items() if time)
    return (
        f"nothing was close to a move from {_minute(since)} to {_minute(until)} UTC, so there is no decision to tell "
        f"of; there is {known}: ask with another --since or --until"
    )


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
