"""docs/tutorial.md as a newcomer goes through it: each command in its order, and what it must show."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import Command, commands
from tests.docs.test_commands import How, environment, filled, how
from tests.e2e.running_demo import ROOT, RunningDemo

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.airflow, pytest.mark.timeout(1500)]

COMMANDS: Final = [command for command in commands() if command.page == "docs/tutorial.md"]
DEMO: Final = "make demo SPIKE=0"
#: What a command prints, by a part of it that no other has.
SHOWN: Final = {
    "INPUT=": "8 lines = 7 received + 1 rejected (invalid_timestamp 1); 7 received = 6 clean + 1 duplicates",
    'OUT=var/tutorial QUERY="SELECT rejection_reason': "invalid_timestamp",
    'OUT=var/tutorial QUERY="SELECT step, event_name': "Purchase",
    "daily_transitions": "Newsletter",
    "LIKE": "too_late",
    "FROM sessions": "me",
    "day, step": "Purchase",
}
#: The answer of the API to an event, and the lines in the bucket, may take a moment.
DEADLINE: Final = 120


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    size = ("--no-spike", "--past-events", "3000", "--live-events", "1000")
    running = RunningDemo(tmp_path_factory.mktemp("tutorial") / "demo", *size)
    try:
        yield running
    finally:
        assert running.stop() == 0


class Shell:
    """The newcomer's terminal, in which what prepares it stays; the folders are the test's own."""

    def __init__(self, folder: Path, demo: RunningDemo) -> None:
        self._places = {"var/tutorial": str(folder / "run"), "var/demo": str(demo.folder)}
        self._prepared: list[str] = []

    def type(self, command: Command) -> str:
        """Return what a command printed, after what was typed before it to prepare the shell."""
        if how(command) is How.SHELL:
            self._prepared.append(command.text)
        script = filled("\n".join([*self._prepared, command.text]), self._places)
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command.place}: {command.text}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def type_until(self, command: Command, shown: str) -> str:
        """Type a command again until it shows something."""
        end = time.monotonic() + DEADLINE
        while True:
            printed = self.type(command)
            if shown in printed or time.monotonic() > end:
                return printed
            time.sleep(1)


def test_every_command_of_the_tutorial_does_what_the_page_says(demo: RunningDemo, tmp_path: Path) -> None:
    shell = Shell(tmp_path, demo)
    seen = []
    for command in COMMANDS:
        if command.text == DEMO:
            continue  # it is up
        if "raw_lines" in command.text:
            printed = shell.type_until(command, "my-5")
            assert all(f"my-{number}" in printed for number in range(1, 6)), printed
            continue
        printed = shell.type(command)
        for part, shown in SHOWN.items():
            if part in command.text:
                assert shown in printed, f"{command.place}: {printed}"
                seen.append(part)
        if command.text.startswith("send "):
            assert '"accepted":1' in printed, printed
    assert seen == list(SHOWN)
