"""A headless Chromium on this machine → pages as they look once they have come to rest, as PNG.

It is spoken to by its DevTools protocol (chromedevtools.github.io/devtools-protocol) over a pair of pipes, so that
neither a port nor a package is needed: `--remote-debugging-pipe` reads commands from descriptor 3 and answers on 4,
each message JSON with a zero byte behind it.
"""

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

from local.cloud.errors import LocalCloudError

#: Names under which distributions install it.
PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: No sandbox, which needs rights that a container lacks: it is shown pages of this machine alone. Nothing that it would
#: fetch by itself.
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
    """There is no browser, or a page did not come to show what it should; the message says which and what to do."""


class Browser:
    """One tab of `width` × `height` CSS pixels; the pictures have `scale` times as many.

    :param within: seconds that a page may take until it shows what is waited for.
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
        # Unbuffered: a browser that has ended leaves nothing to be flushed.
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
        """Make the tab so high that all that matters is in view."""
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
        """Return the page as PNG once two pictures in a row are the same: nothing moves any more, nothing loads."""
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
            # What has no number is an event, not the answer to a call.
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


#: What runs has an icon that turns for ever.
_STAND_STILL: Final = """{
    const style = document.createElement('style');
    style.textContent = '*, *::before, *::after {animation: none !important; transition: none !important}';
    document.head.append(style);
}"""
#: The last match is the one on top: a dialog comes after the page behind it.
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


#: Two descriptors, wherever they are, become 3 and 4; by way of copies, so that neither is written over by the other.
#: In a process of its own: `preexec_fn` is not safe beside threads, and a shell takes one digit for a descriptor only.
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
