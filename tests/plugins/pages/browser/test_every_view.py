"""Each view, whatever is in it, in both themes and widths: nothing complains, nothing leaves, nothing is cut off."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.plugins.pages.browser.full_views import empty, full
from tests.plugins.pages.browser.hostile_views import ATTACKS, broken, hostile
from tests.plugins.pages.browser.served import Served
from tests.plugins.pages.browser.watched import Watched

pytestmark = pytest.mark.browser

STATES: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "full": full,
    "empty": empty,
    "broken": broken,
    "hostile": hostile,
}
#: A browser says so itself when a view is answered with an error.
EXPECTED = "Failed to load resource: the server responded with a status of"


@pytest.mark.parametrize("state", STATES)
def test_view_complains_of_nothing_and_fits_its_window(tab: Watched, served: Served, state: str) -> None:
    served.give(STATES[state]())
    tab.complaints.clear()
    tab.requests.clear()
    tab.open("trust")
    for view in full():
        page = tab.go(view)
        for theme, width in (("light", 1280), ("dark", 1280), ("dark", 390), ("light", 390)):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
            assert tab.overflow() == 0, f"{view} at {width} px"
        page.set_viewport_size({"width": 1280, "height": 900})
    assert [said for said in tab.complaints if not said.startswith(EXPECTED)] == []
    assert {urlsplit(url).netloc for url in tab.requests} == {urlsplit(served.url).netloc}


@pytest.mark.parametrize(
    ("state", "theme", "width"),
    [
        ("full", "light", 1280),
        ("full", "dark", 390),
        ("empty", "dark", 1280),
        ("broken", "light", 390),
        ("hostile", "light", 1280),
    ],
)
def test_view_has_no_serious_finding_of_axe(tab: Watched, served: Served, state: str, theme: Any, width: int) -> None:
    served.give(STATES[state]())
    page = tab.open("trust")
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 900})
    found = {view: findings for view in full() if (findings := tab.go(view) and tab.findings())}
    assert found == {}


def test_hostile_text_is_text(tab: Watched, served: Served) -> None:
    served.give(hostile())
    page = tab.open("trust")
    shown = ""
    for view in full():
        tab.go(view)
        assert (
            page.evaluate("document.querySelectorAll('main img, main script, main iframe, main textarea').length") == 0
        )
        assert (
            page.evaluate("[...document.querySelectorAll('a')].filter(a => a.protocol !== location.protocol).length")
            == 0
        )
        shown += page.evaluate("document.body.textContent")
    assert page.evaluate("window.hit") is None
    for attack in ATTACKS:
        # A NUL cannot stand in a document; browsers drop or replace it in text nodes as they like.
        assert attack.lstrip("\0") in shown, attack
