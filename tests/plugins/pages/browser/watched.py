"""A page that is watched: what it complains of, and which hosts it talks to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

from tests.plugins.pages.browser.served import Served
from tests.tracker.browser import ROOT

AXE: Final = ROOT / "tracker" / "node_modules" / "axe-core" / "axe.min.js"
#: The canvas has no text, and so no contrast that axe could see; everything else counts.
_RUN_AXE: Final = """async () => (await axe.run(document, {
    resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
})).violations.filter((one) => ["serious", "critical"].includes(one.impact)).map((one) =>
    one.id + ": " + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 150) + (node.any[0]?.message ?? "")).join()
)"""
_COMPLAINTS: Final = """
addEventListener("securitypolicyviolation", (event) => {
    console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
})
"""


@dataclass(kw_only=True)
class Watched:
    """A tab; `complaints` are what its console says as errors and warnings, `requests` are the addresses it asked."""

    page: Page
    served: Served
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, view: str, **query: str) -> Page:
        """Load a view from its address, as a link that was sent."""
        self.page.goto(f"{self.served.url}?{urlencode({'view': view, **query})}")
        self.page.wait_for_selector(f"article[data-view={view}], .trouble .banner")
        return self.page

    def go(self, view: str) -> Page:
        """Lead the open page to a view by its navigation; what was drawn of it before does not count."""
        self.page.get_by_role("navigation").get_by_role("link", name=view.capitalize(), exact=True).click()
        self.page.wait_for_selector(f"article[data-view={view}]")
        self.rest()
        return self.page

    def rest(self) -> None:
        """Wait until nothing is asked for and all charts are drawn."""
        self.page.wait_for_function(
            """() => !document.querySelector("main[aria-busy]")
                && [...document.querySelectorAll(".plot")].every((plot) => plot.querySelector("canvas, p"))"""
        )

    def findings(self) -> list[str]:
        """Return axe's serious findings."""
        # Through the debugger's channel: the page's policy lets no script in.
        self.page.evaluate(_axe())
        found: list[str] = self.page.evaluate(_RUN_AXE)
        return found

    def data(self, view: str) -> Any:
        """Return the view as the browser gets it, with numbers as they were written."""
        answer = self.page.request.get(f"{self.served.url}data/{view}")
        return json.loads(answer.text(), parse_float=str)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wider


@cache
def _axe() -> str:
    return Path(AXE).read_text(encoding="utf-8")


@contextmanager
def watched_page(browser: Browser, served: Served) -> Iterator[Watched]:
    """Open a tab in Berlin: a mistake of the zone is an hour's there."""
    with browser.new_context(
        viewport={"width": 1280, "height": 900},
        color_scheme="light",
        locale="en-GB",
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",
    ) as context:
        page = context.new_page()
        page.add_init_script(_COMPLAINTS)
        watched = Watched(page=page, served=served)

        def asked(request: Request) -> None:
            watched.requests.append(request.url)

        def said(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                watched.complaints.append(message.text)

        def thrown(error: Error) -> None:
            watched.complaints.append(str(error))

        page.on("request", asked)
        page.on("console", said)
        page.on("pageerror", thrown)
        yield watched
