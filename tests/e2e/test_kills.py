"""Runs killed at random points, a process with fifty hours at once among them, and four operations at the same time.

Two reconciles, an erasure and a maintenance come to their end by themselves. Nothing is lost or doubled, and of the
erased user nothing is left.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.cloud, pytest.mark.timeout(1200)]

_SHARE = ["--processes", "2", "--drivers", "5", "--at-once", "0", "--side-by-side", "1"]


def test_kills_and_four_operations_at_the_same_time_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.proofs.kills", *_SHARE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "7  kills over" in done.stdout
    assert "1  SIGKILL: fifty hours at once" in done.stdout  # a round of them to its end takes minutes: not here
    assert "1  rounds of two reconciles, an erasure and a maintenance side by side" in done.stdout
    assert "0 tables differ from a rebuild in one go" in done.stdout
    assert "0 figures differ from what was written" in done.stdout
