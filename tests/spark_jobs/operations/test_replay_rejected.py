"""Rules of the replay: lines that an older contract refused become events, from raw, once, and only if asked to."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from contracts.data_checks import Figure
from contracts.ledger import LandingLedgerRow
from contracts.partitions import HOUR, landing_prefix
from contracts.tables import (
    CLEAN_EVENTS,
    DAILY_TRAFFIC,
    EVENT_LEDGER,
    HOURLY_TRAFFIC,
    LANDING_LEDGER,
    RECEIVED_EVENTS,
    REJECTED_EVENTS,
    SESSIONS,
    USER_DAYS,
)
from spark_jobs import run_reconcile_hours, run_replay_rejected
from spark_jobs.checks import figures
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.hourly.aggregate_hours import aggregate_hours
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.ledgers import read_ledger, write_ledger
from spark_jobs.lake.revision import Revision
from spark_jobs.operations import replay_rejected as operation
from tests.spark_jobs.conftest import NewLake
from tests.spark_jobs.copied_lake import copy_lake
from tests.spark_jobs.raw_lake import arguments, lay_down, line
from tests.spark_jobs.table_rows import table_hashes, table_rows

pytestmark = pytest.mark.spark

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
TABLES = (RECEIVED_EVENTS, REJECTED_EVENTS, CLEAN_EVENTS, HOURLY_TRAFFIC, DAILY_TRAFFIC, LANDING_LEDGER, EVENT_LEDGER)


class KilledError(Exception):
    """The run dies here."""


def dies(*_: Any, **__: Any) -> None:
    raise KilledError


#: The only raw object of most lakes here.
KEY = f"{landing_prefix(TEN)}a.gz"

Landed = Callable[..., Lake]


@pytest.fixture
def lake(lake_with_tables: Lake) -> Lake:
    return lake_with_tables


@pytest.fixture(scope="module")
def landed_once(empty_tables: Lake, new_lake: NewLake) -> Landed:
    @cache
    def landed_once(*lines: bytes) -> Lake:
        made = copy_lake(empty_tables, new_lake())
        lay_down(made, TEN, "a", lines)
        reconcile(made)
        return made

    return landed_once


@pytest.fixture
def landed(landed_once: Landed, new_lake: NewLake) -> Landed:
    """Return a function that returns a lake whose only object, of these lines, is in every table."""
    return lambda *lines: copy_lake(landed_once(*lines), new_lake())


@pytest.fixture(scope="module")
def refused_once(landed_once: Landed, new_lake: NewLake) -> Lake:
    made = copy_lake(landed_once(line(at(5), "1")), new_lake())
    as_an_older_contract_left_it(made, [(KEY, "invalid_timestamp", line(at(5), "1").rstrip(b"\n"))])
    return made


@pytest.fixture
def refused_lake(refused_once: Lake, new_lake: NewLake) -> Lake:
    """Return a lake whose only event was refused by an older contract for its timestamp, when all tables were made."""
    return copy_lake(refused_once, new_lake())


def at(minute: int) -> datetime:
    return TEN + timedelta(minutes=minute)


def reconcile(lake: Lake) -> None:
    """Make every table."""
    assert run_reconcile_hours.main(arguments(lake, "--from", "2026-11-22T10", "--to", "2026-11-22T10")) == 0
    aggregate_days(lake, [TEN.date()])


def replayed(lake: Lake, report: Path, *more: str) -> dict[str, Any]:
    assert run_replay_rejected.main(arguments(lake, "--json", str(report), *more)) == 0
    made: dict[str, Any] = json.loads(report.read_text())
    return made


def as_an_older_contract_left_it(
    lake: Lake,
    rejections: list[tuple[str, str, bytes | None]],
    *,
    version: str | None = None,
    hour: datetime = TEN,
    received: str = "false",
) -> None:
    """Give an hour these rejections (key, reason, line), and the received events that a condition holds for."""
    events = lake.read_hours(RECEIVED_EVENTS, [hour]).where(received)
    kept = events.count()
    rows = [(hour, key, reason, "refused then", content, None) for key, reason, content in rejections]
    for table, files in (
        (RECEIVED_EVENTS, lake.write_frame(RECEIVED_EVENTS, events)),
        (REJECTED_EVENTS, lake.write_rows(REJECTED_EVENTS, rows)),
    ):
        Revision.of(lake, table).replace(table, files, [hour])
    (row,) = read_ledger(lake, LandingLedgerRow, hour, hour + HOUR)
    unreadable = sum(content is None for _, _, content in rejections)
    lines = len(rejections) - unreadable
    old = replace(
        row,
        input_version=version or row.input_version,
        lines=lines + kept,
        received=kept,
        rejected=lines,
        unreadable_objects=unreadable,
        received_by_event_hour={hour: kept} if kept else {},
    )
    write_ledger(Revision.of(lake, LANDING_LEDGER), LandingLedgerRow, [old], [hour])


@pytest.mark.parametrize(
    "version",
    [
        pytest.param("another contract's", id="contract changed", marks=pytest.mark.slow),
        pytest.param(None, id="a defect was repaired"),
    ],
)
def test_lines_that_are_accepted_now_are_shown_and_then_made_events_as_if_they_had_always_been(
    landed: Landed, tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str | None
) -> None:
    marked = "\ufeff".encode() + line(at(5), "1")  # an older contract refused it for its byte order mark
    lake = landed(marked, line(at(6), "2"), b"not json\n")
    expected = table_hashes(lake, TABLES)
    refused = [marked.rstrip(b"\n"), line(at(6), "2").rstrip(b"\n"), b"not json"]
    reasons = ("invalid_timestamp", "invalid_timestamp", "not_json")
    rejections: list[tuple[str, str, bytes | None]] = [(KEY, *pair) for pair in zip(reasons, refused, strict=True)]
    as_an_older_contract_left_it(lake, rejections, version=version)
    left = table_hashes(lake, TABLES)

    shown = replayed(lake, tmp_path / "report.json")
    assert shown["accepted"] == [
        {
            "landing_hour": "2026-11-22T10",
            "reason": "invalid_timestamp",
            "rejected": 2,
            "accepted": 2,
            "example_object": KEY,
        }
    ]
    assert (shown["replay"], shown["transformed"]) == (["2026-11-22T10"], [])
    assert table_hashes(lake, TABLES) == left
    assert "--apply would transform 1 landing hours again: 2026-11-22T10" in capsys.readouterr().out

    done = replayed(lake, tmp_path / "report.json", "--apply")
    assert (done["transformed"], done["days"]) == (["2026-11-22T10"], ["2026-11-22"])
    assert done["event_hours"][0] == "2026-11-22T10"
    assert table_hashes(lake, TABLES) == expected
    assert replayed(lake, tmp_path / "report.json", "--apply")["transformed"] == []


@pytest.mark.slow
def test_sessions_of_the_day_before_reach_into_what_is_replayed(lake: Lake, tmp_path: Path) -> None:
    midnight = TEN + timedelta(hours=14)
    late, early, later = midnight - timedelta(minutes=10), midnight + timedelta(minutes=10), midnight + HOUR / 2
    lay_down(lake, late.replace(minute=0), "a", [line(late, "1")])
    key = lay_down(lake, midnight, "b", [line(early, "2"), line(later, "3")])
    span = ("--from", "2026-11-22T22", "--to", "2026-11-23T02", "--settled-before", "2026-11-25T00:00:00+00:00")
    assert run_reconcile_hours.main(arguments(lake, *span)) == 0
    expected = table_hashes(lake, (SESSIONS, USER_DAYS, DAILY_TRAFFIC))
    as_an_older_contract_left_it(
        lake,
        [(key, "invalid_timestamp", line(early, "2").rstrip(b"\n"))],
        hour=midnight,
        received="click_id = '3'",
    )
    aggregate_hours(lake, [midnight, midnight + HOUR], force=True)
    days = [TEN.date(), midnight.date()]
    aggregate_days(lake, days, force=True)
    assert table_hashes(lake, (SESSIONS, USER_DAYS, DAILY_TRAFFIC)) != expected

    done = replayed(lake, tmp_path / "report.json", "--apply", *span)

    assert done["days"] == ["2026-11-22", "2026-11-23"]
    assert table_hashes(lake, (SESSIONS, USER_DAYS, DAILY_TRAFFIC)) == expected


@pytest.mark.slow
def test_what_a_killed_replay_left_undone_is_made_by_reconcile_hours(
    landed: Landed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repair raised no version, and no rejected line is left by which another replay would find the hour."""
    lake = landed(line(at(5), "1"), line(at(6), "2"))
    expected = table_hashes(lake, TABLES)
    refused: list[tuple[str, str, bytes | None]] = [(KEY, "invalid_timestamp", line(at(6), "2").rstrip(b"\n"))]
    as_an_older_contract_left_it(lake, refused, received="click_id = '1'")
    aggregate_hours(lake, [TEN, TEN + HOUR], force=True)
    aggregate_days(lake, [TEN.date()], force=True)
    monkeypatch.setattr(operation, "aggregate_hours", dies)
    with pytest.raises(KilledError):
        replayed(lake, tmp_path / "report.json", "--apply")

    reconcile(lake)

    assert table_hashes(lake, TABLES) == expected


