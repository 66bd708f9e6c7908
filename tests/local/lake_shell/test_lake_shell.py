"""`python -m local.lake_shell` over a lake that changes while it is asked."""

import gzip
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from local.cloud.process import LocalCloud
from local.demo.folder import write_connection as write_as_demo
from local.demo.pipeline import StackOutputs
from local.lake_shell.__main__ import main
from local.lake_shell.lake import CONNECTION, find_lake
from local.lake_shell.session import Session, StatementError
from tests.local.lake_shell.conftest import DATABASE, RAW_BUCKET, SmallLake

pytestmark = pytest.mark.cloud

DAYS = "SELECT day, users, revenue FROM daily_traffic ORDER BY day"


@pytest.fixture(autouse=True)
def environment(small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "CLICKSTREAM_"))]:
        monkeypatch.delenv(name)
    for name, value in small_lake.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def session(small_lake: SmallLake) -> Iterator[Session]:
    with Session(find_lake(os.environ, Path("no demo"))) as opened:
        yield opened


def rows(session: Session, statement: str) -> list[Any]:
    found = session.run(statement)
    assert found is not None
    return found.fetchall()


def write_connection(folder: Path, **changed: str | None) -> Path:
    """Write what a demo of the small lake would, but for what is changed; return its folder."""
    outputs = StackOutputs(
        api_url="http://127.0.0.1:1/events",
        stream_name="clickstream-shell-events",
        raw_bucket=RAW_BUCKET,
        raw_uri=f"s3://{RAW_BUCKET}/raw",
        warehouse_uri="s3://shell-warehouse/warehouse",
        database=DATABASE,
        buffer_seconds=5,
    )
    write_as_demo(folder, outputs=outputs, cloud_environment=os.environ, airflow_url="http://127.0.0.1:2")
    written = json.loads((folder / CONNECTION).read_text()) | changed
    (folder / CONNECTION).write_text(json.dumps({name: value for name, value in written.items() if value is not None}))
    return folder


def test_a_query_prints_a_box_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--query", DAYS]) == 0
    assert "│ 2026-11-16 │     3 │         20.50 │" in capsys.readouterr().out


def test_csv_has_every_row_under_a_line_of_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--format", "csv", "--query", "SELECT day, note, 'a,b' AS text FROM daily_traffic"]) == 0
    assert capsys.readouterr().out == 'day,note,text\n2026-11-16,,"a,b"\n'


def test_json_has_an_object_a_line(capsys: pytest.CaptureFixture[str], small_lake: SmallLake) -> None:
    small_lake.add_day(date(2026, 11, 17), 5)
    assert main(["--format", "json", "--query", DAYS]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        {"day": "2026-11-16", "users": 3, "revenue": 20.5},
        {"day": "2026-11-17", "users": 5, "revenue": 0.0},
    ]


def test_statements_run_one_after_the_other_in_one_session(capsys: pytest.CaptureFixture[str]) -> None:
    text = "CREATE TABLE mine AS FROM daily_traffic; SELECT count(*) AS days, ';' AS text FROM mine;"
    assert main(["--format", "csv", "--query", text]) == 0
    assert capsys.readouterr().out == "days,text\n1,;\n"


def test_a_failed_query_ends_with_its_reason_and_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--query", "SELECT user FROM daily_traffic WHERE dya = 1"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert 'Referenced column "dya" not found' in printed.err


def test_a_string_without_an_end_is_refused_by_duckdb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--query", "SELECT 'a FROM daily_traffic"]) == 1
    assert "unterminated quoted string" in capsys.readouterr().err


def test_a_value_that_fails_while_rows_are_read_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--query", "SELECT CAST(CAST(day AS varchar) AS integer) FROM daily_traffic"]) == 1
    assert "Could not convert string '2026-11-16' to INT32" in capsys.readouterr().err


def test_a_table_that_no_job_has_made_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--query", "SELECT * FROM sessions"]) == 1
    assert "No job has made sessions yet." in capsys.readouterr().err


def test_each_statement_sees_the_newest_commit(session: Session, small_lake: SmallLake) -> None:
    assert rows(session, "SELECT users FROM daily_traffic") == [(3,)]
    small_lake.add_day(date(2026, 11, 17), 5)
    assert rows(session, "SELECT users FROM daily_traffic ORDER BY day") == [(3,), (5,)]


