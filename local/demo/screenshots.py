"""`python -m local.demo.screenshots --airflow URL`: a demo that is up → the pictures of the docs.

With `--every-view`, instead: each view of *Analytics* in Airflow's frame, light and dark, to be looked at.

The pictures show the running system, as a reader will see it. `made-from.json` beside them has the tasks and the form's
fields of each DAG on that day: a test compares it with the DAGs, and says so when the pictures are out of date. The
demo must have printed its box. The browser is that of the tracker's tests, else a Chromium on PATH.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import boto3
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from contracts.partitions import hour_key, hour_of, landing_prefix, parse_hour_key
from local.airflow import ENDED, AirflowApi, DagRun
from local.chromium import BrowserError, launched
from local.cloud.errors import LocalCloudError
from local.waits import Waiter

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
#: Airflow keeps the choice of a theme here (next-themes).
_THEME: Final = "localStorage.setItem('theme', '{theme}')"
#: The views of *Analytics*, and in which theme the docs show one.
VIEWS: Final = ("live", "today", "funnel", "paths", "retention", "products", "trust", "scaling", "rejected")
#: A page of after them has the theme of the last.
_SHOWN_VIEWS: Final = (("products", "dark"), ("live", "light"), ("today", "light"), ("trust", "light"))
_DRAWN: Final = """
() => [...document.querySelectorAll("article")].length && !document.querySelector("main[aria-busy]")
    && [...document.querySelectorAll(".plot")].every((plot) => plot.querySelector("canvas"))
