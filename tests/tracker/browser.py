"""A real Chromium for tests (`local/chromium.py`), or the one sentence that says why there is none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.chromium import ROOT, BrowserError, launched

__all__ = ["ROOT", "running_browser"]

#: Playwright would switch the back/forward cache off, which visitors have.
_LEFT_OUT: Final = ("--disable-back-forward-cache",)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start a Chromium; where none can be had, fail in CI, and skip elsewhere, with the reason."""
    with sync_playwright() as playwright:
        try:
            browser = launched(playwright, left_out=_LEFT_OUT)
        except BrowserError as error:
            reason = f"no browser to test the tracker in: {error}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        with browser:
            yield browser
