"""Ten runs killed at random points, real processes among them: one reconcile later nothing is lost or doubled."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.spark, pytest.mark.cloud, pytest.mark.timeout(1200)]


def test_ten_kills_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kills", "--processes", "3", "--drivers", "7", "--at-once", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "10  kills over" in done.stdout
    assert "0 tables differ from a rebuild in one go" in done.stdout
