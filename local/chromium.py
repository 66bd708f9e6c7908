"""A Chromium for pictures and for tests: npm's, which `tracker/setup.sh` unpacks, else one on PATH, else one sentence.

Playwright controls it. There is no sandbox, since it needs rights that a container lacks: open pages of this machine
only.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from local.cloud.errors import LocalCloudError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

ROOT: Final = Path(__file__).resolve().parents[1]
#: Names under which distributions install Chromium.
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS: Final = ("--headless=shell", "--no-sandbox", "--disable-gpu")


class BrowserError(LocalCloudError):
    """There is no browser, or a page does not show what it should; the message says which, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A Chromium, and the variables by which it finds the libraries that came with it."""

    path: str
    variables: dict[str, str] = field(default_factory=dict)


def pinned() -> Program:
    """Return npm's Chromium, which is fetched and unpacked if it is not there yet; raise `BrowserError`."""
    done = subprocess.run(
        [ROOT / "tracker" / "setup.sh", "--browser"], capture_output=True, text=True, check=False, timeout=240
    )
    if done.returncode:
        raise BrowserError(done.stderr)
    path = Path(done.stdout.strip())
    return Program(path=str(path), variables={"LD_LIBRARY_PATH": str(path.parent / "al2023" / "lib")})


def on_path() -> Program:
    """Return a Chromium on PATH; raise `BrowserError` that says how to get one."""
    for name in PROGRAMS:
        if path := shutil.which(name):
            return Program(path=path)
    raise BrowserError(
        f"no Chromium on PATH (looked for {', '.join(PROGRAMS)}): install one, on Debian and Ubuntu with "
        "`sudo apt-get install chromium`"
    )


def launched(playwright: "Playwright", *, left_out: Sequence[str] = ()) -> "Browser":
    """Start a Chromium, without the flags of Playwright's own that are `left_out`; raise `BrowserError`."""
    from playwright.sync_api import Error

    reasons = []
    for find in (pinned, on_path):
        try:
            program = find()
        except BrowserError as error:
            reasons.append(str(error).strip().splitlines()[-1])
            continue
        try:
            return playwright.chromium.launch(
                executable_path=program.path,
                args=_FLAGS,
                ignore_default_args=left_out,
                env={**os.environ, **program.variables},
            )
        except Error as error:
            reasons.append(f"{program.path}: {error.message.strip()}")
    raise BrowserError("; ".join(reasons))
