"""Where no browser can be had, CI fails with one sentence, and a laptop says why it skips."""

import pytest

from local import chromium
from local.chromium import BrowserError
from tests.tracker import browser


@pytest.fixture(autouse=True)
def _no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> chromium.Program:
        raise BrowserError("tracker: npm ci failed")

    monkeypatch.setattr(chromium, "pinned", unreachable)
    monkeypatch.setenv("PATH", "/nowhere")


def test_ci_fails_without_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with (
        pytest.raises(pytest.fail.Exception, match=r"no browser to test .*npm ci failed; no Chromium on PATH.*install"),
        browser.running_browser(),
    ):
        pass


def test_laptop_skips_without_a_browser_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no browser to test"), browser.running_browser():
        pass
