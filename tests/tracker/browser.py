"""A real Chromium for tests: the pinned one that `tracker/setup.sh` unpacks, else one on PATH, else one sentence."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from local.demo.screenshots import BrowserError, find_program

ROOT: Final = Path(__file__).resolve().parents[2]
#: There is no sandbox, since it needs rights that a container lacks: the browser opens pages of this machine only.
#: Playwright would switch the back/forward cache off, which visitors have.
_FLAGS: Final = ("--headless=shell", "--no-sandbox", "--disable-gpu")
_LEFT_OUT: Final = ("--disable-back-forward-cache",)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start a Chromium; where none can be had, fail in CI, and skip elsewhere, with the reason."""
    with sync_playwright() as playwright:
        try:
            browser = _launched(playwright)
        except BrowserError as error:
            reason = f"no browser to test the tracker in: {error}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        with browser:
            yield browser


def _launched(playwright: Playwright) -> Browser:
    reasons = []
    for find in (_pinned, _on_path):
        try:
            program, variables = find()
            return playwright.chromium.launch(
                executable_path=program, args=_FLAGS, ignore_default_args=_LEFT_OUT, env={**os.environ, **variables}
            )
        except (BrowserError, Error) as error:
            reasons.append(str(error).strip().splitlines()[-1])
    raise BrowserError("; ".join(reasons))


def _pinned() -> tuple[str, dict[str, str]]:
    """Return the path of npm's Chromium, and the variables by which it finds the libraries that came with it."""
    done = subprocess.run(
        [ROOT / "tracker" / "setup.sh", "--browser"], capture_output=True, text=True, check=False, timeout=240
    )
    if done.returncode:
        raise BrowserError(done.stderr)
    program = Path(done.stdout.strip())
    return str(program), {"LD_LIBRARY_PATH": str(program.parent / "al2023" / "lib")}


def _on_path() -> tuple[str, dict[str, str]]:
    return find_program(), {}
