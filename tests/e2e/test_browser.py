"""From a visitor's browser to `clean_events`: a shop on another origin, a bad network, and tabs that are killed."""

import json
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from local.cloud.process import LocalCloud
from tests.e2e.flaky_connection import FlakyConnection, flaky_connection
from tests.e2e.running_pipeline import RunningPipeline, deploy, wait_until
from tests.tracker.browser import running_browser
from tests.tracker.pages import flush, kill
from tests.tracker.shop import Shop, running_shop

pytestmark = [pytest.mark.browser, pytest.mark.cloud, pytest.mark.e2e, pytest.mark.timeout(900)]

EVENTS: Final = 10_000
ROUNDS: Final = 20
#: As a visitor who clicks, and whose browser has more to send than the network takes: some events, a pause; and a rest
#: when the queue, which all tabs store in one place, is half full.
CLICKS: Final = """async ([from, to]) => {
    const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds))
    const queued = () => Object.keys(localStorage).length
    for (let number = from; number < to; number++) {
        clickstream(number % 50 ? "ViewContent" : "Purchase", {number, product_id: number, price: number / 100})
        if (number % 25 == 0) await pause(20)
        while (queued() > 700) await pause(50)
    }
    return clickstream.lost
}"""
LEFT: Final = "Object.keys(localStorage).filter(key => key.startsWith('clickstream:') && key.split(':')[2]).length"


class Visitor:
    """Two tabs of one browser in one shop. Every event has a number; `recorded` is how many there are."""

    def __init__(self, context: BrowserContext, shop: Shop) -> None:
        self.recorded = 0
        self._context = context
        self._shop = shop
        self._tabs = [self._opened(), self._opened()]

    def click(self, tab: int, count: int) -> None:
        """Record events in a tab; none may be dropped."""
        span = [self.recorded, self.recorded + count]
        assert self._tabs[tab].evaluate(CLICKS, span) == 0
        self.recorded += count

    def follow_a_link(self, tab: int) -> None:
        """Go to another page of the shop."""
        self._show(self._tabs[tab], f"/page-{self.recorded}")

    def lose_tab(self, tab: int) -> None:
        """Kill a tab, and open another."""
        kill(self._tabs[tab])
        self._tabs[tab].close()
        self._tabs[tab] = self._opened()

    def close_tab(self, tab: int) -> None:
        """Close a tab, and open another."""
        self._tabs[tab].close()
        self._tabs[tab] = self._opened()

    def has_sent_all(self) -> bool:
        """Whether no tab keeps an event any more; try again at once instead of in up to a minute."""
        for tab in self._tabs:
            flush(tab)
        return bool(self._tabs[0].evaluate(LEFT) == 0)

    def _opened(self) -> Page:
        page = self._context.new_page()
        self._show(page, "/")
        return page

    def _show(self, page: Page, path: str) -> None:
        page.goto(self._shop.url + path)
        page.wait_for_function("typeof clickstream.init == 'function'")


def surf(visitor: Visitor, network: FlakyConnection) -> None:
    """Record all events, and let something happen to a tab or to the network each time."""
    for turn in range(ROUNDS):
        network.down = False
        if turn % 5 == 3:
            # With an empty queue, which then has room for the events of this turn.
            wait_until(visitor.has_sent_all, what="the browser has sent what it had before the network went")
            network.down = True
        for tab in (0, 1):
            visitor.click(tab, EVENTS // ROUNDS // 2)
        if turn % 4 == 1:
            visitor.lose_tab(turn // 4 % 2)
        elif turn % 4 == 3:
            visitor.close_tab(turn // 4 % 2)
        else:
            visitor.follow_a_link(turn // 2 % 2)
    network.down = False
    wait_until(visitor.has_sent_all, what="the browser has sent all it had")


def test_ten_thousand_events_over_a_bad_network_are_counted_once_each(tmp_path: Path) -> None:
    with LocalCloud(tmp_path / "cloud") as cloud:
        pipeline = deploy(cloud, tmp_path)
        api = urlsplit(pipeline.outputs["ApiUrl"])
        assert api.hostname is not None
        assert api.port is not None
        with (
            flaky_connection((api.hostname, api.port), bytes_per_second=400_000, seed=1) as network,
            running_shop(f"http://127.0.0.1:{network.port}{api.path}") as shop,
            running_browser() as browser,
            browser.new_context() as context,
        ):
            visitor = Visitor(context, shop)
            surf(visitor, network)
            assert visitor.recorded == EVENTS
            assert network.cut > 0, "no connection was cut: the network was not bad"
        check_tables(pipeline)


def check_tables(pipeline: RunningPipeline) -> None:
    """Check that the tables hold each event once, however often it came."""
    wait_until(lambda: len(arrived(pipeline)) == EVENTS, what="every event is in S3")
    lines = len(pipeline.raw_lines())
    print(f"{lines - EVENTS} of {lines} lines were sent once more, because nobody saw the answer to the first")
    first, last = pipeline.landing_hours()
    pipeline.spark_submit("run_transform_events", "--from", first, "--to", last, "--allow-open-hour")
    pipeline.spark_submit("run_aggregate_hours", "--from", first, "--to", last)
    rows = pipeline.query("clean_events", "SELECT extra, product_id, user_id FROM rows")
    assert sorted(json.loads(extra)["number"] for extra, _, _ in rows) == list(range(EVENTS))
    assert len({user_id for _, _, user_id in rows}) == 1
    ((received, rejected),) = pipeline.query("landing_ledger", "SELECT sum(received), sum(rejected) FROM rows")
    assert (received, rejected) == (lines, 0)


def arrived(pipeline: RunningPipeline) -> set[int]:
    """Return the numbers of the events that lie under raw/."""
    return {json.loads(line)["event"]["number"] for line in pipeline.raw_lines()}
