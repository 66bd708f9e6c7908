"""`python -m local.demo.screenshots --airflow URL`: a demo that is up → the pictures of the docs.

The pictures show the running system, as a reader will see it. `made-from.json` beside them has the tasks and the form's
fields of each DAG on that day: a test compares it with the DAGs, and says so when the pictures are out of date. The
demo must have printed its box, and a Chromium must be on PATH.

The program controls Chromium by its DevTools protocol (chromedevtools.github.io/devtools-protocol) over a pair of
pipes, which needs neither a port nor a package: `--remote-debugging-pipe` reads commands from descriptor 3 and answers
on 4, each message JSON with a zero byte behind it.
"""

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

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
#: Names under which distributions install Chromium.
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: There is no sandbox, since it needs rights that a container lacks: the browser opens pages of this machine only. The
#: other flags keep it from fetching anything by itself.
FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en-US",
    "--remote-debugging-pipe",
)
_POLL: Final = 0.25
_END: Final = b"\0"


class BrowserError(LocalCloudError):
    """There is no browser, or a page does not show what it should; the message says which, and what to do."""


class Browser:
    """One tab of `width` × `height` CSS pixels; the pictures have `scale` times as many.

    :param within: seconds that a page may take to show what a call waits for.
    """

    def __init__(self, *, width: int = 1280, height: int = 800, scale: float = 1.0, within: float = 120.0) -> None:
        self._program = find_program()
        self._size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self._within = within
        self._number = 0

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            self._start(resources)
            self._open_tab()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def _start(self, resources: ExitStack) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        profile = Path(resources.enter_context(temporary))
        commands_out, commands_in = os.pipe()
        answers_out, answers_in = os.pipe()
        # Unbuffered: otherwise closing would fail to write to a browser that has ended.
        self._commands = resources.enter_context(os.fdopen(commands_in, "wb", buffering=0))
        self._answers = resources.enter_context(os.fdopen(answers_out, "rb", buffering=0))
        try:
            self._process = _spawn(self._program, profile, reads=commands_out, writes=answers_in)
        finally:
            os.close(commands_out)
            os.close(answers_in)
        resources.callback(self._process.wait)
        resources.callback(self._process.kill)
        self._unread = b""

    def _open_tab(self) -> None:
        self._session: str | None = None
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
        self._call("Emulation.setEmulatedMedia", light)
        self._call("Emulation.setDeviceMetricsOverride", self._size)

    def run_on_every_page(self, script: str) -> None:
        """Run JavaScript at the start of each page that is opened from now on."""
        self._call("Page.enable", {})
        self._call("Page.addScriptToEvaluateOnNewDocument", {"source": script})

    def open(self, url: str, *, shows: str) -> None:
        """Go to a page; return once its text has `shows` in it."""
        self._call("Page.navigate", {"url": url})
        self.wait_for(_shows(shows), f"{url} to show {shows!r}")

    def resize(self, *, height: int) -> None:
        """Set the height of the tab."""
        self._size = {**self._size, "height": height}
        self._call("Emulation.setDeviceMetricsOverride", self._size)

    def click(self, text: str, *, shows: str) -> None:
        """Click the button, link or heading with just this text or label; return once the page shows `shows`."""
        find = _FIND.format(text=json.dumps(text))
        self.wait_for(f"Boolean({find})", f"something to click that says {text!r}")
        self.evaluate(f"{find}.click()")
        self.wait_for(_shows(shows), f"{shows!r} after a click on {text!r}")

    def type_into(self, name: str, text: str) -> None:
        """Type a text into the field of that name."""
        field = f"document.querySelector({json.dumps(f'[name={name}]')})"
        self.wait_for(f"Boolean({field})", f"a field named {name!r}")
        self.evaluate(f"{field}.focus()")
        self._call("Input.insertText", {"text": text})

    def wait_for(self, expression: str, what: str) -> None:
        """Return once a JavaScript expression is true; `BrowserError`, with the page's text, if it takes too long."""
        deadline = time.monotonic() + self._within
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                text = str(self.evaluate("document.body?.innerText ?? ''"))[:1_000]
                raise BrowserError(f"waited {self._within:.0f} s for {what}; the page says:\n{text}")
            time.sleep(_POLL)

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        found = self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in found:
            raise BrowserError(f"{expression}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def picture(self) -> bytes:
        """Return the page as PNG once two pictures in a row are the same: nothing moves or loads any more."""
        self.evaluate(_STAND_STILL)
        deadline = time.monotonic() + self._within
        before, now = "", self._capture()
        while now != before:
            if time.monotonic() > deadline:
                raise BrowserError(f"the page did not come to rest within {self._within:.0f} s")
            time.sleep(_POLL)
            before, now = now, self._capture()
        return base64.b64decode(now)

    def _capture(self) -> str:
        return str(self._call("Page.captureScreenshot", {"format": "png"})["data"])

    def _call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": dict(params)}
        if self._session:
            message["sessionId"] = self._session
        self._write(json.dumps(message).encode() + _END)
        while True:
            answer = self._next()
            # A message without a number is an event, not the answer to a call.
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    def _write(self, message: bytes) -> None:
        try:
            while message:
                message = message[self._commands.write(message) :]
        except BrokenPipeError as error:
            raise self._ended() from error

    def _next(self) -> dict[str, Any]:
        while _END not in self._unread:
            read = self._answers.read(1 << 16)
            if not read:
                raise self._ended()
            self._unread += read
        message, self._unread = self._unread.split(_END, 1)
        return dict(json.loads(message))

    def _ended(self) -> BrowserError:
        return BrowserError(f"{self._program} ended with status {self._process.wait()}")


#: The icon of a running task turns for ever.
_STAND_STILL: Final = """{
    const style = document.createElement('style');
    style.textContent = '*, *::before, *::after {animation: none !important; transition: none !important}';
    document.head.append(style);
}"""
#: The last match lies on top: a dialog comes after the page behind it.
_FIND: Final = (
    "[...document.querySelectorAll('button, a, [role=button], [role=tab], [role=menuitem], h2, h3')]"
    ".filter(e => [e.innerText?.trim(), e.getAttribute('aria-label'), e.title].includes({text})).at(-1)"
)


def _shows(text: str) -> str:
    return f"Boolean(document.body?.innerText.includes({json.dumps(text)}))"


def find_program() -> str:
    """Return the path of a Chromium; `BrowserError` that says how to get one if there is none on PATH."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return path
    raise BrowserError(
        f"no Chromium on PATH (looked for {', '.join(PROGRAMS)}): install one, on Debian and Ubuntu with "
        "`sudo apt-get install chromium`"
    )


#: Moves two descriptors to 3 and 4, by way of copies, so that neither overwrites the other. It runs in a process of its
#: own: `preexec_fn` is not safe beside threads, and a shell takes a descriptor of one digit only.
_MOVE_PIPES: Final = """
import fcntl, os, sys
given = [int(number) for number in sys.argv[1:3]]
copies = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10) for number in given]
for number in given:
    os.set_inheritable(number, False)
