"""`python -m local.demo.screenshots --airflow URL`: a demo that is up → the pictures of the docs.

The pictures show the running system, as a reader will see it. `made-from.json` beside them has the tasks and the form's
fields of each DAG on that day: a test compares it with the DAGs, and says so when the pictures are out of date. The
demo must have printed its box, and a Chromium must be on PATH; Playwright controls it.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from local.airflow import AirflowApi, DagRun
from local.cloud.errors import LocalCloudError

MADE_FROM: Final = "made-from.json"
_WIDTH: Final = 1_440
#: Each page starts without the choices of the page before, and gives the grid of runs, which is else a fifth of the
#: page, room for eight of them.
_FRESH_PAGE: Final = """
localStorage.clear()
localStorage.setItem('react-resizable-panels:grid-ltr', JSON.stringify(
    {'details-panel,main-panel': {expandToSizes: {}, layout: [29, 71]}}))
"""
#: Removes the small map that covers a corner of the graph.
_WITHOUT_MAP: Final = "document.querySelector('.react-flow__minimap')?.remove()"
_SHOWS: Final = "text => Boolean(document.body?.innerText.includes(text))"
#: Names under which distributions install Chromium.
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_POLL: Final = 0.25


class BrowserError(LocalCloudError):
    """There is no browser, or a page does not show what it should; the message says which, and what to do."""


def find_program() -> str:
    """Return the path of a Chromium; `BrowserError` that says how to get one if there is none on PATH."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    raise BrowserError(
        f"no Chromium on PATH (looked for {', '.join(PROGRAMS)}): install one, on Debian and Ubuntu with "
        "`sudo apt-get install chromium`"
    )


@contextmanager
def browser(*, width: int = _WIDTH, height: int = 800, within: float = 120.0) -> Iterator["Tab"]:
    """Open a Chromium with one tab of `width` × `height` CSS pixels; what Chromium refuses is a `BrowserError`.

    :param within: seconds that a page may take to show what a call waits for.
    """
    program = find_program()
    try:
        with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program) as chromium:
            page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme="light")
            yield Tab(page, within=within)
    except PlaywrightError as error:
        raise BrowserError(f"{program}: {error.message}") from error


class Tab:
    """A page of the browser, and the waits for what it should show; all else is Playwright's `page`."""

    def __init__(self, page: Page, *, within: float) -> None:
        self.page = page
        self._width = page.viewport_size["width"] if page.viewport_size else _WIDTH
        self._within = within
        page.set_default_timeout(within * 1_000)

    def open(self, url: str, *, shows: str) -> None:
        """Go to a page; return once its text has `shows` in it."""
        self.page.goto(url)
        self._wait_until_shown(shows, f"{url} to show {shows!r}")

    def resize(self, *, height: int) -> None:
        """Set the height of the tab."""
        self.page.set_viewport_size({"width": self._width, "height": height})

    def click(self, label: str, *, shows: str) -> None:
        """Click the button with just this text or label; return once the page shows `shows`."""
        # The last match lies on top: a dialog comes after the page behind it.
        self.page.get_by_role("button", name=label, exact=True).last.click()
        self._wait_until_shown(shows, f"{shows!r} after a click on {label!r}")

    def picture(self) -> bytes:
        """Return the page as PNG once two pictures in a row are the same: nothing moves or loads any more."""
        deadline = time.monotonic() + self._within
        before, now = b"", self.page.screenshot(animations="disabled")
        while now != before:
            if time.monotonic() > deadline:
                raise BrowserError(f"the page did not come to rest within {self._within:.0f} s")
            self.page.wait_for_timeout(_POLL * 1_000)
            before, now = now, self.page.screenshot(animations="disabled")
        return now

    def _wait_until_shown(self, text: str, what: str) -> None:
        try:
            self.page.wait_for_function(_SHOWS, arg=text)
        except PlaywrightTimeoutError as error:
            said = self.page.inner_text("body")[:1_000]
            raise BrowserError(f"waited {self._within:.0f} s for {what}; the page says:\n{said}") from error


class NothingToShowError(LocalCloudError):
    """The running system lacks what a picture should show; the message says what."""


