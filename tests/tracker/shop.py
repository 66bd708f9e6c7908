"""A little web shop on an origin of its own: every path is a page with the tracker, written as docs/browser.md says."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final

from tests.tracker.browser import ROOT
from tests.tracker.fake_api import served

TRACKER: Final = ROOT / "tracker" / "dist" / "clickstream.js"
SNIPPET: Final = (
    "window.clickstream = window.clickstream || function () { (clickstream.q = clickstream.q || []).push(arguments) }"
)
#: Three screens high.
_PAGE: Final = """<!doctype html>
<title>Shop</title>
<body style="margin: 0; height: 300vh">
<script>window.thrown = []
addEventListener("error", event => thrown.push(String(event.message)))
addEventListener("unhandledrejection", event => thrown.push(String(event.reason)))</script>
<script>{snippet}</script>
<script>{before}</script>
<script async src="/clickstream.js" {attributes}></script>
"""


class Shop:
    """What its pages hold: the script tag's attributes, and JavaScript that runs before the tracker has loaded."""

    def __init__(self) -> None:
        self.url = ""
        self.attributes: dict[str, str] = {}
        self.before = ""

    def page(self) -> bytes:
        """Return any page."""
        attributes = " ".join(f'{name}="{value}"' for name, value in self.attributes.items())
        return _PAGE.format(snippet=SNIPPET, before=self.before, attributes=attributes).encode()


class _Handler(BaseHTTPRequestHandler):
    shop: Shop

    def do_GET(self) -> None:
        script = self.path == "/clickstream.js"
        body = TRACKER.read_bytes() if script else self.shop.page()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/javascript" if script else "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def running_shop(endpoint: str) -> Iterator[Shop]:
    """Serve a shop whose tracker sends to `endpoint`."""
    shop = Shop()
    shop.attributes = {"data-endpoint": endpoint}
    with served(type("Handler", (_Handler,), {"shop": shop})) as address:
        shop.url = address
        yield shop