for copy, number in zip(copies, (3, 4)):
    os.dup2(copy, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


def _spawn(program: str, profile: Path, *, reads: int, writes: int) -> subprocess.Popen[bytes]:
    """Start Chromium with the two pipes at descriptors 3 and 4."""
    chromium = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    return subprocess.Popen(
        [sys.executable, "-c", _MOVE_PIPES, str(reads), str(writes), *chromium],
        pass_fds=(reads, writes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class NothingToShowError(LocalCloudError):
    """The running system lacks what a picture should show; the message says what."""


class Pictures:
    """Takes each picture from one Airflow into one folder."""

    def __init__(self, api: AirflowApi, browser: Browser, folder: Path) -> None:
        self._api = api
        self._browser = browser
        self._folder = folder

    def take_all(self) -> None:
        """Take them all; each replaces the one of its name."""
        self._browser.run_on_every_page(_FRESH_PAGE)
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
        self._browser.resize(height=1_390)
        self._open("/dags", shows="transform_events")
        self._save("dags")

    def runs(self) -> None:
        """Take the landing hours of the demo: by backfill, by schedule, by hand."""
        self._browser.resize(height=700)
        self._open("/dags/transform_events/runs", shows="Backfill")
        self._save("transform_events_runs")

    def graph(self) -> None:
        """Take all tasks of a run in their order, and the assets that go to the next DAG."""
        run = self._run_in_which("transform_events", "publish_stale_event_hours")
        self._browser.resize(height=420)
        self._open(_page(run), shows="Task Instances")
        self._browser.click("Show Graph (Press g)", shows="publish_stale_event_hours")
        self._browser.click("Collapse Details Panel", shows="publish_stale_event_hours")
        self._browser.evaluate(_WITHOUT_MAP)
        self._browser.click("Fit View", shows="publish_stale_event_hours")
        self._save("transform_events")

    def links(self) -> None:
        """Take the links on the page of a Spark task: to the data that it read and wrote."""
        run = self._run_in_which("transform_events", "transform")
        self._browser.resize(height=560)
        self._open(f"{_page(run)}/tasks/transform/details", shows="received_events")
        self._save("transform_events_links")

    def assets(self) -> None:
        """Take the assets that go from one DAG to the next, each with its description."""
        self._browser.resize(height=600)
        self._open("/assets", shows="stale_event_hours")
        self._browser.click("Expand all extra JSON", shows="aggregate_hour")
        self._save("assets")

    def spike(self) -> None:
        """Take the run that gave the stream more shards, among those before and after it."""
        run = self._run_in_which("scale_event_stream", "update_shard_count")
        self._browser.resize(height=700)
        self._open(_page(run), shows="record_decisions")
        self._save("scale_event_stream")

    def form(self, dag_id: str, name: str, *, field: str, height: int, text: str = "") -> None:
        """Take the form behind *Trigger*, with a text in its field."""
        self._browser.resize(height=height)
        self._open(f"/dags/{dag_id}", shows=dag_id)
        self._browser.click("Trigger Dag", shows=field)
        if text:
            self._browser.type_into(f"element_{field}", text)
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
        self._browser.open(self._api.base_url + path, shows=shows)

    def _save(self, name: str) -> None:
        path = self._folder / f"{name}.png"
        path.write_bytes(self._browser.picture())
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
        with Browser(width=_WIDTH) as browser:
            Pictures(api, browser, given.out).take_all()
            (given.out / MADE_FROM).write_text(json.dumps(facts, indent=2) + "\n")
    except LocalCloudError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 1
    return 0


def _page(run: DagRun) -> str:
    return f"/dags/{run.dag_id}/runs/{quote(run.run_id)}"


if __name__ == "__main__":
    sys.exit(main())
