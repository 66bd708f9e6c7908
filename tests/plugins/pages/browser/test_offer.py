"""A run that a panel offers is started through Airflow's API, as the person who clicks, and what came of it is said.

Airflow's API is the test's own here; `tests/dags/test_hours_run_through_airflow.py` starts one in the real Airflow.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.plugins.pages.browser.served import Served
from tests.plugins.pages.browser.watched import Watched

pytestmark = pytest.mark.browser

BUTTON = "Count them, and ask"


@dataclass(kw_only=True)
class Api:
    """Answers in the place of Airflow's API, and keeps what it was sent."""

    status: int = 200
    body: Any = field(default_factory=lambda: {"dag_run_id": "manual__1+a"})
    is_paused: bool = False
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        request = route.request
        if request.method == "GET":
            route.fulfill(json={"is_paused": self.is_paused})
            return
        self.sent.append((request.headers["content-type"], request.url.partition("/api/")[2], request.post_data_json))
        route.fulfill(status=self.status, json=self.body)


@pytest.fixture
def opened(tab: Watched, served: Served) -> Iterator[Callable[[Api], Page]]:
    """Open the rejected lines before an API."""

    def page_before(api: Api) -> Page:
        tab.page.unroute_all()
        tab.page.route("**/api/v2/**", api.answer)
        return tab.open("rejected")

    yield page_before
    tab.page.unroute_all()
    tab.complaints.clear()  # a refusal is an error to the browser's console


def said(page: Page) -> str:
    status = page.locator("[data-panel=replay] [role=status]")
    status.filter(has_text="Airflow is asked").wait_for(state="detached")
    return str(status.text_content())


def test_a_click_starts_the_run_with_the_form_filled_in(opened: Callable[[Api], Page]) -> None:
    api = Api()
    page = opened(api)
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("link", name="Open it").wait_for()
    assert said(page) == "A run of replay_rejected was started. Open it"
    assert page.get_by_role("link", name="Open it").get_attribute("href") == (
        "../dags/replay_rejected/runs/manual__1%2Ba"
    )
    assert page.get_by_role("button", name=BUTTON).count() == 0, "a second click would start a second run"
    (sent,) = api.sent
    assert sent == (
        "application/json",
        "v2/dags/replay_rejected/dagRuns",
        {"logical_date": None, "conf": {"from": "2026-11-27T08"}},
    )


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, {}, "You are signed out"),
        (403, {"detail": "Forbidden"}, "You may not start runs of replay_rejected: ask somebody who may"),
        (404, {}, "This Airflow has no DAG replay_rejected"),
        (422, {"detail": "from is no hour"}, "Airflow refused (422): from is no hour"),
        (500, "<html>", "Airflow refused (500), and does not say why"),
    ],
)
def test_what_airflow_refuses_is_said_and_can_be_tried_again(
    opened: Callable[[Api], Page], status: int, body: Any, sentence: str
) -> None:
    page = opened(Api(status=status, body=body))
    page.get_by_role("button", name=BUTTON).click()
    page.locator("[data-panel=replay] .broken").wait_for()
    assert said(page).startswith(sentence)
    assert page.get_by_role("button", name=BUTTON).is_enabled()


def test_a_run_of_a_paused_dag_waits_and_says_for_what(opened: Callable[[Api], Page]) -> None:
    page = opened(Api(is_paused=True))
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("link", name="Open it").wait_for()
    assert "replay_rejected is paused" in said(page)
    assert page.get_by_role("link", name="Open it").get_attribute("href") == "../dags/replay_rejected"


def test_an_api_that_is_away_is_said(tab: Watched, opened: Callable[[Api], Page]) -> None:
    page = opened(Api())
    tab.page.unroute_all()
    tab.page.route("**/api/v2/**", lambda route: route.abort())
    page.get_by_role("button", name=BUTTON).click()
    page.locator("[data-panel=replay] .broken").wait_for()
    assert said(page).startswith("Airflow cannot be reached: look at the runs of replay_rejected")


def test_what_became_of_it_stays_while_the_view_is_drawn_anew(tab: Watched, opened: Callable[[Api], Page]) -> None:
    page = opened(Api())
    page.get_by_role("button", name=BUTTON).click()
    page.get_by_role("link", name="Open it").wait_for()
    tab.go("today")
    tab.go("rejected")
    assert said(page) == "A run of replay_rejected was started. Open it"
