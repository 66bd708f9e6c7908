"""The team's rules, over all DAGs."""

import copy
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Asset
from airflow.sdk.exceptions import ParamValidationError

from pipeline.ask_person import AskPersonOperator
from pipeline.conventions import ORDER_OF_THE_DATA, WAITING_RUNS, Tag
from pipeline.settings import DEFAULT_ANSWER_HOURS
from pipeline.spark_task import SPARK_POOL
from tests.airflow_home import PIPELINE_ENVIRONMENT, ROOT

pytestmark = pytest.mark.airflow

IMAGES = ROOT / "docs" / "images"
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = ("pyspark", "pyiceberg", "pyarrow", "pandas", "duckdb", "boto3")
#: The provider's operators and sensors of AWS, of which this one's are made, import boto3 themselves.
USES_AWS_OPERATORS = ("scale_event_stream",)


def test_every_dag_file_parses(dag_bag: DagBag) -> None:
    assert dag_bag.import_errors == {}


def test_a_dag_is_named_after_its_file(dags: dict[str, DAG]) -> None:
    assert sorted(dags) == [path.stem for path in DAG_FILES]


def test_each_stream_of_the_settings_has_a_dag_named_after_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = tmp_path / "scaling.toml"
    settings.write_text('[streams.clickstream-test-events]\nmode = "on"\n[streams."web.clicks"]\nmode = "off"\n')
    for name, value in {**PIPELINE_ENVIRONMENT, "CLICKSTREAM_SCALING": str(settings)}.items():
        monkeypatch.setenv(name, value)

    made = DagBag(ROOT / "dags" / "scale_event_stream.py").dags

    schedules = {dag_id: type(dag.timetable).__name__ for dag_id, dag in made.items()}
    assert schedules == {
        "scale_event_stream": "ContinuousTimetable",
        "scale_event_stream__web.clicks": "NullTimetable",
    }


def test_settings_of_streams_that_cannot_be_used_are_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "scaling.toml"
    settings.write_text('[streams.clickstream-test-events]\nmode = "full"\n')
    for name, value in {**PIPELINE_ENVIRONMENT, "CLICKSTREAM_SCALING": str(settings)}.items():
        monkeypatch.setenv(name, value)

    [error] = DagBag(ROOT / "dags" / "scale_event_stream.py").import_errors.values()

    assert "stream clickstream-test-events: mode is 'full'; it must be one of 'off', 'advise', 'on'" in error


def test_no_dag_shares_its_name_with_a_plugin_package() -> None:
    packages = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()}

    assert packages.isdisjoint(path.stem for path in DAG_FILES)


def test_every_plugin_package_is_hidden_from_airflow_s_plugin_scan() -> None:
    ignored = (ROOT / "plugins" / ".airflowignore").read_text().splitlines()
    packages = {f"{path.parent.name}/" for path in (ROOT / "plugins").glob("*/__init__.py")}

    assert packages <= set(ignored)


