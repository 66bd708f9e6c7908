"""What a person reads before they decide: the figures, what will happen, and what an answer does. Never an id."""

from datetime import UTC, datetime
from typing import Any

from contracts.data_checks import CheckResult, Severity
from contracts.estimates import ShownEstimate
from contracts.stages import DAYS, EVENT_HOURS, LANDING_HOURS, Stage
from pipeline.lake_status.held_back import FailureNow, Unit
from pipeline.lake_status.store import FailedChecks
from pipeline.question import check_question, erasure_question, markdown_table, replay_question

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
SHOWN = ShownEstimate(
    counted_at=datetime(2026, 11, 22, 10, 5, tzinfo=UTC),
    is_empty=False,
    figures=(("users", "2"), ("rows of `clean_events` to delete", "1,357")),
    notes=("1 of the ids is in no table.",),
)


def failure(stage: Stage[Any, Any], *units: Unit, also: tuple[str, ...] = ()) -> FailureNow:
    result = CheckResult(
        checked_from=TEN,
        stage=stage.name,
        check_name="lines_lost",
        severity=Severity.FAIL,
        passed=False,
        observed=12_345.5,
        expected="exactly 0",
        detail="of 20,000 | lines",
        input_version="v1",
    )
    return FailureNow(
        failed=FailedChecks(stage=stage, key=TEN, input_version="v1"),
        results=(result,),
        usual={"lines_lost": 0.0},
        units=units,
        also_failed={f"{name} v1": name for name in also},
    )


def test_the_question_of_an_erasure_is_the_estimate_and_what_cannot_be_undone() -> None:
    asked = erasure_question(SHOWN, users=2, discard_unreadable=False)

    assert asked.subject == "Erase 2 users, for good?"
    assert asked.body.startswith(
        "| what | how many |\n| --- | ---: |\n| users | 2 |\n| rows of `clean_events` to delete | 1,357 |\n\n"
        "1 of the ids is in no table.\n\nCounted at 2026-11-22 10:05 UTC. It is applied to what is stored *then*: "
        "what has come in since is included"
    )
    assert "**It cannot be undone" in asked.body
    assert "If you reject, or nobody answers, nothing changes." in asked.body
    assert "discard_unreadable" not in asked.body


def test_one_user_is_not_two_and_an_erasure_that_empties_objects_says_so() -> None:
    asked = erasure_question(SHOWN, users=1, discard_unreadable=True)

    assert asked.subject == "Erase 1 user, for good?"
    assert "are emptied (`discard_unreadable` is ticked)" in asked.body


def test_an_erasure_of_users_whom_nothing_holds_still_refuses_their_events() -> None:
    empty = ShownEstimate(counted_at=TEN, is_empty=True, figures=(("users", "1"),))

    assert "No row and no raw object holds them now" in erasure_question(empty, users=1, discard_unreadable=False).body


def test_the_question_of_a_replay_says_by_which_rules_and_what_readers_will_see() -> None:
    body = replay_question(SHOWN).body

    assert "| users | 2 |" in body
    assert "by the rules that are deployed *then*" in body
    assert "readers see other figures of the past" in body


def test_the_question_of_a_failed_check_has_what_was_found_expected_and_usual_and_what_is_written() -> None:
    hours = Unit(stage=EVENT_HOURS, first=TEN, last=TEN.replace(hour=12))

    asked = check_question(failure(LANDING_HOURS, hours))

    assert asked.subject == "Landing hour 2026-11-22T10: 1 data check failed. Is it right?"
    assert "| `lines_lost` | 12,345.5 | exactly 0 | 0 | of 20,000 \\| lines |" in asked.body
    assert "* `lines_lost`: Lines of the raw objects that neither" in asked.body
    assert "* `aggregate_hour` with **2026-11-22T10 … 2026-11-22T12**" in asked.body
    assert "Also failed" not in asked.body


def test_what_is_read_by_the_same_and_failed_too_is_named() -> None:
    day = Unit(stage=DAYS, first=TEN.date(), last=TEN.date())

    body = check_question(failure(EVENT_HOURS, day, also=("event hour 2026-11-22T11",))).body

    assert "**Also failed**, and read by the same: event hour 2026-11-22T11." in body
    assert "* `aggregate_day` with **2026-11-22**" in body


def test_many_ranges_are_counted_and_not_listed() -> None:
    days = [
        Unit(stage=DAYS, first=TEN.date().replace(day=day), last=TEN.date().replace(day=day)) for day in range(1, 13)
    ]

    body = check_question(failure(EVENT_HOURS, *days)).body

    assert body.count("`aggregate_day`") == 10
    assert "* and 2 more" in body


def test_a_cell_cannot_end_its_table_nor_begin_a_tag() -> None:
    assert markdown_table(("a",), [("x | y\n<b>",)]).splitlines()[-1] == "| x \\| y &lt;b> |"