def test_a_table_that_is_made_meanwhile_is_there_and_one_that_is_dropped_is_not(
    session: Session, small_lake: SmallLake
) -> None:
    small_lake.catalog.create_table((DATABASE, "sessions"), Schema(NestedField(1, "events", LongType())))
    assert rows(session, "SELECT * FROM sessions") == []
    small_lake.catalog.drop_table((DATABASE, "sessions"))
    with pytest.raises(StatementError, match="No job has made sessions yet"):
        session.run("SELECT * FROM sessions")


def test_only_declared_tables_are_views(session: Session, small_lake: SmallLake) -> None:
    small_lake.catalog.create_table((DATABASE, "somebody_elses"), Schema(NestedField(1, "events", LongType())))
    assert rows(session, "SHOW TABLES") == [("daily_traffic",), ("rejected_events",)]


def test_what_a_user_makes_stays_beside_a_table_of_its_name(session: Session, small_lake: SmallLake) -> None:
    session.run("CREATE TABLE daily_traffic AS SELECT 7 AS users")
    small_lake.add_day(date(2026, 11, 17), 5)
    assert rows(session, "SELECT users FROM daily_traffic") == [(7,)]
    assert rows(session, f"SELECT count(*) FROM {DATABASE}.daily_traffic") == [(2,)]


def test_a_table_is_shown_as_an_earlier_commit_left_it(session: Session, small_lake: SmallLake) -> None:
    small_lake.add_day(date(2026, 11, 17), 5)
    newest, first = rows(session, 'SELECT snapshot_id FROM "daily_traffic$history" ORDER BY made_current_at DESC')
    assert rows(session, f"SELECT users FROM daily_traffic FOR VERSION AS OF {first[0]}") == [(3,)]
    assert len(rows(session, f"SELECT users FROM daily_traffic FOR VERSION AS OF {newest[0]}")) == 2


def test_a_commit_that_never_was_is_refused(session: Session) -> None:
    with pytest.raises(StatementError, match="Iceberg snapshot ID does not exist: 1"):
        session.run("SELECT * FROM daily_traffic FOR VERSION AS OF 1")


def test_rejected_lines_are_shown_as_text_whatever_their_bytes(session: Session, small_lake: SmallLake) -> None:
    small_lake.reject("not_json", "ä".encode())
    small_lake.reject("not_json", b"a\xff")
    assert rows(session, "SELECT from_utf8(line) FROM rejected_events ORDER BY 1") == [("a\\xFF",), ("ä",)]


def test_raw_lines_of_an_hour_are_json_or_null(tmp_path: Path, small_lake: SmallLake) -> None:
    lines = b'{"event": {"user_id": "ann"}}\nnot json\n'
    key = "raw/landing_date=2026-11-22/landing_hour=08/one.gz"
    small_lake.client("s3").put_object(Bucket=RAW_BUCKET, Key=key, Body=gzip.compress(lines))
    demo = write_connection(tmp_path)
    with Session(find_lake({}, demo)) as session:
        found = rows(session, "SELECT line->>'$.event.user_id', object_url FROM raw_lines('2026-11-22T08')")
        assert found == [("ann", f"s3://{RAW_BUCKET}/{key}"), (None, f"s3://{RAW_BUCKET}/{key}")]
        assert rows(session, "SELECT count(*) FROM raw_lines('2026-11-22T*')") == [(2,)]


def test_without_a_lake_the_way_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CLICKSTREAM_DATABASE")
    assert main(["--demo", str(tmp_path), "--query", "SELECT 1"]) == 1
    said = capsys.readouterr().err
    assert f"no demo is up in {tmp_path}" in said
    assert "make demo" in said


def test_the_demos_lake_is_found_by_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = write_connection(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "CLICKSTREAM_"))]:
        monkeypatch.delenv(name)
    assert main(["--demo", str(demo), "--format", "csv", "--query", "SELECT users FROM daily_traffic"]) == 0
    assert capsys.readouterr().out == "users\n3\n"


