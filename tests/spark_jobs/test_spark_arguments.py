"""Rules of the entry points' arguments: one hour or day, or one range, in full, or a clear refusal with status 2."""

import argparse
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from contracts.partitions import DAY
from contracts.stages import DAYS, EVENT_HOURS
from spark_jobs.arguments import (
    Span,
    add_json_argument,
    add_lake_arguments,
    add_span_arguments,
    location_of,
    moment,
    span_of,
)

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN = datetime(2026, 11, 22, 11, tzinfo=UTC)


def span(*argv: str) -> Span[datetime]:
    parser = argparse.ArgumentParser()
    add_span_arguments(parser, EVENT_HOURS)
    return span_of(parser, parser.parse_args(argv), EVENT_HOURS)


def test_one_hour_is_a_span_of_one() -> None:
    assert span("--event-hour", "2026-11-22T10") == Span(start=TEN, end=ELEVEN, is_range=False)


def test_the_last_hour_of_a_range_is_included() -> None:
    assert span("--from", "2026-11-22T10", "--to", "2026-11-22T10") == Span(start=TEN, end=ELEVEN, is_range=True)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param((), "either one hour, or a range", id="nothing"),
        pytest.param(("--from", "2026-11-22T10"), "either one hour, or a range", id="half-a-range"),
        pytest.param(("--event-hour", "2026-11-22T10", "--to", "2026-11-22T11"), "either one", id="both"),
        pytest.param(("--from", "2026-11-22T11", "--to", "2026-11-22T10"), "2026-11-22T10 is before", id="backwards"),
        pytest.param(("--event-hour", "2026-11-22"), "'2026-11-22' is not an hour", id="a-day"),
        pytest.param(("--event-hour", "0001-01-01T00"), "is not in the years 1969 to 9998", id="long-ago"),
        pytest.param(("--from", "2026-11-22T10", "--to", "9999-12-31T23"), "1969 to 9998", id="the-last-hour-of-all"),
        pytest.param(("--event-hour", "2026-11-22T24"), "is not an hour", id="no-such-hour"),
    ],
)
def test_anything_else_is_refused_with_status_2(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        span(*argv)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def lake_and_report(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_lake_arguments(parser)
    add_json_argument(parser, "what was done")
    return parser.parse_args(["--raw-uri", "raw", "--warehouse-uri", "warehouse", *argv])


@pytest.mark.parametrize("name", ["my-db", "1st", "Lake", "a.b", "x; DROP", "", "l" * 253])
def test_what_no_catalog_takes_for_a_database_is_refused_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert location_of(lake_and_report("--database", "clickstream_dev")).database == "clickstream_dev"
    with pytest.raises(SystemExit, match="2"):
        lake_and_report("--database", name)
    assert f"{name!r} is no name of a database" in capsys.readouterr().err


def test_a_report_that_could_not_be_written_is_refused_before_there_is_anything_to_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert lake_and_report("--database", "lake", "--json", str(report)).json == report
    for wrong in (tmp_path, tmp_path / "nowhere" / "report.json"):
        with pytest.raises(SystemExit, match="2"):
            lake_and_report("--database", "lake", "--json", str(wrong))
        assert f"'{wrong}' can't be written" in capsys.readouterr().err


def days(*argv: str) -> Span[date]:
    parser = argparse.ArgumentParser()
    add_span_arguments(parser, DAYS)
    return span_of(parser, parser.parse_args(argv), DAYS)


def test_a_day_and_a_range_of_days_are_named_by_their_keys() -> None:
    day = date(2026, 11, 22)
    assert days("--day", "2026-11-22") == Span(start=day, end=day + DAY, is_range=False)
    assert days("--from", "2026-11-21", "--to", "2026-11-22") == Span(start=day - DAY, end=day + DAY, is_range=True)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param((), "either one day, or a range", id="nothing"),
        pytest.param(("--day", "2026-11-22", "--to", "2026-11-22"), "either one day", id="both"),
        pytest.param(("--from", "2026-11-22", "--to", "2026-11-21"), "2026-11-21 is before", id="backwards"),
        pytest.param(("--day", "9999-12-31"), "is not in the years 1969 to 9998", id="the-last-day-of-all"),
        pytest.param(("--day", "2026-11-22T10"), "'2026-11-22T10' is not a day", id="an-hour"),
    ],
)
def test_other_days_are_refused_with_status_2(
    argv: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        days(*argv)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_a_moment_needs_a_zone() -> None:
    assert moment("2026-11-22T10:00:00Z") == TEN
    with pytest.raises(argparse.ArgumentTypeError, match="no time with a zone"):
        moment("2026-11-22T10:00:00")
    with pytest.raises(argparse.ArgumentTypeError, match="no time with a zone"):
        moment("yesterday")
