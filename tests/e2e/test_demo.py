"""The main job, as a person starts it: the tables hold what the simulator sent, and what it prints to paste works."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.airflow, pytest.mark.timeout(1500)]


class RunningDemo:
    """A demo that has reached its box and stays up: what it printed, and its summary."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with (folder.parent / "demo.err").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.demo", "--folder", str(folder)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            lines.append(line)
            if "Ctrl-C here" in line:
                break
        else:
            pytest.fail("".join(lines[-60:]) + (folder.parent / "demo.err").read_text()[-6000:])
        self.printed = "".join(lines)
        self.summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())

    def stop(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=120)
        return self._process.returncode


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    running = RunningDemo(tmp_path_factory.mktemp("demo") / "demo")
    try:
        yield running
    finally:
        assert running.stop() == 0


def pasted(demo: RunningDemo, name: str) -> str:
    """Run one of the box's commands in a shell, as it was printed; return its output."""
    command = demo.summary["commands"][name]
    assert all(line in demo.printed for line in command.splitlines()), "the box shows another command"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_the_demo_accounts_for_every_event(demo: RunningDemo) -> None:
    summary = demo.summary
    assert summary["differences"] == []
    assert summary["lines"] == sum(summary["sent"].values())
    assert summary["sent"]["past"] + summary["sent"]["live"] > 50_000
    assert summary["duplicates"] > 0
    assert {"too_late", "not_json", "invalid_timestamp"} <= summary["rejected"].keys()
    assert len(summary["event_hours"]) >= 3, "two past hours and the open one"


def test_the_demo_s_stream_grew_and_shrank(demo: RunningDemo) -> None:
    counts = demo.summary["shard_counts"].split(" → ")
    assert counts[0] == counts[-1] == "1"
    assert max(map(int, counts)) > 1


def test_the_box_s_query_prints_the_hours(demo: RunningDemo) -> None:
    assert "revenue" in pasted(demo, "select")


def test_the_box_s_job_runs(demo: RunningDemo) -> None:
    assert "clean" in pasted(demo, "spark_submit")


def test_the_box_s_event_is_accepted(demo: RunningDemo) -> None:
    assert json.loads(pasted(demo, "own_event"))
