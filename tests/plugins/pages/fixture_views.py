"""Views that are given, in the place of those of a lake, and a client that asks an app for them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI, HTTPException, Request

from pages.app import Answer, ListedView
from pages.panels import View

#: With this header a request is a user's.
SESSION = {"Authorization": "Bearer visitor"}


@dataclass(frozen=True, kw_only=True)
class FixtureViews:
    """Views by id, each given as it is or computed from the query; `queries` are those that were asked."""

    views: Mapping[str, View | Callable[[Mapping[str, str]], View]]
    version: str = "1"
    queries: list[Mapping[str, str]] = field(default_factory=list)

    def listed(self) -> Sequence[ListedView]:
        return [ListedView(id=name, title=name.capitalize(), sentence=f"About {name}.") for name in self.views]

    def answer(self, view_id: str, query: Mapping[str, str]) -> Answer:
        self.queries.append(query)
        given = self.views[view_id]
        return Answer(view=given if isinstance(given, View) else given(query), version=self.version)


def authenticate(request: Request) -> None:
    """Raise unless the request carries a session, as Airflow's `get_user` does."""
    if request.headers.get("Authorization") != SESSION["Authorization"]:
        raise HTTPException(status_code=401, detail="Not authenticated")


def anybody() -> None:
    """Let everybody in: for a browser that looks at fixtures."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """Asks an app without a server between; `headers` go with each request."""

    app: FastAPI
    headers: Mapping[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._answer(method, path, headers))

    async def _answer(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
            return await client.request(method, path, headers={**self.headers, **(headers or {})})

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.request("GET", path, headers)

    def get_at_once(self, paths: Sequence[str]) -> list[httpx.Response]:
        """Return the answers to requests that come at the same time, as to a server, which has one loop."""

        async def answers() -> list[httpx.Response]:
            return await asyncio.gather(*(self._answer("GET", path) for path in paths))

        return asyncio.run(answers())