def test_the_environment_is_asked_before_a_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = write_connection(tmp_path, database="another")
    assert main(["--demo", str(demo), "--format", "csv", "--query", "SELECT users FROM daily_traffic"]) == 0
    assert capsys.readouterr().out == "users\n3\n"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"endpoint_url": "http://127.0.0.1:1"}, "is not up any more: start the demo", id="it has ended"),
        pytest.param({"database": None}, "is not what a demo writes (KeyError('database'))", id="half a document"),
        pytest.param({"database": "another"}, "there is no database another at http://127", id="no such database"),
    ],
)
def test_a_demo_that_cannot_be_asked_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, str | None],
    said: str,
) -> None:
    demo = write_connection(tmp_path, **changed)
    monkeypatch.delenv("CLICKSTREAM_DATABASE")
    assert main(["--demo", str(demo), "--query", "SELECT 1"]) == 1
    assert said in capsys.readouterr().err


def test_a_lake_of_the_environment_needs_a_region(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert main(["--query", "SELECT 1"]) == 1
    assert "no region is named: set AWS_REGION" in capsys.readouterr().err


@dataclass
class Role:
    """A session whose credentials are other ones by now."""

    session: Any
    access_key: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def get_credentials(self) -> Any:
        return self

    def get_frozen_credentials(self) -> "Role":
        return self

    secret_key = "test"
    token = "of a role"


def test_credentials_that_were_renewed_are_used_from_then_on() -> None:
    lake = find_lake(os.environ, Path("no demo"))
    role = Role(lake.session, "first")
    secrets = "SELECT secret_string FROM duckdb_secrets()"
    with Session(replace(lake, session=role)) as session:
        assert "key_id=first;" in rows(session, secrets)[0][0]
        role.access_key = "second"
        ((text,),) = rows(session, secrets)
    assert "key_id=second;" in text
    assert "session_token=redacted" in text


@contextmanager
def s3_that_forbids(table: str, cloud: LocalCloud) -> Iterator[str]:
    """Yield the address of the local cloud's S3, where the files of a table may not be read."""

    class Gate(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if f"/{table}/" in self.path:
                self._answer(403, b"<Error><Code>AccessDenied</Code></Error>", {})
                return
            upstream = HTTPConnection(urlsplit(cloud.endpoint_url).netloc, timeout=30)
            upstream.request(self.command, self.path, headers=dict(self.headers))
            found = upstream.getresponse()
            self._answer(found.status, found.read(), dict(found.getheaders()))

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            size = headers.pop("Content-Length", headers.pop("content-length", str(len(body))))
            for name, value in {**headers, "Content-Length": size}.items():
                if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if self.command == "GET" else b"")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Gate) as gate:
        thread = threading.Thread(target=gate.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{gate.server_port}"
        finally:
            gate.shutdown()
            thread.join()


def test_who_may_not_read_the_rejected_lines_can_ask_all_other_tables(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_that_forbids("rejected_events", small_lake.cloud) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
        with Session(find_lake(os.environ, Path("no demo"))) as session:
            assert rows(session, "SELECT users FROM daily_traffic") == [(3,)]
            assert session.tables.names == ["daily_traffic"]
            with pytest.raises(StatementError, match="These credentials may not read rejected_events"):
                session.run("SELECT * FROM rejected_events")


def test_an_environment_is_asked_by_its_name(
    small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CLICKSTREAM_DATABASE")
    schema = Schema(NestedField(1, "users", LongType()))
    small_lake.catalog.create_namespace("clickstream_dev")
    small_lake.catalog.create_table(("clickstream_dev", "daily_traffic"), schema)
    lines = gzip.compress(b'{"event": {"user_id": "ann"}}\n')
    bucket = "clickstream-dev-raw-000000000000-us-east-1"
    small_lake.client("s3").create_bucket(Bucket=bucket)
    small_lake.client("s3").put_object(
        Bucket=bucket, Key="raw/landing_date=2026-11-22/landing_hour=08/one.gz", Body=lines
    )
    query = "SELECT count(*) AS days FROM daily_traffic; SELECT count(*) AS lines FROM raw_lines('2026-11-22T08')"
    try:
        assert main(["--environment", "dev", "--format", "csv", "--query", query]) == 0
    finally:
        small_lake.catalog.drop_table(("clickstream_dev", "daily_traffic"))
        small_lake.catalog.drop_namespace("clickstream_dev")
    assert capsys.readouterr().out == "days\n0\nlines\n1\n"


def test_an_environment_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--environment", "prdo", "--query", "SELECT 1"]) == 1
    assert "there is no environment 'prdo': take one of" in capsys.readouterr().err
    assert main(["--environment", "dev", "--query", "SELECT 1"]) == 1
    assert "there is no database clickstream_dev at http://127" in capsys.readouterr().err
