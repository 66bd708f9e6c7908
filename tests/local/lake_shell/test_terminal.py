"""The shell as a person uses it: a process behind a terminal that gets one key after the other."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Final, Self

import pytest

from tests.local.lake_shell.conftest import SmallLake

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(600)]

ROOT: Final = Path(__file__).resolve().parents[3]
PROMPT: Final = "lake> "
CONTINUED: Final = "  ... "
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"


class Terminal:
    """A shell of 100 columns; `shown` returns what it wrote since the last call."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._terminal, ours = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.lake_shell"],
            cwd=ROOT,
            env={**os.environ, **environment, "TERM": "dumb", "COLUMNS": "100"},
            stdin=ours,
            stdout=ours,
            stderr=ours,
            preexec_fn=_own_terminal,
            close_fds=True,
        )
        os.close(ours)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until the prompt is back, as a person does.

        CPython's readline sees a signal only while it waits for a key: one that comes between the prompt and that
        wait is seen at the next one.
        """
        seen, deadline = "", time.monotonic() + 250
        while not seen.endswith(PROMPT):
            assert time.monotonic() < deadline, seen
            self.type(CTRL_C)
            with suppress(AssertionError):
                seen = self.shown(patience=5)

    def shown(self, *, until: str = PROMPT, patience: float = 250) -> str:
        """Return what is shown up to a text; fail with what was there instead after so many seconds."""
        seen, deadline = "", time.monotonic() + patience
        while not seen.endswith(until):
            assert time.monotonic() < deadline, seen
            if select.select([self._terminal], [], [], 1)[0]:
                seen += os.read(self._terminal, 4096).decode()
        return seen

    def ended(self) -> int:
        """Read until it ends; return the status."""
        with suppress(OSError):  # what Linux raises once the other end is closed
            while os.read(self._terminal, 4096):
                pass
        return self._process.wait(timeout=250)


def _own_terminal() -> None:
    """Make standard input the process's own terminal, so that Ctrl-C is a signal there, also if we ignore it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def history(tmp_path: Path) -> dict[str, str]:
    return {"CLICKSTREAM_SQL_HISTORY": str(tmp_path / "history")}


@pytest.fixture
def terminal(small_lake: SmallLake, history: dict[str, str]) -> Iterator[Terminal]:
    with Terminal(small_lake.environment | history) as opened:
        assert "clickstream_shell at http://127.0.0.1" in opened.shown()
        yield opened


def test_a_statement_runs_when_its_semicolon_comes(terminal: Terminal) -> None:
    terminal.type("SELECT users, revenue\n")
    terminal.shown(until=CONTINUED)
    terminal.type("FROM daily_traffic;\n")
    assert "│     3 │         20.50 │" in terminal.shown()


def test_the_newest_commit_is_shown_without_asking_for_it(terminal: Terminal, small_lake: SmallLake) -> None:
    terminal.type("SELECT sum(users) AS users FROM daily_traffic;\n")
    assert "│      3 │" in terminal.shown()
    small_lake.add_day(date(2026, 11, 17), 5)
    terminal.type("SELECT sum(users) AS users FROM daily_traffic;\n")
    assert "│      8 │" in terminal.shown()


def test_an_error_is_shown_and_the_shell_goes_on(terminal: Terminal) -> None:
    terminal.type("SELECT dya FROM daily_traffic;\n")
    assert 'Referenced column "dya" not found' in terminal.shown()
    terminal.type("SELECT 40 + 2 AS answer;\n")
    assert "│     42 │" in terminal.shown()


def test_tables_and_help_are_listed(terminal: Terminal) -> None:
    terminal.type(".tables\n")
    assert "rejected_events\r\ndaily_traffic\r\n" in terminal.shown()
    terminal.type(".help\n")
    assert "FOR VERSION AS OF" in terminal.shown()
    terminal.type(".tabels\n")
    assert "no command .tabels" in terminal.shown()


def test_ctrl_c_forgets_what_is_typed(terminal: Terminal) -> None:
    terminal.type("SELECT nonsense\n")
    terminal.shown(until=CONTINUED)
    terminal.interrupt()
    terminal.type("SELECT 40 + 2 AS answer;\n")
    while "│     42 │" not in terminal.shown():  # a second Ctrl-C had a prompt of its own
        pass


def test_ctrl_c_stops_what_runs(terminal: Terminal) -> None:
    endless = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range * b.range % 7 = 1;"
    terminal.type(f"SELECT 1 AS first; {endless}\n")
    terminal.shown(until="┘\r\n\r\n")
    terminal.type(CTRL_C)
    assert "stopped" in terminal.shown()
    terminal.type("SELECT 40 + 2 AS answer;\n")
    assert "│     42 │" in terminal.shown()


def test_ctrl_d_ends_it_and_what_was_typed_is_there_the_next_time(
    terminal: Terminal, small_lake: SmallLake, history: dict[str, str]
) -> None:
    terminal.type("SELECT 40 + 2 AS answer;\n")
    terminal.shown()
    terminal.type(CTRL_D)
    assert terminal.ended() == 0
    with Terminal(small_lake.environment | history) as again:
        again.shown()
        again.type(UP + "\n")
        assert "│     42 │" in again.shown()
