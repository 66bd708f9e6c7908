"""A little web shop on 127.0.0.1 whose page sends to the demo's API: your browser beside the simulator's visitors.

It is another origin than the API, as a real shop is, and serves the tracker's built file as a shop would host it.
"""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

_PAGE: Final = Path(__file__).with_name("shop.html")
_TRACKER: Final = Path(__file__).parents[2] / "tracker" / "dist" / "clickstream.js"


class DemoShop:
    """Serves the shop at `url` within a block; its page sends to `api_url`."""

    def __init__(self, api_url: str) -> None:
        page = _PAGE.read_text(encoding="utf-8").replace("@@ENDPOINT@@", api_url)
        files = {
            "/": (page.encode(), "text/html; charset=utf-8"),
            "/clickstream.js": (_TRACKER.read_bytes(), "text/javascript"),
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"files": files}))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """`files` are the bodies and media types by path."""

    files: dict[str, tuple[bytes, str]]

    def do_GET(self) -> None:
        body, media_type = self.files.get(self.path.partition("?")[0], (b"not found\n", "text/plain"))
        self.send_response(HTTPStatus.NOT_FOUND if body == b"not found\n" else HTTPStatus.OK)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the demo's box is on the terminal."""