"""
_SHOWS: Final = "text => Boolean(document.body?.innerText.includes(text))"
_POLL: Final = 0.25
#: Seconds for which nothing may change while a run is waited for: its Spark job says nothing until it ends.
_RUN: Final = 600.0


@contextmanager
def browser(*, width: int = _WIDTH, height: int = 800, within: float = 120.0) -> Iterator["Tab"]:
    """Open a Chromium with one tab of `width` × `height` CSS pixels; what Chromium refuses is a `BrowserError`.

    :param within: seconds that a page may take to show what a call waits for.
    """
    try:
        with sync_playwright() as playwright, launched(playwright) as chromium:
            # Without a locale it is this machine's, of which uPlot cannot make one where LANG is C or POSIX.
            page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme="light", locale="en-GB")
            yield Tab(page, within=within)
    except PlaywrightError as error:
        raise BrowserError(f"Chromium: {error.message}") from error


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

    def show_view(self, url: str, view: str, theme: str) -> None:
        """Go to a view of *Analytics*; return once its frame shows it in the theme, charts and all."""
        self.page.goto(url)
        try:
            root = self.page.frame_locator("iframe").locator(f"html[data-theme={theme}]:has(article[data-view={view}])")
            root.wait_for()
            frame = next(frame for frame in self.page.frames if frame.parent_frame)
            frame.wait_for_function(_DRAWN)
        except PlaywrightTimeoutError as error:
            raise BrowserError(f"waited {self._within:.0f} s for the view {view} in {theme} at {url}") from error

    def _wait_until_shown(self, text: str, what: str) -> None:
        try:
            self.page.wait_for_function(_SHOWS, arg=text)
        except PlaywrightTimeoutError as error:
            said = self.page.inner_text("body")[:1_000]
            raise BrowserError(f"waited {self._within:.0f} s for {what}; the page says:\n{said}") from error


class NothingToShowError(LocalCloudError):
    """The running system lacks what a picture should show; the message says what."""


@dataclass(frozen=True, kw_only=True)
class RawCopies:
    """The bucket of raw objects in the local cloud, to which the links of Airflow's tasks lead."""

    endpoint: str
    bucket: str

    @classmethod
    def of(cls, listing: str) -> "RawCopies":
        """Return the bucket whose objects are listed at an address."""
        address = urlsplit(listing)
        return cls(endpoint=f"{address.scheme}://{address.netloc}", bucket=address.path.strip("/"))

    def copy_first_of(self, prefix: str, *, to: str) -> None:
        """Copy the first object below a prefix to another key."""
        listed = self._s3().list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        source = {"Bucket": self.bucket, "Key": listed["Contents"][0]["Key"]}
        self._s3().copy_object(Bucket=self.bucket, Key=to, CopySource=source)

    def _s3(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="demo",
            aws_secret_access_key="demo",  # noqa: S106 (the local cloud takes any)
        )


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
        for view, theme in _SHOWN_VIEWS:
            self.view(view, theme, name=f"analytics_{view}")
        self.approval()
        self.form("replay_rejected", "replay_rejected", field="reasons", height=1_010)
        self.form("erase_user", "erase_user", field="user_ids", height=1_100)
        self.form("maintain_tables", "maintain_tables", field="orphan_age_hours", height=1_010)
        self.failed_check()

    def every_view(self) -> None:
        """Take each view of *Analytics* in both themes."""
        self._tab.page.add_init_script(_FRESH_PAGE)
        for theme in ("light", "dark"):
            for view in VIEWS:
                self.view(view, theme, name=f"{view}_{theme}")

    def view(self, view: str, theme: str, *, name: str) -> None:
        """Take a view in Airflow's frame, which has to follow the theme."""
        self._tab.resize(height=900)
        # Scripts run in the order in which they were added: this one after the one that clears all choices.
        self._tab.page.add_init_script(_THEME.format(theme=theme))
        self._tab.show_view(f"{self._api.base_url}/plugin/clickstream/clickstream/?view={view}", view, theme)
        self._save(name)

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
        # On a slow machine the spike is so small that a split is enough.
        run = self._run_in_which("scale_event_stream", "update_shard_count", "split_shard")
        self._tab.resize(height=700)
        self._open(_page(run), shows="record_decisions")
        self._save("scale_event_stream")

    def approval(self) -> None:
        """Take the question whether to erase some of the demo's users; reject it by a click, and see that it is."""
        self._api.unpause("erase_user")
        run = self._api.trigger("erase_user", params={"user_ids": [str(number) for number in range(3)]})
        self._question(run, "approve", "approve_erasure", answer="Reject", height=1_330)

    def failed_check(self) -> None:
        """Take the question about a data check that failed since an object lies under a later hour than its own.

        It comes last: the open hour stays wrong, since its ledger names the copy, and no hour is made of fewer objects.
        """
        run, hour, now = *self._oldest_hour(), hour_of(datetime.now(tz=UTC))
        listing = str(self._api.links(run, "transform")["raw objects"])
        # A name of its own: the same objects are the same version, about which nobody is asked twice.
        copy = f"{landing_prefix(now)}of-another-hour-{time.time():.0f}.gz"
        RawCopies.of(listing).copy_first_of(landing_prefix(hour), to=copy)
        failing = self._api.trigger("transform_events", params={"landing_hour": hour_key(now), "allow_open_hour": True})
        self._api.wait_for_runs("transform_events", lambda runs: _ended(runs, failing), within=_RUN)
        asking = [run for run in self._api.runs("decide_failed_check") if self._api.conf(run)["key"] == hour_key(now)]
        self._question(asking[-1], "ask", "failed_check", answer="Keep it back", height=1_010)

    def _question(self, run: DagRun, task_id: str, name: str, *, answer: str, height: int) -> None:
        """Take a question once it is asked, and answer it."""

        def missing() -> str:
            return "" if self._api.open_questions(run) else f"{run.dag_id} has not asked yet"

        Waiter(standstill=_RUN).until("there is no question", missing)
        [asked] = self._api.open_questions(run)
        self._tab.resize(height=height)
        self._open(f"{_page(run)}/tasks/{task_id}/required_actions", shows=asked.subject)
        self._save(name)
        self._tab.click(answer, shows=asked.subject)
        self._api.wait_for_runs(run.dag_id, lambda runs: _ended(runs, run), within=_RUN)

    def form(self, dag_id: str, name: str, *, field: str, height: int, text: str = "") -> None:
        """Take the form behind *Trigger*, with a text in its field."""
        self._tab.resize(height=height)
        self._open(f"/dags/{dag_id}", shows=dag_id)
        self._tab.click("Trigger Dag", shows=field)
        if text:
            self._tab.page.locator(f"[name=element_{field}]").fill(text)
        self._save(name)

    def _oldest_hour(self) -> tuple[DagRun, datetime]:
        """Return the run of the demo's oldest landing hour, two or more before the open one."""
        runs = [run for run in self._api.runs("transform_events") if run.state == "success" and run.partition_key]
        if not runs:
            raise NothingToShowError("no landing hour of the demo was transformed: wait until it says that it is up")
        run = min(runs, key=lambda run: run.partition_key or "")
        return run, parse_hour_key(run.partition_key or "")

    def _hour(self) -> str:
        """Return a landing hour of the demo."""
        run = self._run_in_which("transform_events", "transform")
        return str(run.partition_key or self._api.conf(run)["landing_hour"])

    def _run_in_which(self, dag_id: str, *task_ids: str) -> DagRun:
        """Return the latest run in which one of the tasks ran to its end."""
        for run in reversed(self._api.runs(dag_id)):
            states = {task.task_id: task.state for task in self._api.tasks(run)}
            if run.state == "success" and any(states.get(task_id) == "success" for task_id in task_ids):
                return run
        raise NothingToShowError(
            f"no run of {dag_id} in which {' or '.join(task_ids)} succeeded: take the pictures of a demo that is "
            'complete (`make demo`, once it says "The demo is up")'
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
    parser.add_argument("--every-view", action="store_true", help="only the views of Analytics, all, in both themes")
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
            pictures = Pictures(api, tab, given.out)
            if given.every_view:
                pictures.every_view()
                return 0
            pictures.take_all()
            (given.out / MADE_FROM).write_text(json.dumps(facts, indent=2) + "\n")
    except LocalCloudError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def _ended(runs: list[DagRun], run: DagRun) -> bool:
    return any(one.run_id == run.run_id and one.state in ENDED for one in runs)


def _page(run: DagRun) -> str:
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id)}"


if __name__ == "__main__":
    sys.exit(main())
