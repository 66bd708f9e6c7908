"""`python -m local.lake_shell [--query SQL]`: SQL over the lake's tables, by DuckDB; `make sql` calls it.

It queries the lake of a deployed environment (--environment), or the one that CLICKSTREAM_DATABASE names, both by the
variables of AWS's clients (AWS_PROFILE, AWS_REGION); else that of the demo that is up.
Without --query it reads statements from the terminal, or from standard input.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from infra.errors import InfraError
from local.lake_shell.lake import Lake, find_lake, lake_of
from local.lake_shell.session import FORMATS, Session, Show, is_complete

#: The variable that names the file of the statements that were typed.
HISTORY: Final = "CLICKSTREAM_SQL_HISTORY"
_PROJECT: Final = Path(__file__).resolve().parents[2]
PROMPT: Final = "lake> "
CONTINUED: Final = "  ... "
HELP: Final = """\
Type SQL, as DuckDB has it, ending with a semicolon; each statement sees the newest commit of every table.
  .tables                                       the tables; what their columns are: DESCRIBE hourly_traffic;
  .help                                         this
  Ctrl-C, Ctrl-D                                forget what is typed, or stop what runs; end
docs/queries.md has queries to paste. Of Athena's SQL, what only Athena has is understood as well:
  SELECT * FROM "daily_traffic$history";        the commits of a table
  SELECT * FROM daily_traffic FOR VERSION AS OF 123;
Raw lines of a landing hour, or of a day, where the lake says where its raw objects are:
  SELECT * FROM raw_lines('2026-11-22T08');     raw_lines('2026-11-22T*')"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer; 0, or 1 with the reason on standard error if there is no lake or a statement failed."""
    given = _parse(arguments)
    try:
        with Session(given.run or _lake(given)) as session:
            if given.query is None and sys.stdin.isatty():
                _converse(session, given)
            else:
                text = sys.stdin.read() if given.query is None else given.query
                session.answer(text, FORMATS[given.format])
    except (InfraError, duckdb.Error) as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has closed the pipe; docs.python.org/3/library/signal.html
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _lake(given: argparse.Namespace) -> Lake:
    return lake_of(given.environment, os.environ) if given.environment else find_lake(os.environ, given.demo)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.lake_shell",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--query", metavar="SQL", help="run this and end; several statements are parted by semicolons")
    parser.add_argument("--format", choices=FORMATS, default="box", help="how rows are printed (default box)")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="ask what make run has written to a folder, instead")
    parser.add_argument("--environment", metavar="NAME", help="the deployed environment to ask, such as prod")
    parser.add_argument(
        "--demo",
        type=Path,
        metavar="FOLDER",
        default=_PROJECT / "var" / "demo",
        help="the folder of the demo to ask (default var/demo)",
    )
    return parser.parse_args(arguments)


def _converse(session: Session, given: argparse.Namespace) -> None:
    """Answer a person at a terminal until Ctrl-D; a statement ends with a semicolon, errors do not end the shell."""
    tables, show = session.tables, FORMATS[given.format]
    print(f"{tables.place}: {len(tables.names)} tables; .help helps, Ctrl-D ends")
    with _kept_history(Path(os.environ.get(HISTORY, _PROJECT / "var" / "sql_history"))):
        while True:
            # Ctrl-C may come at any moment: while a person types, while Glue is called, while DuckDB works.
            try:
                if (text := _statement()) is None:
                    break
                _respond(text, session, show)
            except KeyboardInterrupt:
                print("\nstopped", file=sys.stderr)
            except (InfraError, duckdb.Error) as error:
                print(error, file=sys.stderr)
    print()


def _statement() -> str | None:
    """Return the text up to a semicolon, or a command in one line; None at the end of input."""
    lines: list[str] = []
    while True:
        try:
            line = input(CONTINUED if lines else PROMPT)
        except EOFError:
            return None
        if not lines and (not line.strip() or line.startswith(".")):
            if line.strip():
                return line.strip()
            continue
        lines.append(line)
        if is_complete("\n".join(lines)):
            return "\n".join(lines)


def _respond(text: str, session: Session, show: Show) -> None:
    if text.startswith("."):
        _command(text, session)
    else:
        session.answer(text, show)


def _command(text: str, session: Session) -> None:
    if text == ".tables":
        session.tables.renew()
        print("\n".join(session.tables.names) or "no job has made a table yet")
    elif text == ".help":
        print(HELP)
    else:
        print(f"no command {text}: .tables and .help are there", file=sys.stderr)


@contextmanager
def _kept_history(file: Path) -> Iterator[None]:
    """Let the arrow keys find the statements of earlier sessions, and keep those of this one."""
    import readline  # only here: it touches the terminal when it is imported

    readline.set_history_length(1_000)
    if file.exists():
        readline.read_history_file(file)
    try:
        yield
    finally:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(file)
        except OSError as error:
            print(f"what was typed is not kept: {file}: {error.strerror}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