def test_an_object_that_could_not_be_read_is_tried_again(landed: Landed, tmp_path: Path) -> None:
    lake = landed(line(at(5), "1"), line(at(6), "2"))
    as_an_older_contract_left_it(lake, [(KEY, "unreadable_object", None)])
    shown = replayed(lake, tmp_path / "report.json")
    assert [(found["rejected"], found["accepted"]) for found in shown["accepted"]] == [(1, 2)]
    replayed(lake, tmp_path / "report.json", "--apply")
    assert len(table_rows(lake, RECEIVED_EVENTS)) == 2
    assert table_rows(lake, REJECTED_EVENTS) == []


def test_only_the_reasons_that_were_asked_for_are_looked_at(
    refused_lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replayed(refused_lake, tmp_path / "report.json", "--reason", "negative_price")["accepted"] == []
    assert "nothing to replay" in capsys.readouterr().out
    assert replayed(refused_lake, tmp_path / "report.json", "--reason", "invalid_timestamp")["replay"] == [
        "2026-11-22T10"
    ]


def test_an_hour_whose_raw_objects_have_expired_is_named_and_left(refused_lake: Lake, tmp_path: Path) -> None:
    for path in Path(refused_lake.raw_uri).rglob("*.gz"):
        path.unlink()
    left = table_hashes(refused_lake, TABLES)
    done = replayed(refused_lake, tmp_path / "report.json", "--apply")
    assert done["left"]["2026-11-22T10"].startswith("1 of its 1 raw objects have expired")
    assert done["transformed"] == []
    assert table_hashes(refused_lake, TABLES) == left


def test_an_hour_that_is_not_settled_is_left_to_its_own_run(refused_lake: Lake, tmp_path: Path) -> None:
    done = replayed(refused_lake, tmp_path / "report.json", "--apply", "--settled-before", "2026-11-22T10:30:00+00:00")
    assert "not settled yet" in done["left"]["2026-11-22T10"]
    assert done["transformed"] == []


def test_a_range_without_landing_hours_and_an_unknown_reason_are_told_what_there_is(
    lake: Lake, landed: Landed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_replay_rejected.main(arguments(lake)) == 1
    assert "landing_ledger has no landing hour from the first to the last; it is empty" in capsys.readouterr().err
    lake = landed(line(at(5), "1"))
    assert run_replay_rejected.main(arguments(lake, "--from", "2026-11-01T00", "--to", "2026-11-02T00")) == 1
    shown = capsys.readouterr().err
    assert "no landing hour from 2026-11-01T00 to 2026-11-02T00; it has 2026-11-22T10 to 2026-11-22T10" in shown
    with pytest.raises(SystemExit) as ended:
        run_replay_rejected.main(arguments(lake, "--reason", "too_ugly"))
    assert ended.value.code == 2
    assert "invalid choice: 'too_ugly' (choose from 'unreadable_object'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_replay_rejected.main(arguments(lake, "--from", "2026-11-02T00", "--to", "2026-11-01T00"))
    assert "--to 2026-11-01T00 is before --from 2026-11-02T00" in capsys.readouterr().err


def test_an_open_day_that_nobody_made_yet_is_left_to_its_own_run(lake: Lake, tmp_path: Path) -> None:
    key = lay_down(lake, TEN, "a", [line(at(5), "1")])
    open_day = ("--settled-before", "2026-11-22T12:00:00+00:00")
    span = ("--from", "2026-11-22T10", "--to", "2026-11-22T10")
    assert run_reconcile_hours.main(arguments(lake, *span, *open_day)) == 0
    as_an_older_contract_left_it(lake, [(key, "invalid_timestamp", line(at(5), "1").rstrip(b"\n"))])

    done = replayed(lake, tmp_path / "report.json", "--apply", *open_day)

    assert (done["event_hours"], done["days"]) == (["2026-11-22T10"], [])


def test_what_a_failed_data_check_holds_back_is_not_made(
    refused_lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = figures.landing_figures
    lost = {"lines_lost": Figure(value=1, detail="one is lost")}
    monkeypatch.setattr(figures, "landing_figures", lambda *given: {**right(*given), **lost})

    done = replayed(refused_lake, tmp_path / "report.json", "--apply")

    assert (done["transformed"], done["event_hours"], done["days"]) == (["2026-11-22T10"], [], [])
    assert done["held_back"] == ["2026-11-22T10"]
