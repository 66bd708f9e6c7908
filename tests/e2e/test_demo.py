"""The main job, as a person starts it: it ends by itself, and the tables hold what the simulator made."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.e2e
@pytest.mark.airflow
@pytest.mark.timeout(1500)
def test_the_demo_accounts_for_every_event(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.demo", "--check", "--folder", str(tmp_path / "demo")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
    assert summary["differences"] == []
    assert summary["lines"] == sum(summary["sent"].values()) > 60_000
    assert summary["duplicates"] > 0
    assert {"too_late", "not_json", "negative_price"} <= summary["rejected"].keys()
    assert len(summary["days"]) > 1, "late events are older than today"
    assert len(summary["event_hours"]) > 8, "late events are older than the hours that were laid down"
