"""What a person decides by: figures that say how much, and neither ids nor what stands for them."""

from datetime import UTC, datetime, timedelta

from contracts.stages import DAYS, EVENT_HOURS, WEEKS
from spark_jobs.operations.erasure.estimate import Estimate
from spark_jobs.operations.erasure.followed_links import LinkReport, NotFollowed
from spark_jobs.operations.replay_rejected import AcceptedLines, ReplayPlan
from spark_jobs.operations.shown_estimates import shown_erasure, shown_replay

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
ESTIMATE = Estimate(
    rows={"received_events": 1_357, "clean_events": 1_300, "sessions": 0},
    objects=12,
    bytes=3_456_789,
    unreadable=("raw/broken.gz",),
    landing_hours=7,
    expired_hours=2,
    fed={EVENT_HOURS.name: 9, DAYS.name: 3, WEEKS.name: 1},
    snapshots=40,
    data_files=90,
    unknown=(2,),
    links=LinkReport(followed=("ab" * 32,), not_followed=(("cd" * 32, next(iter(NotFollowed))),)),
)


def accepted(hour: datetime, reason: str, rejected: int, events: int) -> AcceptedLines:
    return AcceptedLines(
        landing_hour=hour, reason=reason, rejected=rejected, accepted=events, example_object="raw/a.gz"
    )


def test_an_erasure_is_shown_by_its_figures_and_what_is_zero_is_left_out() -> None:
    shown = shown_erasure(ESTIMATE, 2, NOW)

    assert shown.figures == (
        ("users", "2"),
        ("anonymous ids that go with them", "1"),
        ("rows of `received_events` to delete", "1,357"),
        ("rows of `clean_events` to delete", "1,300"),
        ("raw and error objects to rewrite", "12 (3.5 MB)"),
        ("landing hours to write again", "7; 2 of them lack raw objects"),
        ("event hours to write again", "9"),
        ("days to write again", "about 3"),
        ("weeks to write again", "about 1"),
        ("snapshots to expire", "40, with 90 data files"),
    )
    assert not shown.is_empty


def test_an_erasure_s_document_has_no_hash_and_no_object_in_it() -> None:
    document = shown_erasure(ESTIMATE, 2, NOW).to_json()

    assert "abab" not in document
    assert "cdcd" not in document
    assert "broken.gz" not in document


def test_what_an_erasure_will_not_reach_is_a_note_each() -> None:
    first, second, third = shown_erasure(ESTIMATE, 2, NOW).notes

    assert first.startswith("1 of the ids is in no table.")
    assert second.startswith("1 anonymous id that was seen with the users stays")
    assert third.startswith("1 raw or error object can't be read")


def test_a_replay_is_shown_by_the_reasons_of_old_of_the_hours_that_it_transforms() -> None:
    plan = ReplayPlan(
        looked_at=30,
        accepted=(
            accepted(NOW, "not_json", 5, 2),
            accepted(NOW + HOUR, "not_json", 10, 10),
            accepted(NOW + HOUR, "too_late", 4, 1),
            accepted(NOW + 2 * HOUR, "too_late", 9, 9),
        ),
        replay=(NOW, NOW + HOUR),
        left={NOW + 2 * HOUR: "its raw objects have expired"},
    )

    shown = shown_replay(plan, NOW)

    assert shown.figures == (
        ("landing hours looked at", "30"),
        ("lines rejected as `not_json` that would be events", "12 of 15"),
        ("lines rejected as `too_late` that would be events", "1 of 4"),
        ("landing hours to transform again", "2 (2026-11-22T10 … 2026-11-22T11)"),
    )
    assert shown.notes == ("1 landing hour stays as it is: its raw objects have expired.",)
    assert not shown.is_empty


def test_a_replay_that_would_change_nothing_is_empty() -> None:
    assert shown_replay(ReplayPlan(looked_at=3, accepted=(), replay=(), left={}), NOW).is_empty
