"""What the app sends: to nobody without a session, with which headers, and what stands where there is no view."""

import json
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from pages import app as app_module
from pages.app import HEADERS, Answer, create_app
from pages.errors import LakeUnreachableError, QueryError
from pages.panels import Column, Figure, Figures, Table, View, to_json
from tests.plugins.pages.fixture_views import SESSION, Client, FixtureViews, authenticate

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
TODAY = View(
    id="today",
    title="Today",
    sentence="The day.",
    as_of=NOON,
    panels=[
        Figures(id="totals", title="Totals", figures=[Figure(label="events", value=3)]),
        Table(id="names", title="Names", columns=[Column(name="name", label="name")], rows=[["=1+1"], ["Purchase"]]),
    ],
)


def broken(query: Mapping[str, str]) -> View:
    raise ZeroDivisionError("secret detail")


def wrong(query: Mapping[str, str]) -> View:
    raise QueryError("day is 'x', which is no day", "write it like 2026-11-27")


def away(query: Mapping[str, str]) -> View:
    raise LakeUnreachableError("Glue does not answer", "look whether the local cloud is up")


VIEWS = FixtureViews(views={"today": TODAY, "broken": broken, "wrong": wrong, "away": away})


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(VIEWS, authenticate)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Client:
    return Client(app=app, headers=SESSION)


def test_no_route_answers_without_a_session(app: FastAPI) -> None:
    nobody = Client(app=app)
    paths = {route.path: route for route in app.routes if isinstance(route, APIRoute)}
    assert len(paths) == len(app.routes), "a route of another kind has no dependencies"
    assert {"/", "/data/{view_id}", "/csv/{view_id}/{panel_id}", "/static/{version}/{name:path}"} < set(paths)
    for path, route in paths.items():
        for method in route.methods:
            answer = nobody.request(method, path.replace("{view_id}", "today").replace("{name:path}", "index.html"))
            assert answer.status_code == 401, (method, path)
            assert "today" not in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/data/today/more", "/docs", "/openapi.json", "/redoc"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_an_unknown_address_is_401_without_a_session_and_404_with_one(app: FastAPI, path: str, method: str) -> None:
    assert Client(app=app).request(method, path).status_code == 401
    assert Client(app=app, headers=SESSION).request(method, path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/data/today", "/data/broken", "/csv/today/names", "/nothing", "/static/1/no"])
@pytest.mark.parametrize("headers", [SESSION, {}])
def test_every_answer_has_the_headers(app: FastAPI, path: str, headers: Mapping[str, str]) -> None:
    answer = Client(app=app).get(path, headers=headers)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "Cache-Control" in answer.headers
    assert "public" not in answer.headers["Cache-Control"]


def test_a_view_is_json_and_its_version_is_answered_with_304(client: Client) -> None:
    answer = client.get("/data/today?zone=local")
    assert answer.json()["panels"][0]["figures"][0]["value"] == 3
    assert VIEWS.queries[-1] == {"zone": "local"}
    again = client.get("/data/today?zone=local", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = Client(app=create_app(FixtureViews(views={"today": TODAY}, version="2"), authenticate), headers=SESSION)
    assert other.get("/data/today", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 200


def test_a_view_is_written_as_json_once_and_in_no_thread_that_others_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def noted(view: View) -> object:
        threads.append(threading.current_thread())
        return to_json(view)

    monkeypatch.setattr(app_module, "to_json", noted)
    answer = Answer(view=TODAY, version="1")
    views = FixtureViews(views={"today": TODAY})
    monkeypatch.setattr(FixtureViews, "answer", lambda *_: answer)
    client = Client(app=create_app(views, authenticate), headers=SESSION)
    assert [client.get("/data/today").status_code for _ in range(3)] == [200] * 3
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


@pytest.mark.parametrize(
    ("view_id", "status", "tone", "sentence", "remedy"),
    [
        ("wrong", 400, "warning", "day is 'x', which is no day", "write it like 2026-11-27"),
        ("away", 503, "broken", "Glue does not answer", "look whether the local cloud is up"),
        ("nosuch", 404, "warning", "there is no view 'nosuch'", "the views are today, broken, wrong, away"),
    ],
)
def test_an_error_is_a_view_with_a_note_that_says_what_to_do(
    client: Client, view_id: str, status: int, tone: str, sentence: str, remedy: str
) -> None:
    answer = client.get(f"/data/{view_id}")
    (note,) = answer.json()["panels"]
    assert (answer.status_code, note["kind"]) == (status, "note")
    assert (note["tone"], note["sentence"], note["remedy"]) == (tone, sentence, remedy)
    assert "ETag" not in answer.headers


def test_what_nobody_foresaw_is_in_the_log_and_its_number_in_the_note(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client.get("/data/broken")
    (note,) = answer.json()["panels"]
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    (record,) = caplog.records
    assert note["remedy"].endswith(f"search it for {record.getMessage().split('error ')[1].rstrip(')')}.")
    assert "secret detail" in (record.exc_text or "")


def test_a_panel_is_csv_by_its_id(client: Client) -> None:
    answer = client.get("/csv/today/names")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="clickstream-today-names.csv"'
    assert answer.content.decode("utf-8-sig").splitlines() == ["name", "'=1+1", "Purchase"]


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("today/nosuch", 404, "the view has no panel 'nosuch' now; it has totals, names"),
        ("wrong/names", 400, "day is 'x', which is no day; write it like 2026-11-27"),
    ],
)
def test_csv_that_cannot_be_had_says_why(client: Client, path: str, status: int, text: str) -> None:
    answer = client.get(f"/csv/{path}")
    assert (answer.status_code, answer.text) == (status, text)


def test_the_shell_names_the_views_and_its_files_are_kept_by_their_version(tmp_path: Path) -> None:
    (tmp_path / "panels").mkdir()
    (tmp_path / "panels" / "a.js").write_text("let a")
    (tmp_path / "index.html").write_text('<script src="{static}/panels/a.js"></script><meta content="{views}">')
    views = FixtureViews(views={'"><script>': TODAY})
    client = Client(app=create_app(views, authenticate, tmp_path), headers=SESSION)
    page = client.get("/").text
    source = page.split('"')[1]
    assert source.startswith("static/"), "relative, so that it is found behind a proxy"
    assert "<script>" not in page.split("content=")[1]
    script = client.get(f"/{source}")
    assert (script.text, script.headers["Cache-Control"]) == ("let a", "private, max-age=31536000, immutable")
    assert script.headers["Content-Type"].startswith("text/javascript")
    older = client.get("/static/older/panels/a.js")
    assert (older.text, older.headers["Cache-Control"]) == ("let a", "private, no-cache")


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "index.html/../app.py"])
def test_no_address_leads_out_of_the_folder_of_the_files(client: Client, name: str) -> None:
    assert client.get(f"/static/1/{name}").status_code == 404


def test_a_name_with_half_a_character_is_sent(client: Client) -> None:
    torn = Table(id="names", title="", columns=[Column(name="name", label="name")], rows=[["\ud83d"]])
    view = View(id="torn", title="", sentence="", as_of=NOON, panels=[torn])
    client = Client(app=create_app(FixtureViews(views={"torn": view}), authenticate), headers=SESSION)
    assert json.loads(client.get("/data/torn").content)["panels"][0]["rows"] == [["?"]]
    assert client.get("/csv/torn/names").status_code == 200
