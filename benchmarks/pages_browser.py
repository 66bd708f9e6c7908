"""What a person waits for on the pages: `python -m benchmarks.pages_browser [--days 90]`.

A lake of so many days on a local cloud, the app behind a server of its own process, and a real Chromium
(`tracker/setup.sh` fetches it). Three people come one after the other, each with a browser that has nothing yet: the
first to a server that has just started, the second to the same server, the third after each table was written again.

In milliseconds: until the first paint and until the first view stands with its charts; then, for each view, from the
click until the browser has drawn it, for the first time and when it was seen before, and the same for each other time
range of it (the day before, and each number of days). Nobody points before they click, so nothing is asked for ahead.
The machine's other work is in the figures: the load averages stand beside them.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.pages_server import local_lake, served, write
from local.chromium import launched
from pages.views import VIEWS

#: Clicks, and resolves once what is asked for is drawn, its charts too, and the browser has put that on the screen.
_DRAWN: Final = """
([click, there]) => new Promise((done) => {
    const begin = performance.now()
    const drawn = () => document.querySelector(there)
        && [...document.querySelectorAll(".plot")].every((plot) => plot.querySelector("canvas, p"))
    const look = () => requestAnimationFrame(() => drawn() ? setTimeout(() => done(performance.now() - begin)) : look())
    if (click) document.querySelector(click).click()
    look()
})"""
_FIRST_PAINT: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
#: The other time ranges of the view that is shown: [name of the choice, its value].
_RANGES: Final = """() => {
    const all = [document.querySelector("button[data-set=day]"), ...document.querySelectorAll("button[data-set=days]")]
    const others = all.filter((button) => button && button.ariaPressed !== "true")
    return others.map(({ dataset }) => [dataset.set, dataset.to])
}"""
_COLUMNS: Final = ("view", "new view", "seen before", "other range", "seen before")


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Milliseconds of a view's switches: for the first time and again, to the view and to other ranges of it."""

    view: str
    to_it: Sequence[float]
    ranges: Sequence[float]
    ranges_again: Sequence[float]

    def line(self) -> str:
        """Return a line of the table; of several ranges, the slowest."""
        worst = [f"{max(each):.0f}" if each else "" for each in (self.ranges, self.ranges_again)]
        cells = [self.view, *(f"{each:.0f}" for each in self.to_it), *worst]
        return " | ".join(cell.rjust(max(len(name), 9)) for cell, name in zip(cells, _COLUMNS, strict=True))


def main() -> None:
    """Fill the lake, look at every view, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90)
    days = parser.parse_args().days
    with (
        local_lake(days),
        sync_playwright() as playwright,
        launched(playwright) as browser,
        served() as url,
    ):
        _measure(browser, url, "the first person after the server has started")
        _measure(browser, url, "the next person")
        write(days=2, clean_days=0, seed=days)
        _measure(browser, url, "the first person after each table was written again")


def _measure(browser: Browser, url: str, who: str) -> None:
    """Print the figures of one person."""
    with _visitor(browser) as page:
        print(f"{who} (load averages {_load()})")
        begin = time.monotonic()
        page.goto(f"{url}?view=today")
        page.evaluate(_DRAWN, ["", "article[data-view=today]"])
        stands = (time.monotonic() - begin) * 1_000
        print(f"first paint {page.evaluate(_FIRST_PAINT):.0f} ms, the first view with its charts {stands:.0f} ms")
        found = _switches(page)
    print(" | ".join(name.rjust(9) for name in _COLUMNS))
    for waits in found:
        print(waits.line())
    first = [each for waits in found for each in (waits.to_it[0], *waits.ranges)]
    again = [each for waits in found for each in (waits.to_it[1], *waits.ranges_again)]
    for what, each in (("first switches", first), ("switches to what was seen", again)):
        print(f"{what}: {len(each)}, median {median(each):.0f} ms, worst {max(each):.0f} ms")
    print(f"(load averages {_load()})\n", flush=True)


def _switches(page: Page) -> Sequence[Waits]:
    ids = [one.ID for one in VIEWS]
    order = [*ids[2:], *ids[:2]]  # the first view stands already
    first, again = ({view: _to_view(page, view) for view in order} for _ in range(2))
    found = []
    for view in ids:
        _to_view(page, view)
        first_range, again_range = ([_to_range(page, *each) for each in page.evaluate(_RANGES)] for _ in range(2))
        found.append(Waits(view=view, to_it=(first[view], again[view]), ranges=first_range, ranges_again=again_range))
    return found


def _to_view(page: Page, view: str) -> float:
    return _click(page, f'nav a[href^="?view={view}"]', f"article[data-view={view}]")


def _to_range(page: Page, name: str, value: str) -> float:
    """Return what a choice takes; the page is then as it was before."""
    there = f"input[type=date][value='{value}']" if name == "day" else f"button[data-to='{value}'][aria-pressed=true]"
    found = _click(page, f"button[data-set={name}][data-to='{value}']", there)
    page.go_back()
    page.wait_for_function("there => !document.querySelector(there)", arg=there)
    return found


def _click(page: Page, click: str, there: str) -> float:
    found: float = page.evaluate(_DRAWN, [click, there])
    return found


def _load() -> str:
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


@contextmanager
def _visitor(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB") as context:
        yield context.new_page()


if __name__ == "__main__":
    main()
