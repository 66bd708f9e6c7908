"""What the benchmark says when a run fails, before Airflow's home is removed."""

import os
from pathlib import Path

from benchmarks.airflow_hour import log_tail
from local.airflow import DagRun

RUN = DagRun(dag_id="transform_events", run_id="scheduled__1", run_type="scheduled", state="failed", partition_key=None)


def test_the_end_of_the_newest_log_of_the_failed_run_is_shown(tmp_path: Path) -> None:
    logs = {
        "dag_id=transform_events/run_id=scheduled__1/task_id=submit/attempt=1.log": ("first\n" * 100 + "last\n", 2),
        "dag_id=transform_events/run_id=scheduled__1/task_id=wait/attempt=1.log": ("earlier\n", 1),
        "dag_id=transform_events/run_id=scheduled__2/task_id=submit/attempt=1.log": ("another run\n", 3),
    }
    for name, (text, written) in logs.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        os.utime(path, (written, written))
    shown = log_tail(tmp_path, RUN).splitlines()
    assert (len(shown), shown[0], shown[-1]) == (60, "first", "last")


def test_a_run_that_wrote_no_log_is_named(tmp_path: Path) -> None:
    assert log_tail(tmp_path, RUN) == "(no task of scheduled__1 has written one)"
