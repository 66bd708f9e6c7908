"""The app on a port of this machine, with views that a test gives; it can fail as servers do."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import uvicorn
from fastapi import HTTPException

from pages.app import Answer, ListedView, create_app
from pages.panels import View
from tests.plugins.pages.browser.full_views import full

_STARTED_WITHIN: Final = 60.0

Given = View | Callable[[Mapping[str, str]], View]


@dataclass(kw_only=True)
class Served:
    """What the server answers from now on, and what it was asked."""

    url: str = ""
    views: Mapping[str, Given] = field(default_factory=full)
    version: int = 1
    signed_out: bool = False
    queries: list[Mapping[str, str]] = field(default_factory=list)

    def give(self, views: Mapping[str, Given]) -> None:
        """Answer with these views instead, which are new ones."""
        self.views = views
        self.version += 1
        self.signed_out = False
        self.queries.clear()

    def listed(self) -> Sequence[ListedView]:
        return [ListedView(id=name, title=name.capitalize(), sentence=f"About {name}.") for name in full()]

    def answer(self, view_id: str, query: Mapping[str, str]) -> Answer:
        self.queries.append(query)
        given = self.views[view_id]
        return Answer(view=given if isinstance(given, View) else given(query), version=f"{self.version} {query}")

    def authenticate(self) -> None:
        if self.signed_out:
            raise HTTPException(status_code=401, detail="Not authenticated")


@contextmanager
def running_pages() -> Iterator[Served]:
    """Serve the app until the block ends."""
    served = Served()
    config = uvicorn.Config(
        create_app(served, served.authenticate), port=0, log_level="critical", lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="pages")
    thread.start()
    try:
        served.url = f"http://127.0.0.1:{_port(server, thread)}/"
        yield served
    finally:
        server.should_exit = True
        thread.join(_STARTED_WITHIN)


def _port(server: uvicorn.Server, thread: threading.Thread) -> int:
    deadline = time.monotonic() + _STARTED_WITHIN
    while not (server.started and server.servers):
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError(f"the app did not listen within {_STARTED_WITHIN:.0f} s")
        time.sleep(0.02)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
