"""Views → a web app that Airflow mounts: a shell, each view as JSON and CSV, and the files that draw them.

Every route asks `authenticate` first, static files and unknown addresses too: who has no session learns nothing, not
even what there is. Nothing is written here, so there is nothing that a foreign page could have a browser do; what a
page offers to start, its script asks Airflow's own API for, with the person's own session and right (starting.js).

A view is computed in a thread, and at most `AT_ONCE` of them are: Airflow's own API runs its routes in the threads that
all apps of the process share, and must not wait for ours.
"""

import hashlib
import html
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from uuid import uuid4

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.csv_text import csv_of
from pages.errors import NotThereError, PagesError
from pages.panels import Note, Tone, View, to_json

STATIC: Final = Path(__file__).parent / "static"
#: Views that are computed at the same time; the others wait for their turn.
AT_ONCE: Final = 8
#: On every answer. The page's scripts, styles and data come from this app alone, and it may stand in Airflow's frame.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: Asked for again each time, and answered with 304 as long as no table has changed.
_REVALIDATED: Final = "private, no-cache"
_FOR_EVER: Final = "private, max-age=31536000, immutable"
#: A comment that has its lines to itself, but for one that says whose the file is (`/*!`).
_COMMENT: Final = re.compile(rb"^[ \t]*(?:/\*(?!!)(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*$", re.DOTALL | re.MULTILINE)
_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_READ: Final = ["GET", "HEAD"]

_log: Final = logging.getLogger(__name__)

Query = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class ListedView:
    """A view as the navigation names it."""

    id: str
    title: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A view, and the version of all that it was computed from: the same version is the same view."""

    view: View
    version: str

    @cached_property
    def content(self) -> bytes:
        """Return the view as JSON; it is written once for all who ask."""
        return _json(self.view)


class Views(Protocol):
    """What the app shows."""

    def listed(self) -> Sequence[ListedView]:
        """Return the views in the order of the navigation."""
        ...

    def answer(self, view_id: str, query: Query) -> Answer:
        """Return a view for the choices in the address; raise `PagesError`."""
        ...


def create_app(views: Views, authenticate: Callable[..., Any], static: Path = STATIC) -> FastAPI:
    """Return the app; `authenticate` is a FastAPI dependency that raises unless the request is a user's."""
    # The pages of FastAPI's own (docs, openapi.json) would be routes that nobody authenticates.
    app = FastAPI(dependencies=[Depends(authenticate)], docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_WithHeaders)
    limiter = CapacityLimiter(AT_ONCE)

    async def answered(view_id: str, query: Query) -> "_Answered":
        return await to_thread.run_sync(_answered, views, view_id, query, limiter=limiter)

    @app.api_route("/", methods=_READ)
    def shell() -> Response:
        page = _shell(static, views.listed())
        return Response(page, media_type="text/html", headers={"Cache-Control": _REVALIDATED})

    @app.api_route("/data/{view_id}", methods=_READ)
    async def data(request: Request, view_id: str) -> Response:
        return (await answered(view_id, request.query_params)).as_json(request)

    @app.api_route("/csv/{view_id}/{panel_id}", methods=_READ)
    async def csv(request: Request, view_id: str, panel_id: str) -> Response:
        return (await answered(view_id, request.query_params)).as_csv(view_id, panel_id)

    @app.api_route("/static/{version}/{name:path}", methods=_READ)
    def file(version: str, name: str) -> Response:
        return _file(static, version, name)

    @app.api_route("/{path:path}", methods=_METHODS)
    def nothing(path: Annotated[str, "what was asked for"]) -> Response:
        del path  # it is not said again: it may be anything
        return _refusal(NotThereError("there is nothing at this address", "open /clickstream/ of this Airflow"))

    return app


@dataclass(frozen=True, kw_only=True)
class _Answered:
    """A view, or the note that says why there is none."""

    view: View
    content: bytes
    status: int = 200
    version: str = ""

    def as_json(self, request: Request) -> Response:
        etag = f'W/"{hashlib.sha256(self.version.encode()).hexdigest()[:32]}"'
        headers = {"Cache-Control": _REVALIDATED, **({"ETag": etag} if self.version else {})}
        if self.version and etag in request.headers.get("If-None-Match", "").split(", "):
            return Response(status_code=304, headers=headers)
        return Response(self.content, self.status, media_type="application/json", headers=headers)

    def as_csv(self, view_id: str, panel_id: str) -> Response:
        panel = next((panel for panel in self.view.panels if panel.id == panel_id), None)
        if self.status != 200 or panel is None:
            there = ", ".join(one.id for one in self.view.panels)
            missing = NotThereError(f"the view has no panel {panel_id!r} now", f"it has {there or 'none'}")
            notes = [panel for panel in self.view.panels if isinstance(panel, Note)] if self.status != 200 else []
            text = "; ".join(f"{note.sentence}; {note.remedy}" for note in notes) or str(missing)
            return _plain(text, self.status if self.status != 200 else missing.status)
        # A browser's own spreadsheet takes UTF-8 for Latin-1 without the mark at the beginning.
        content = f"\ufeff{csv_of(panel)}".encode(errors="replace")
        # Both ids name what there is, and so are the words of our modules.
        name = f"clickstream-{view_id}-{panel_id}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": _REVALIDATED}
        return Response(content, media_type="text/csv", headers=headers)


