"""Rules of `explain` on the command line: it answers, or says in one sentence what to ask instead."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from contracts.names import LakeLocation
from kinesis_scaling.__main__ import main
from kinesis_scaling.decisions import store as store_module
from kinesis_scaling.decisions.record import DecisionRecord
from kinesis_scaling.decisions.store import DecisionStore
from tests.plugins.kinesis_scaling.decisions.records import TEN, record

ROOT = Path(__file__).parents[4]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DecisionStore]:
    """Return the store that the command opens, of the lake that the DAGs' variables name."""
    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    monkeypatch.setenv("CLICKSTREAM_WAREHOUSE_URI", "s3://warehouse/tables")
    monkeypatch.setenv("CLICKSTREAM_DATABASE", "lake")

    def opened(lake: LakeLocation) -> DecisionStore:
        assert lake.warehouse_uri == "s3://warehouse/tables"
        return DecisionStore(catalog=catalog, database=lake.database)

    monkeypatch.setattr(store_module, "open_decision_store", opened)
    yield DecisionStore(catalog=catalog, database="lake")
    catalog.engine.dispose()


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit code, and what was printed to either."""
    code = main(["explain", *arguments])
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_the_decisions_of_a_time_and_a_stream_are_told(
    store: DecisionStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write([record(), record(TEN + timedelta(days=1)), record(stream_name="others")])
    code, page = asked(capsys, "--since", "2026-11-22T00:00", "--until", "2026-11-23T01:00+01:00", "--stream", "events")
    assert code == 0
    assert page.startswith("Stream events, 2026-11-22 00:00 to 2026-11-23 00:00 UTC\n")
    assert (page.count("10:00:00  4 → 8 "), page.count("Stream")) == (1, 1)


@pytest.mark.parametrize(
    ("records", "arguments", "sentence"),
    [
        pytest.param(
            (), (), "there is no table lake.scaling_decisions yet: scale_event_stream makes it", id="no-table"
        ),
        pytest.param(
            (record(), record(TEN + timedelta(days=9))),
            ("--since", "2026-11-25", "--until", "2026-11-26"),
            "there is the last before it at 2026-11-22 10:00 and the first after it at 2026-12-01 10:00: ask",
            id="nothing-then",
        ),
        pytest.param(
            (record(), record(stream_name="others")),
            ("--stream", "other", "--since", "2026-11-22"),
            "about a stream other; there are decisions about events, others",
            id="unknown-stream",
        ),
        pytest.param((), ("--since", "2026-11-31"), "--since is '2026-11-31', which is no time; write", id="no-time"),
        pytest.param(
            (),
            ("--since", "2026-11-22T10:00", "--until", "2026-11-22T10:00"),
            "--since 2026-11-22 10:00 is not before --until 2026-11-22 10:00",
            id="backwards",
        ),
        pytest.param((), ("--warehouse-uri", "/tmp/lake"), "the warehouse is '/tmp/lake'; decisions are", id="no-s3"),
    ],
)
def test_what_cannot_be_told_is_one_sentence_and_exit_code_2(
    store: DecisionStore,
    capsys: pytest.CaptureFixture[str],
    records: tuple[DecisionRecord, ...],
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    store.write(records)
    code, page = asked(capsys, *arguments)
    assert code == 2
    assert page.startswith("kinesis_scaling: ")
    assert sentence in page
    assert page.count("\n") == 1


def test_without_a_lake_it_asks_for_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLICKSTREAM_WAREHOUSE_URI", raising=False)
    code, page = asked(capsys, "--database", "lake")
    assert code == 2
    assert "Give --warehouse-uri and --database, or set CLICKSTREAM_WAREHOUSE_URI and CLICKSTREAM_DATABASE" in page


def test_a_catalog_that_does_not_answer_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    code, page = asked(capsys, "--warehouse-uri", "s3://warehouse", "--database", "lake")
    assert code == 2
    assert "the table lake.scaling_decisions cannot be reached: Could not connect" in page
    assert "Traceback" not in page


def test_the_commands_need_no_airflow() -> None:
    code = (
        "import sys; from kinesis_scaling.__main__ import main\n"
        "main(['explain', '--since', 'never'])\n"
        "import kinesis_scaling.decisions.store\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'airflow']"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("command", ["simulate", "robustness"])
def test_the_simulator_s_commands_are_passed_on_with_their_exit_status(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command, "--trace", str(tmp_path / "none.csv")]) == 2
    assert "none.csv cannot be read: No such file" in capfd.readouterr().err


def test_where_the_simulator_is_not_installed_its_commands_say_where_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinesis_scaling.__main__.find_spec", lambda _: None)
    assert main(["simulate"]) == 2
    assert "run python -m benchmarks.scaling simulate there" in capsys.readouterr().err
