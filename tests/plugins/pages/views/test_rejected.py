"""The rejected lines' view: sums by reason from the ledger, samples from the lines, and how to replay them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.tables import LANDING_LEDGER, REJECTED_EVENTS
from pages.lake.reader import LakeReader
from pages.panels import Bars, Note, Samples, Series, View
from pages.selection import Selection
from pages.views import rejected
from tests.plugins.pages.conftest import SmallLake

EIGHT = datetime(2026, 11, 27, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
Select = Callable[..., Selection]


def landed(hour: datetime, **reasons: int) -> dict[str, Any]:
    refused = sum(reasons.values())
    return {
        "landing_hour": hour,
        "input_version": "1",
        "settled": True,
        "lines": 100 + refused,
        "received": 100,
        "rejected": refused,
        "rejected_by_reason": list(reasons.items()),
    }


def line(hour: datetime, reason: str, detail: str, text: bytes | None) -> dict[str, Any]:
    return {
        "landing_hour": hour,
        "object_key": "raw/a.gz",
        "rejection_reason": reason,
        "detail": detail,
        "line": text,
        "received_at": None if text is None else hour,
    }


@pytest.fixture
def lake(small_lake: SmallLake) -> SmallLake:
    small_lake.put(
        LANDING_LEDGER,
        landed(EIGHT, not_json=1, missing_field=2),
        landed(EIGHT + HOUR),
        landed(EIGHT + 2 * HOUR, not_json=4),
    )
    small_lake.put(
        REJECTED_EVENTS,
        *(line(EIGHT + 2 * HOUR, "not_json", "at character 0", b"oops secret") for _ in range(7)),
        line(EIGHT, "missing_field", "`user_id` is absent", b'{"event":{"user_ip":"203.0.113.7"}}'),
        line(EIGHT, "unreadable_object", "no gzip", None),
    )
    return small_lake


def panels(view: View) -> dict[str, Any]:
    return {panel.id: panel for panel in view.panels}


def test_reasons_add_up_and_stand_at_their_hours(lake: SmallLake, selection: Select) -> None:
    found = panels(rejected.view(lake.now(), selection()))
    reasons, time = found["reasons"], found["time"]
    assert isinstance(reasons, Bars)
    assert [(bar.label, bar.value) for bar in reasons.bars] == [("not_json", 5), ("missing_field", 2)]
    assert reasons.total == 7
    assert isinstance(time, Series)
    assert {each.label: list(each.values)[7:12] for each in time.lines} == {
        "not_json": [None, 1, 0, 4, None],
        "missing_field": [None, 2, 0, 0, None],
    }


def test_several_days_are_shown_by_day(lake: SmallLake, selection: Select) -> None:
    lake.put(LANDING_LEDGER, landed(EIGHT - 48 * HOUR, not_json=3))
    time = panels(rejected.view(lake.now(), selection(days="7")))["time"]
    assert isinstance(time, Series)
    assert (time.step, len(time.instants)) == ("day", 7)
    assert list(time.lines[0].values) == [None, None, None, None, 3, None, 5]


def test_samples_are_the_newest_of_each_reason_and_masked(lake: SmallLake, selection: Select) -> None:
    samples = panels(rejected.view(lake.now(), selection()))["samples"]
    assert isinstance(samples, Samples)
    assert [sample.reason for sample in samples.samples] == [
        *(["not_json"] * 5),
        "missing_field",
        "unreadable_object",
    ]
    text = "".join(piece.text for sample in samples.samples for piece in sample.pieces)
    assert "secret" not in text
    assert "203" not in text
    assert samples.samples[5].field == "user_id"


def test_a_reason_can_be_chosen(lake: SmallLake, selection: Select) -> None:
    found = panels(rejected.view(lake.now(), selection(reason="missing_field")))
    assert found["reasons"].total == 2
    assert [sample.reason for sample in found["samples"].samples] == ["missing_field"]
    assert "from 2026-11-27T08, to 2026-11-27T08, reasons missing_field counts" in found["replay"].remedy
    assert found["replay"].offer.conf == {
        "from": "2026-11-27T08",
        "to": "2026-11-27T08",
        "reasons": ["missing_field"],
    }


def test_samples_of_a_chosen_reason_come_from_the_hours_that_have_it(small_lake: SmallLake, selection: Select) -> None:
    """However many newer hours have others alone."""
    newer = [EIGHT - number * HOUR for number in range(8)]
    old = newer[-1] - HOUR
    small_lake.put(LANDING_LEDGER, *(landed(hour, not_json=1) for hour in newer), landed(old, missing_field=1))
    small_lake.put(
        REJECTED_EVENTS,
        *(line(hour, "not_json", "at character 0", b"oops") for hour in newer),
        line(old, "missing_field", "`user_id` is absent", b"{}"),
    )
    found = panels(rejected.view(small_lake.now(), selection(reason="missing_field", days="7")))["samples"]
    assert [sample.reason for sample in found.samples] == ["missing_field"]


def test_samples_of_several_hours_are_found_by_one_query(
    small_lake: SmallLake, selection: Select, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest hour's first, and of an hour those that were received last."""
    small_lake.put(LANDING_LEDGER, *(landed(EIGHT + number * HOUR, not_json=2) for number in range(4)))
    rows = [line(EIGHT + number // 2 * HOUR, "not_json", "at character 0", b"oops") for number in range(8)]
    small_lake.put(
        REJECTED_EVENTS,
        *({**row, "received_at": EIGHT + number * timedelta(minutes=25)} for number, row in enumerate(rows)),
    )
    asked: list[str] = []
    original = LakeReader.ask

    def noted(self: LakeReader, sql: str, *given: Any) -> Any:
        asked.append(sql)
        return original(self, sql, *given)

    monkeypatch.setattr(LakeReader, "ask", noted)
    samples = panels(rejected.view(small_lake.now(), selection()))["samples"].samples
    assert [sample.received_at for sample in samples] == [EIGHT + at * timedelta(minutes=25) for at in (7, 6, 5, 4, 3)]
    assert len([sql for sql in asked if "rejection_reason" in sql]) == 1


def test_a_reason_that_fills_an_hour_leaves_room_for_the_others(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(LANDING_LEDGER, landed(EIGHT, not_json=3_000, missing_field=1))
    rare = {**line(EIGHT, "missing_field", "`user_id` is absent", b"{}"), "received_at": EIGHT - HOUR}
    small_lake.put(REJECTED_EVENTS, *(line(EIGHT, "not_json", "at character 0", b"oops") for _ in range(3_000)), rare)
    found = panels(rejected.view(small_lake.now(), selection()))["samples"]
    assert [sample.reason for sample in found.samples] == [*(["not_json"] * 5), "missing_field"]


def test_the_replay_is_named_with_its_range(lake: SmallLake, selection: Select) -> None:
    note = panels(rejected.view(lake.now(), selection()))["replay"]
    assert isinstance(note, Note)
    assert "from 2026-11-27T08, to 2026-11-27T10 counts" in note.remedy
    assert note.link is not None
    assert note.link.airflow == "/dags/replay_rejected"


def test_the_replay_that_is_offered_asks_a_person_before_it_changes_anything(
    lake: SmallLake, selection: Select
) -> None:
    offer = panels(rejected.view(lake.now(), selection()))["replay"].offer
    assert (offer.dag, offer.conf) == (
        "replay_rejected",
        {"from": "2026-11-27T08", "to": "2026-11-27T10", "reasons": []},
    )
    assert "apply" not in offer.conf, "with it, nobody would be asked"


def test_a_day_without_rejections_says_so(small_lake: SmallLake, selection: Select) -> None:
    small_lake.put(LANDING_LEDGER, landed(EIGHT))
    (note,) = rejected.view(small_lake.now(), selection()).panels
    assert isinstance(note, Note)
    assert note.sentence == "None of 100 lines was rejected."