class Pictures:
    """Takes each picture from one Airflow into one folder."""

    def __init__(self, api: AirflowApi, tab: Tab, folder: Path) -> None:
        self._api = api
        self._tab = tab
        self._folder = folder

    def take_all(self) -> None:
        """Take them all; each replaces the one of its name."""
        self._tab.page.add_init_script(_FRESH_PAGE)
        self.list_of_dags()
        self.runs()
        self.graph()
        self.form("transform_events", "transform_events_form", field="landing_hour", height=700, text=self._hour())
        self.links()
        self.assets()
        self.spike()
        self.form("replay_rejected", "replay_rejected", field="reasons", height=1_010)
        self.form("erase_user", "erase_user", field="user_ids", height=1_010)
        self.form("maintain_tables", "maintain_tables", field="orphan_age_hours", height=1_010)

    def list_of_dags(self) -> None:
        """Take all DAGs, in the order of the data."""
        self._tab.resize(height=1_390)
        self._open("/dags", shows="transform_events")
        self._save("dags")

    def runs(self) -> None:
        """Take the landing hours of the demo: by backfill, by schedule, by hand."""
        self._tab.resize(height=700)
        self._open("/dags/transform_events/runs", shows="Backfill")
        self._save("transform_events_runs")

    def graph(self) -> None:
        """Take all tasks of a run in their order, and the assets that go to the next DAG."""
        run = self._run_in_which("transform_events", "publish_stale_event_hours")
        self._tab.resize(height=420)
        self._open(_page(run), shows="Task Instances")
        self._tab.click("Show Graph (Press g)", shows="publish_stale_event_hours")
        self._tab.click("Collapse Details Panel", shows="publish_stale_event_hours")
        self._tab.page.evaluate(_WITHOUT_MAP)
        self._tab.click("Fit View", shows="publish_stale_event_hours")
        self._save("transform_events")

    def links(self) -> None:
        """Take the links on the page of a Spark task: to the data that it read and wrote."""
        run = self._run_in_which("transform_events", "transform")
        self._tab.resize(height=560)
        self._open(f"{_page(run)}/tasks/transform/details", shows="received_events")
        self._save("transform_events_links")

    def assets(self) -> None:
        """Take the assets that go from one DAG to the next, each with its description."""
        self._tab.resize(height=600)
        self._open("/assets", shows="stale_event_hours")
        self._tab.click("Expand all extra JSON", shows="aggregate_hour")
        self._save("assets")

    def spike(self) -> None:
        """Take the run that gave the stream more shards, among those before and after it."""
        run = self._run_in_which("scale_event_stream", "update_shard_count")
        self._tab.resize(height=700)
        self._open(_page(run), shows="record_decisions")
        self._save("scale_event_stream")

    def form(self, dag_id: str, name: str, *, field: str, height: int, text: str = "") -> None:
        """Take the form behind *Trigger*, with a text in its field."""
        self._tab.resize(height=height)
        self._open(f"/dags/{dag_id}", shows=dag_id)
        self._tab.click("Trigger Dag", shows=field)
        if text:
            self._tab.page.locator(f"[name=element_{field}]").fill(text)
        self._save(name)

    def _hour(self) -> str:
        """Return a landing hour of the demo."""
        run = self._run_in_which("transform_events", "transform")
        return str(run.partition_key or self._api.conf(run)["landing_hour"])

    def _run_in_which(self, dag_id: str, task_id: str) -> DagRun:
        """Return the latest run in which the task ran to its end."""
        for run in reversed(self._api.runs(dag_id)):
            states = {task.task_id: task.state for task in self._api.tasks(run)}
            if run.state == "success" and states.get(task_id) == "success":
                return run
        raise NothingToShowError(
            f"no run of {dag_id} in which {task_id} succeeded: take the pictures of a demo that is complete "
            '(`make demo`, once it says "The demo is up")'
        )

    def _open(self, path: str, *, shows: str) -> None:
        self._tab.open(self._api.base_url + path, shows=shows)

    def _save(self, name: str) -> None:
        path = self._folder / f"{name}.png"
        path.write_bytes(self._tab.picture())
        print(f"{path}  {path.stat().st_size / 1_000:.0f} KB", flush=True)


def made_from(api: AirflowApi) -> dict[str, dict[str, list[str]]]:
    """Return what the pictures show of each DAG: its tasks, and the fields of its form."""
    return {
        dag_id: {"tasks": sorted(api.task_ids(dag_id)), "fields": api.param_names(dag_id)}
        for dag_id in sorted(api.dag_ids())
    }


def parse(arguments: list[str]) -> argparse.Namespace:
    """Command line → which Airflow, and where the pictures go."""
    parser = argparse.ArgumentParser(
        prog="python -m local.demo.screenshots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--airflow", required=True, metavar="URL", help="the address that the demo prints")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder (default docs/images)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; 1 with one sentence if there is no browser, no Airflow, or nothing to show."""
    given = parse(sys.argv[1:] if arguments is None else arguments)
    api = AirflowApi(given.airflow.rstrip("/"))
    try:
        facts = made_from(api)
        given.out.mkdir(parents=True, exist_ok=True)
        with browser() as tab:
            Pictures(api, tab, given.out).take_all()
            (given.out / MADE_FROM).write_text(json.dumps(facts, indent=2) + "\n")
    except LocalCloudError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def _page(run: DagRun) -> str:
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id)}"


if __name__ == "__main__":
    sys.exit(main())
