"""The page that `explain` prints, word for word."""

from datetime import UTC, datetime, timedelta

from kinesis_scaling.decisions.explain import explain
from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.scaling_decision import Action, Reason
from kinesis_scaling.stream_settings import Mode
from tests.plugins.kinesis_scaling.decisions.records import TEN, record

MINUTE = timedelta(minutes=1)
NIGHT, MORNING = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
GROWTH = record()
REFUSED = record(
    TEN + 5 * MINUTE,
    outcome=Outcome.REFUSED,
    outcome_detail="Request would exceed the limit of UpdateShardCount calls.",
    explanation="demand is 7.9 shards: 99% of the 8 open; 15 wanted",
    open_shards=8,
    target_shards=15,
    resulting_shards=8,
    calls_left=8,
    dollars_per_hour=0.105,
)
HELD = record(
    TEN + 6 * MINUTE,
    action=Action.HOLD,
    reason=Reason.REFUSED,
    outcome=Outcome.HELD,
    explanation="AWS refused UpdateShardCount at 10:05, so it waits",
    open_shards=8,
    target_shards=8,
    resulting_shards=None,
    finished_at=None,
    calls_left=8,
    times=41,
    dollars_per_hour=0.0,
)
HELD = HELD.again(TEN + 20 * MINUTE)


def merge(minute: int, open_shards: int) -> DecisionRecord:
    at = TEN + minute * MINUTE
    return record(
        at,
        action=Action.MERGE_SHARDS,
        explanation=f"6 shards are enough, {open_shards} are open; a merge costs no call",
        open_shards=open_shards,
        target_shards=open_shards - 1,
        resulting_shards=open_shards - 1,
        finished_at=at + timedelta(seconds=45),
        calls_left=8,
        dollars_per_hour=-0.015,
    )


DAY = [GROWTH, REFUSED, HELD, merge(90, 8), merge(92, 7), merge(200, 6)]
PAGE = """\
Stream events, 2026-11-22 00:00 to 2026-11-23 00:00 UTC

  moves made  4: 1 UpdateShardCount, 3 merges
  not made    1 refused
  calls       2 of 10 UpdateShardCount used in the 24 hours before 2026-11-22 13:20
  shards      4 at first, 5 at last
              fewest 4 (10:00–10:01); most 8 (10:01–11:30)
  price       +1 shard: +10.95 $ a month, if it stays so
  held        1 more, to do nothing though something was close: --hold

2026-11-22
  10:00:00  4 → 8        UpdateShardCount  +0.060 $/h  done in 1 min 8 s
            demand is 3.9 of 4 shards
  10:05:00  8 → 15       UpdateShardCount  +0.105 $/h  REFUSED by AWS, 8 stay
            demand is 7.9 shards: 99% of the 8 open; 15 wanted
            AWS said: Request would exceed the limit of UpdateShardCount calls.
  11:30:00  8 → 6        2 merges          -0.030 $/h  done, one by one, in 2 min 45 s
            6 shards are enough, 8 are open; a merge costs no call
  13:20:00  6 → 5        merge             -0.015 $/h  done in 45 s
            6 shards are enough, 6 are open; a merge costs no call
"""


def lines_of(page: str) -> list[str]:
    return page.splitlines()


def test_a_day_is_a_summary_and_an_entry_for_each_move() -> None:
    assert explain(DAY, NIGHT, MORNING) == PAGE


def test_what_was_held_shows_where_it_is_asked_for() -> None:
    assert (
        "  10:06:00  8 stay       refused by AWS                  held 42 times until 10:20:00\n"
        "            AWS refused UpdateShardCount at 10:05, so it waits\n"
    ) in explain(DAY, NIGHT, MORNING, hold=True)


def test_merges_stand_one_by_one_where_it_is_asked_for() -> None:
    page = explain(DAY, NIGHT, MORNING, each=True)
    assert "  11:30:00  8 → 7        merge             -0.015 $/h  done in 45 s\n" in page
    assert "  11:32:00  7 → 6        merge             -0.015 $/h  done in 45 s\n" in page


def test_each_way_in_which_a_move_is_not_made_has_its_words() -> None:
    page = explain(
        [
            record(outcome=Outcome.SUPERSEDED, resulting_shards=5, outcome_detail="5 are open now"),
            record(TEN + MINUTE, outcome=Outcome.FAILED, open_shards=5, resulting_shards=None, finished_at=None),
        ],
        NIGHT,
        MORNING,
    )
    assert "  not made    1 failed, 1 superseded\n" in page
    assert (
        "superseded, 5 are open\n            demand is 3.9 of 4 shards\n            because: 5 are open now\n" in page
    )
    assert "FAILED, see the log of scheduled run\n" in page
    # The one that failed may have made its call, and noted it before.
    assert "  calls       2 of 10 " in page


def test_advice_is_no_move_and_costs_nothing() -> None:
    advised = record(mode=Mode.ADVISE, outcome=Outcome.ADVISED, resulting_shards=None, finished_at=None)
    page = explain([advised.again(TEN + MINUTE)], NIGHT, MORNING)
    assert "  moves made  0\n  not made    1 advised\n  calls       1 of 10 " in page
    assert "  shards      4 at first, 4 at last\n  price       +0 shards: +0.00 $ a month" in page
    assert "+0.060 $/h  advised 2 times until 10:01:00, not made\n" in page


def test_what_somebody_else_changed_between_two_decisions_is_said() -> None:
    later = record(TEN + 30 * MINUTE, open_shards=12, target_shards=13, resulting_shards=13, action=Action.SPLIT_SHARD)
    page = explain([GROWTH, later], NIGHT, MORNING)
    assert "  by 10:30  8 → 12       somebody else\n  10:30:00  12 → 13      split " in page


def test_more_than_a_day_has_dates_in_it() -> None:
    page = explain([GROWTH, record(MORNING + MINUTE, open_shards=8)], NIGHT, MORNING + timedelta(days=1))
    assert "fewest 4 (11-22 10:00–11-22 10:01); most 8 (11-22 10:01–11-24 00:00)" in page
    assert [line for line in lines_of(page) if line.startswith("2026-")] == ["2026-11-22", "2026-11-23"]


def test_each_stream_has_a_page_of_its_own() -> None:
    page = explain([record(stream_name="b"), record(stream_name="a")], NIGHT, MORNING)
    assert [line.split(",")[0] for line in lines_of(page) if line.startswith("Stream")] == ["Stream a", "Stream b"]
