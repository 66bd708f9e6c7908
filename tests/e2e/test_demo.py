"""The main job, as a person starts it: the tables hold what the simulator sent, and what it prints to paste works."""

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from contracts.live_document import LiveDocument
from contracts.partitions import REPORT_PREFIX
from local.airflow import ENDED, AirflowApi, DagRun
from local.lake_shell.lake import CONNECTION
from tests.e2e.looking_people import look_until
from tests.e2e.running_demo import ROOT, RunningDemo
from tests.tracker.browser import running_browser

pytestmark = [pytest.mark.e2e, pytest.mark.airflow, pytest.mark.timeout(1500)]


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


@pytest.fixture(scope="module")
def connection(demo: RunningDemo) -> dict[str, str]:
    """Return the demo's addresses."""
    found: dict[str, str] = json.loads((demo.folder / CONNECTION).read_text())
    return found


@pytest.fixture(scope="module")
def api(connection: dict[str, str]) -> AirflowApi:
    return AirflowApi(connection["airflow_url"])


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


def test_the_box_s_job_runs_while_twenty_people_look_at_every_page(
    demo: RunningDemo, connection: dict[str, str]
) -> None:
    """Spark commits tables that the pages read, and nobody is told of it."""
    with ThreadPoolExecutor(1) as box:
        job = box.submit(pasted, demo, "spark_submit")
        assert look_until(job, airflow_url=connection["airflow_url"], people=20) == []
    assert "clean" in job.result()


def test_the_box_s_event_is_accepted(demo: RunningDemo) -> None:
    assert json.loads(pasted(demo, "own_event"))


def test_the_box_s_live_minutes_show_what_landed_in_the_open_hour(demo: RunningDemo) -> None:
    command = f"{demo.summary['commands']['live']} --once --json"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    document = LiveDocument.from_json(done.stdout.encode())
    assert document.freshness.unread_objects == 0
    assert sum(hour.received for hour in document.landing_hours) > 0


def figures_in(html: str) -> dict[str, Any]:
    """Return the views of a report, by id."""
    (figures,) = re.findall(r'<script [^>]*id="figures"[^>]*>(.*?)</script>', html, re.DOTALL)
    return {view["id"]: view for view in json.loads(figures)["views"]}


def test_the_report_of_the_open_day_is_written_by_a_run_of_its_dag(
    demo: RunningDemo, api: AirflowApi, connection: dict[str, str]
) -> None:
    day = max(demo.summary["event_hours"])[:10]
    api.unpause("daily_report")
    run = api.trigger("daily_report", params={"day": day})

    def is_over(runs: list[DagRun]) -> bool:
        return any(one.run_id == run.run_id and one.state in ENDED for one in runs)

    runs = api.wait_for_runs("daily_report", is_over, within=300)

    assert [one.state for one in runs if one.run_id == run.run_id] == ["success"]
    bucket = connection["warehouse_uri"].removeprefix("s3://").partition("/")[0]
    assert api.returned(run, "write_report") == f"s3://{bucket}/{REPORT_PREFIX}day={day}.html"
    access = {"endpoint_url": connection["endpoint_url"], "region_name": connection["region"]}
    s3 = boto3.client("s3", aws_access_key_id="demo", aws_secret_access_key="demo", **access)
    stored = s3.get_object(Bucket=bucket, Key=f"{REPORT_PREFIX}day={day}.html")
    assert stored["ContentType"] == "text/html"
    views = figures_in(stored["Body"].read().decode())
    assert list(views) == ["today", "funnel", "paths", "retention", "products", "trust"]
    flow = next(panel for panel in views["trust"]["panels"] if panel["id"] == "arrived")
    assert [stage["label"] for stage in flow["stages"][:3]] == [
        *("Requests to the API", "Records in the stream", "Lines arrived")
    ]
    assert all(stage["count"] > 0 for stage in flow["stages"][:3])
    assert set(flow["missing"]) == {0}


def test_a_click_in_the_page_starts_a_run_with_the_person_s_session(
    api: AirflowApi, connection: dict[str, str]
) -> None:
    before = api.runs("replay_rejected")
    with running_browser() as browser, browser.new_page() as page:
        page.goto(f"{connection['airflow_url']}/plugin/clickstream/clickstream/?view=rejected")
        frame = page.frame_locator("iframe")
        frame.get_by_role("button", name="Count them, and ask").click(timeout=120_000)
        frame.get_by_role("link", name="Open it").wait_for(timeout=120_000)
    (run,) = [run for run in api.runs("replay_rejected") if run not in before]
    assert run.run_type == "manual"
    assert set(api.conf(run)) >= {"from", "to"}
    assert not api.conf(run).get("apply"), "a person is asked"
