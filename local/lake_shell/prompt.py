"""A person at a terminal ↔ a session: statements end with a semicolon, errors are shown and the shell goes on."""

import readline
import sys
from pathlib import Path
from typing import Final

import duckdb

from infra.errors import InfraError
from local.lake_shell.output import Show
from local.lake_shell.session import Session
from local.lake_shell.statements import is_complete

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


def converse(session: Session, show: Show, history: Path) -> None:
    """Answer until Ctrl-D; what was typed is there again the next time."""
    _recall(history)
    try:
        while True:
            # Ctrl-C may come at any moment: while a statement is typed, while the catalog is asked, while DuckDB works.
            try:
                if (text := _statement()) is None:
                    break
                _respond(text, session, show)
            except KeyboardInterrupt:
                print("\nstopped", file=sys.stderr)
            except (InfraError, duckdb.Error) as error:
                print(error, file=sys.stderr)
    finally:
        _remember(history)
    print()


def _statement() -> str | None:
    """Return what is typed up to a semicolon, or a command in one line; None at the end of input."""
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
        return
    try:
        session.answer(text, show)
    except RuntimeError as error:
        if "interrupted" not in str(error):
            raise
        raise KeyboardInterrupt from error  # it is how DuckDB says it


def _command(text: str, session: Session) -> None:
    if text == ".tables":
        session.tables.renew()
        print("\n".join(session.tables.names) or "no job has made a table yet")
    elif text == ".help":
        print(HELP)
    else:
        print(f"no command {text}: .tables and .help are there", file=sys.stderr)


def _recall(history: Path) -> None:
    readline.set_history_length(1_000)
    if history.exists():
        readline.read_history_file(history)


def _remember(history: Path) -> None:
    try:
        history.parent.mkdir(parents=True, exist_ok=True)
        readline.write_history_file(history)
    except OSError as error:
        print(f"what was typed is not kept: {history}: {error.strerror}", file=sys.stderr)
