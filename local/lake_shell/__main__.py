"""`python -m local.lake_shell [--query SQL]`: SQL over the lake's tables, by DuckDB; `make sql` calls it.

It asks the lake that CLICKSTREAM_DATABASE and the variables of AWS's clients name, else that of the demo that is up.
Without --query it answers what is typed, or what comes on standard input.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from infra.errors import InfraError
from local.lake_shell.lake import find_lake
from local.lake_shell.output import FORMATS
from local.lake_shell.session import Session

#: Names the file that keeps what was typed.
HISTORY: Final = "CLICKSTREAM_SQL_HISTORY"
_PROJECT: Final = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer; 0, or 1 with the reason on standard error if there is no lake or a statement failed."""
    given = _parse(arguments)
    try:
        with Session(find_lake(os.environ, given.demo)) as session:
            if given.query is None and sys.stdin.isatty():
                _converse(session, given)
            else:
                text = sys.stdin.read() if given.query is None else given.query
                session.answer(text, FORMATS[given.format])
    except (InfraError, duckdb.Error) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever reads our output has seen enough; docs.python.org/3/library/signal.html
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.lake_shell",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--query", metavar="SQL", help="run this and end; several statements are parted by semicolons")
    parser.add_argument("--format", choices=FORMATS, default="box", help="how rows are printed (default box)")
    parser.add_argument(
        "--demo",
        type=Path,
        metavar="FOLDER",
        default=_PROJECT / "var" / "demo",
        help="the folder of the demo to ask (default var/demo)",
    )
    return parser.parse_args(arguments)


def _converse(session: Session, given: argparse.Namespace) -> None:
    from local.lake_shell.prompt import converse  # readline touches the terminal when it is imported

    tables = session.tables
    print(f"{tables.lake.database} at {tables.lake.place}: {len(tables.names)} tables; .help helps, Ctrl-D ends")
    history = Path(os.environ.get(HISTORY, _PROJECT / "var" / "sql_history"))
    converse(session, FORMATS[given.format], history)


if __name__ == "__main__":
    sys.exit(main())
