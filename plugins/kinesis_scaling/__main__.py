"""`python -m kinesis_scaling COMMAND`: explain past decisions; `--help` lists the commands.

The simulator of policies is `python -m benchmarks.scaling`, of a checkout; its commands are passed on to it.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Final

from contracts.names import LakeLocation
from kinesis_scaling.decisions.explain import explain
from kinesis_scaling.errors import DecisionStoreError, KinesisScalingError

#: The variables that name the lake, for the DAGs as well.
WAREHOUSE, DATABASE = "CLICKSTREAM_WAREHOUSE_URI", "CLICKSTREAM_DATABASE"
#: The commands of the simulator, which is no part of this package and cannot be imported here.
SIMULATOR: Final = "benchmarks.scaling"
SIMULATOR_COMMANDS: Final = {
    "simulate": "try scaling policies on recorded traffic",
    "robustness": "our policy on perturbed and on synthetic traffic; takes minutes",
}
_DAY: Final = timedelta(days=1)


class QuestionError(DecisionStoreError):
    """The question cannot be answered; the message says which can."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0, or 2 for input that cannot be used."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if words and words[0] in SIMULATOR_COMMANDS:
            return _simulator(words)
        given = _parser().parse_args(words)
        _explain(given)
    except KinesisScalingError as error:
        print(f"kinesis_scaling: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has closed it; docs.python.org/3/library/signal.html
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _simulator(words: Sequence[str]) -> int:
    if find_spec(SIMULATOR.split(".", maxsplit=1)[0]) is None:
        raise KinesisScalingError(f"{words[0]} needs a checkout: run python -m {SIMULATOR} {words[0]} there")
    return subprocess.run([sys.executable, "-m", SIMULATOR, *words], check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kinesis_scaling", description="Scaling of Kinesis streams")
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser(
        "explain",
        help="what was decided about a stream's shards, and why",
        description="What was decided about a stream's shards, why, and what became of it, from the table that "
        f"scale_event_stream writes. The lake is the one that {WAREHOUSE} and {DATABASE} name, as for the DAGs.",
    )
    add = command.add_argument
    add("--since", metavar="TIME", help="such as 2026-11-22T00:00, in UTC unless it says otherwise (default: a day)")
    add("--until", metavar="TIME", help="the first moment that is not asked about (default: now)")
    add("--stream", metavar="NAME", help="one stream (default: all)")
    add("--hold", action="store_true", help="show decisions to do nothing, too")
    add("--each", action="store_true", help="list splits and merges one by one")
    add("--warehouse-uri", metavar="URI", help=f"instead of {WAREHOUSE}")
    add("--database", metavar="NAME", help=f"instead of {DATABASE}")
    for name, sentence in SIMULATOR_COMMANDS.items():
        commands.add_parser(name, help=f"{sentence} (python -m {SIMULATOR} {name})")
    return parser


def _explain(given: argparse.Namespace) -> None:
    from kinesis_scaling.decisions.store import open_decision_store  # pyiceberg takes a second to import

    until = _time("--until", given.until) if given.until else datetime.now(UTC)
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
            "outputs of the stack have (make outputs prints them)"
        )
    if not warehouse.startswith("s3://"):
        raise QuestionError(f"the warehouse is {warehouse!r}; decisions are kept in the Glue catalog, of one at s3://")
    return LakeLocation(raw_uri="", warehouse_uri=warehouse.rstrip("/"), database=database)


def why_nothing(decided: Sequence[tuple[str, datetime]], stream: str | None, since: datetime, until: datetime) -> str:
    """Return why a time has no decisions, and the nearest times that have; `decided` is stream and time of each."""
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
        f"nothing was close to a move from {_minute(since)} to {_minute(until)} UTC, so no decision was recorded; "
        f"there is {known}: ask with another --since or --until"
    )


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


if __name__ == "__main__":
    sys.exit(main())
