"""Ten runs killed at random points, a process with fifty hours at once among them: nothing is lost or doubled."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.cloud, pytest.mark.timeout(1200)]


def test_ten_kills_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "--processes", "2", "--drivers", "8", "--at-once", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "10  kills over" in done.stdout
    assert "1  SIGKILL: fifty hours at once" in done.stdout  # a round of them to its end takes minutes: not here
    assert "0 tables differ from a rebuild in one go" in done.stdout
    assert "0 figures differ from what was laid down" in done.stdout