def _answered(views: Views, view_id: str, query: Query) -> _Answered:
    listed = {view.id: view for view in views.listed()}
    try:
        answer = _known(views, listed, view_id).answer(view_id, dict(query))
        return _Answered(view=answer.view, content=answer.content, version=answer.version)
    except PagesError as error:
        note = Note(id="error", title="", tone=error.tone, sentence=error.sentence, remedy=error.remedy)
        return _instead(listed.get(view_id), view_id, note, error.status)
    except Exception:  # noqa: BLE001 (whatever it is, the page says so, and the log has the rest)
        number = uuid4().hex[:12]
        _log.exception("view %r could not be computed (error %s)", view_id, number)
        note = Note(
            id="error",
            title="",
            tone=Tone.BROKEN,
            sentence="This view could not be computed.",
            remedy=f"The log of Airflow's API server says why: search it for {number}.",
        )
        return _instead(listed.get(view_id), view_id, note, 500)


def _known(views: Views, listed: Mapping[str, ListedView], view_id: str) -> Views:
    if view_id not in listed:
        raise NotThereError(f"there is no view {view_id[:40]!r}", f"the views are {', '.join(listed)}")
    return views


def _instead(listed: ListedView | None, view_id: str, note: Note, status: int) -> _Answered:
    """Return a view that has a note in the place of its panels."""
    title, sentence = (listed.title, listed.sentence) if listed else ("Not found", "")
    view = View(id=view_id[:40], title=title, sentence=sentence, panels=[note], as_of=datetime.now(UTC))
    return _Answered(view=view, content=_json(view), status=status)


def _json(view: View) -> bytes:
    text = json.dumps(to_json(view), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    # Half of a surrogate pair, which UTF-8 has not, becomes a question mark.
    return text.encode(errors="replace")


def _refusal(error: PagesError) -> Response:
    return _plain(str(error), error.status)


def _plain(text: str, status: int) -> Response:
    content = text.encode(errors="replace")
    return Response(content, status, media_type="text/plain", headers={"Cache-Control": _REVALIDATED})


def _shell(static: Path, listed: Sequence[ListedView]) -> str:
    """Return the page, with the version of its files in their addresses and the navigation in it.

    In `index.html`, `{static}` stands for the folder of the files, and `{views}`, an attribute, for the views as JSON.
    """
    page = (static / "index.html").read_text()
    views = json.dumps([{"id": one.id, "title": one.title, "sentence": one.sentence} for one in listed])
    return page.replace("{static}", f"static/{_version(static)}").replace("{views}", html.escape(views))


def _file(static: Path, version: str, name: str) -> Response:
    files = _files(static)
    if name not in files:
        return _refusal(NotThereError("there is no such file", "reload the page"))
    media_type = guess_type(name)[0] or "application/octet-stream"
    # A page that was opened before an update asks for files of an older version, and gets these.
    kept = _FOR_EVER if version == _version(static) else _REVALIDATED
    return Response(files[name], media_type=media_type, headers={"Cache-Control": kept})


@cache
def _files(static: Path) -> Mapping[str, bytes]:
    """Return what is sent of the files by name: they are small, and no address can lead out of their folder."""
    paths = (path for path in sorted(static.rglob("*")) if path.is_file())
    return {path.relative_to(static).as_posix(): _sent(path) for path in paths}


def _sent(path: Path) -> bytes:
    """Return a file without its comments, which are for who reads the tree; each line keeps its number."""
    content = path.read_bytes()
    if path.suffix not in (".js", ".css"):
        return content
    return _COMMENT.sub(lambda found: b"\n" * found[0].count(b"\n"), content)


@cache
def _version(static: Path) -> str:
    """Return the hash of all files; scripts import each other by relative names, so they have one version together."""
    found = hashlib.sha256()
    for name, content in _files(static).items():
        found.update(f"{name}\n{len(content)}\n".encode() + content)
    return found.hexdigest()[:16]


class _WithHeaders:
    """Adds the headers to every answer, those of errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                headers.add_vary_header("Cookie, Authorization")
            await send(message)

        await self._app(scope, receive, with_headers)