def test_tags_come_from_the_enum(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        assert dag.tags, dag.dag_id
        assert dag.tags <= set(Tag), dag.dag_id


def test_every_dag_is_documented_for_its_operator(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for heading in ("Why", "When", "Needs", "Leaves behind", "When it fails"):
            assert f"\n### {heading}\n" in (dag.doc_md or ""), f"{dag.dag_id} lacks {heading}"


def test_the_list_of_dags_sorts_in_the_order_of_the_data(dags: dict[str, DAG]) -> None:
    listed = sorted(dags.values(), key=lambda dag: dag.dag_display_name)

    assert [dag.dag_id for dag in listed] == list(ORDER_OF_THE_DATA)
    assert all(dag.dag_display_name.endswith(f" · {dag.dag_id}") for dag in listed)


def test_every_dag_and_every_asset_says_in_one_line_what_it_is(dags: dict[str, DAG]) -> None:
    outlets = [asset for dag in dags.values() for task in dag.tasks for asset in task.outlets]

    descriptions = [*(dag.description for dag in dags.values()), *(asset.extra["description"] for asset in outlets)]

    assert len(outlets) == 9
    for description in descriptions:
        assert description
        assert "\n" not in description


@pytest.mark.parametrize(
    ("dag_id", "field"),
    [
        pytest.param("transform_events", "landing_hour", id="transform_events"),
        pytest.param("aggregate_hour", "event_hour", id="aggregate_hour"),
        pytest.param("aggregate_day", "day", id="aggregate_day"),
        pytest.param("aggregate_week", "week", id="aggregate_week"),
        pytest.param("daily_report", "day", id="daily_report"),
    ],
)
def test_a_dag_of_one_partition_has_a_field_for_its_key_that_a_scheduled_run_leaves_empty(
    dags: dict[str, DAG], dag_id: str, field: str
) -> None:
    assert next(iter(dags[dag_id].params)) == field
    assert dags[dag_id].params.get_param(field).value is None
    assert field in (dags[dag_id].user_defined_macros or {})


def test_no_dag_reads_the_partition_key_past_its_field() -> None:
    for path in DAG_FILES:
        assert "{{ partition_key" not in path.read_text(), path.name
        assert "dag_run.partition_key" not in path.read_text(), path.name


def test_the_pictures_of_the_docs_show_the_dags_as_they_are(dags: dict[str, DAG]) -> None:
    shown = json.loads((IMAGES / "made-from.json").read_text())

    now = {dag_id: {"tasks": sorted(dag.task_ids), "fields": list(dag.params)} for dag_id, dag in sorted(dags.items())}

    assert shown == now, (
        "the pictures are stale: start `make demo`, wait until it says that the demo is up, then take them again by "
        "`python -m local.demo.screenshots --airflow ADDRESS`"
    )


def test_every_picture_that_a_page_names_is_there_and_small() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    named = {Path(name).name for page in pages for name in re.findall(r"images/([\w-]+\.png)", page.read_text())}
    there = {path.name: path.stat().st_size for path in IMAGES.glob("*.png")}

    assert named <= there.keys()
    assert max(there.values()) < 250_000


def test_documentation_names_what_to_do_for_every_task_of_ours_that_decides(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task_id in dag.task_ids:
            if task_id.startswith(("check", "wait", "watch", "report", "record", "find", "publish")):
                assert f"`{task_id}`" in (dag.doc_md or ""), f"{dag.dag_id}.{task_id}"


def test_every_task_retries_with_growing_delay_unless_it_only_reports(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            if not task.task_id.startswith("report"):
                assert (task.retries or 0) >= 2, task
                assert task.retry_delay >= timedelta(seconds=10), task
                assert task.retry_exponential_backoff, task


def test_runs_are_bounded_in_number_and_time(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        asks = any(isinstance(task, AskPersonOperator) for task in dag.tasks)
        assert 1 <= dag.max_active_runs <= (WAITING_RUNS if asks else 4), dag.dag_id
        assert dag.dagrun_timeout is not None, dag.dag_id
        assert not dag.catchup, dag.dag_id


def test_spark_tasks_take_a_slot_of_the_pool_and_end_in_time(dags: dict[str, DAG]) -> None:
    spark_tasks = [task for dag in dags.values() for task in dag.tasks if "Spark" in task.task_type]

    assert len(spark_tasks) == 10
    for task in spark_tasks:
        assert task.pool == SPARK_POOL
        assert task.execution_timeout is not None


def test_every_job_that_makes_hours_or_days_is_followed_by_its_checks(dags: dict[str, DAG]) -> None:
    making = [
        task
        for dag in dags.values()
        for task in dag.tasks
        if "Spark" in task.task_type and task.task_id not in ("estimate", "maintain")
    ]

    assert len(making) == 7
    for task in making:
        assert "check_ledger" in task.downstream_task_ids, task


def test_unreadable_objects_are_reported_whatever_the_checks_find(dags: dict[str, DAG]) -> None:
    reports = [task for dag in dags.values() for task in dag.tasks if task.task_id == "report_unreadable_objects"]

    assert len(reports) == 2
    for task in reports:
        assert "check_ledger" not in task.get_flat_relative_ids(upstream=True), task


def test_an_erasure_runs_beside_no_other_spark_task(dags: dict[str, DAG]) -> None:
    every_slot = int(PIPELINE_ENVIRONMENT["CLICKSTREAM_SPARK_SLOTS"])

    alone = [task for dag in dags.values() for task in dag.tasks if task.pool_slots == every_slot]

    assert [(task.dag_id, task.task_id) for task in alone] == [("erase_user", "erase")]


def test_a_run_by_hand_changes_nothing_unless_it_is_told_to(dags: dict[str, DAG]) -> None:
    for dag_id in ("replay_rejected", "erase_user"):
        assert dags[dag_id].params.get_param("apply").value is False


@pytest.mark.parametrize(
    ("dag_id", "changes"),
    [pytest.param("erase_user", "erase", id="erase"), pytest.param("replay_rejected", "replay", id="replay")],
)
def test_what_changes_the_past_comes_after_the_approval_by_every_way(
    dags: dict[str, DAG], dag_id: str, changes: str
) -> None:
    dag = dags[dag_id]

    assert dag.get_task(changes).upstream_task_ids == {"note_failures"}
    assert dag.get_task("note_failures").upstream_task_ids == {"approve"}
    for task_id in ("note_failures", changes):
        assert dag.get_task(task_id).trigger_rule == "all_success"


def test_a_question_holds_no_slot_of_the_spark_pool_and_ends_before_its_run_times_out(dags: dict[str, DAG]) -> None:
    asking = [(dag, task) for dag in dags.values() for task in dag.tasks if isinstance(task, AskPersonOperator)]

    assert sorted(dag.dag_id for dag, _ in asking) == ["decide_failed_check", "erase_user", "replay_rejected"]
    for dag, task in asking:
        assert task.pool != SPARK_POOL
        assert task.defaults == [task.no]
        assert task.response_timeout == timedelta(hours=DEFAULT_ANSWER_HOURS)
        took = [other.execution_timeout or timedelta() for other in dag.tasks if "Spark" in other.task_type]
        assert dag.dagrun_timeout is not None
        assert dag.dagrun_timeout > task.response_timeout + sum(took, timedelta()), dag.dag_id


def test_a_run_whose_check_failed_stays_red_though_the_task_that_asks_succeeds(dags: dict[str, DAG]) -> None:
    asking = [dag for dag in dags.values() if dag.has_task("find_failures")]

    assert len(asking) == 6
    for dag in asking:
        last = {
            task.task_id for task in dag.get_task("check_ledger").get_flat_relatives() if not task.downstream_task_ids
        }
        assert last > {"ask"}, dag.dag_id


def test_every_param_is_described_for_the_form(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for name in dag.params:
            assert dag.params.get_param(name).description, f"{dag.dag_id}.{name}"


@pytest.mark.parametrize(
    ("dag_id", "given"),
    [
        pytest.param("transform_events", {"landing_hour": "2026-11-22 10:00"}, id="no-landing-hour"),
        pytest.param("aggregate_hour", {"event_hour": "2026-11-22"}, id="no-event-hour"),
        pytest.param("aggregate_day", {"day": "2026-11-32"}, id="no-day"),
        pytest.param("erase_user", {}, id="no-user"),
        pytest.param("erase_user", {"user_ids": []}, id="empty-list-of-users"),
        pytest.param("erase_user", {"user_ids": [""]}, id="empty-id"),
        pytest.param("replay_rejected", {"from": "2026-11-22"}, id="no-hour"),
        pytest.param("replay_rejected", {"reasons": ["bad_luck"]}, id="unknown-reason"),
        pytest.param("maintain_tables", {"tables": ["secrets"]}, id="unknown-table"),
        pytest.param("maintain_tables", {"orphan_age_hours": 1}, id="age-shorter-than-a-run"),
    ],
)
def test_the_form_refuses_what_cannot_be_meant(dags: dict[str, DAG], dag_id: str, given: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        fill_in(dags[dag_id], given)


def fill_in(dag: DAG, given: dict[str, Any]) -> None:
    params = copy.deepcopy(dag.params)
    params.update(given)
    params.validate()


def test_no_dag_waits_for_several_assets(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        assert isinstance(getattr(dag.timetable, "asset_condition", None), Asset | None), dag.dag_id


#: Airflow is imported once, and each file is run in a fork of that process: as the DAG processor does it.
PARSING = """
import json, os, runpy, sys
import airflow.sdk
names, *files = sys.argv[1:]
for file in files:
    child = os.fork()
    if not child:
        runpy.run_path(file)
        print(json.dumps([file, [name for name in names.split() if name in sys.modules]]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{file} could not be run")
"""


@pytest.fixture(scope="module")
def heavy_imports() -> dict[str, list[str]]:
    """Which heavy packages are imported once a DAG's file has been run, by its path."""
    environment = {**os.environ, **PIPELINE_ENVIRONMENT, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"}
    done = subprocess.run(
        [sys.executable, "-c", PARSING, " ".join(HEAVY), *map(str, DAG_FILES)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in DAG_FILES])
def test_parsing_imports_nothing_heavy(path: Path, heavy_imports: dict[str, list[str]]) -> None:
    expected = ["boto3"] if path.stem in USES_AWS_OPERATORS else []
    assert heavy_imports[str(path)] == expected


def test_a_missing_setting_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PIPELINE_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CLICKSTREAM_RAW_URI")

    bag = DagBag(ROOT / "dags" / "aggregate_hour.py")

    [error] = bag.import_errors.values()
    assert "SettingsError: CLICKSTREAM_RAW_URI not set" in error
