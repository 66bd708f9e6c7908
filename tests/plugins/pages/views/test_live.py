"""The live view: the document as it is, its hours beside the ledger's, and never taken for settled numbers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contracts.live_document import (
    DOCUMENT_NAME,
    Freshness,
    HourState,
    LandingHourTotals,
    LiveDocument,
    LiveLine,
    NamedSeries,
    Rejections,
    Sampling,
)
from contracts.live_document import Series as LiveSeries
from contracts.tables import LANDING_LEDGER
from pages.errors import LakeUnreachableError
from pages.lake.live import LiveReader
from pages.panels import Note, Series, Table, View
from pages.selection import Selection
from pages.views import live
from tests.plugins.pages.conftest import NOW, SmallLake

ELEVEN = datetime(2026, 11, 27, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)
Select = Callable[..., Selection]


def series(*events: int) -> LiveSeries:
    zeros = tuple(0 for _ in events)
    ones = tuple(1 for _ in events)
    return LiveSeries(
        events=events,
        users=events,
        users_one_in=ones,
        purchases=zeros,
        revenue=tuple(Decimal(0) for _ in events),
        bots=zeros,
        copies=zeros,
        copies_one_in=ones,
    )


def totals(hour: datetime, received: int, *, complete: bool = True) -> LandingHourTotals:
    return LandingHourTotals(
        landing_hour=hour,
        state=HourState.SETTLED if complete else HourState.OPEN,
        complete=complete,
        objects=1,
        unread_objects=0,
        unreadable_objects=0,
        lines=received + 1,
        received=received,
        rejected=1,
        undated=0,
        rejected_by_reason={"not_json": 1},
    )


def sampling(**values: Any) -> Sampling:
    exact = dict.fromkeys(Sampling.__dataclass_fields__, 0)
    return Sampling(**{**exact, "users_one_in": 1, "copies_one_in": 1, **values})


DOCUMENT = LiveDocument(
    written_at=NOW,
    interval=5.0,
    freshness=Freshness(
        newest_arrival=NOW,
        behind=9.0,
        delivering=5.0,
        reading=1.0,
        waiting=3.0,
        complete_from=None,
        unread_objects=0,
        unread_bytes=0,
    ),
    first_minute=NOW - timedelta(minutes=2),
    all_names=series(7, 12, 3),
    names=tuple(NamedSeries(event_name=f"name{number}", series=series(1, 1, 0)) for number in range(10)),
    others=series(0, 2, 3),
    rejections=(Rejections(reason="not_json", lines=(0, 1, 0)),),
    landing_hours=(totals(ELEVEN, 30), totals(ELEVEN + HOUR, 22, complete=False)),
    lines=(
        LiveLine(
            verdict="accepted",
            field=None,
            detail=None,
            received_at=NOW,
            event_name="=cmd",
            click_id="c",
            user_id="u",
            address="203.0.113.0",
            excerpt="",
        ),
    ),
    unreadable=(),
    sampling=sampling(),
)


@pytest.fixture
def shown(small_lake: SmallLake, selection: Select, tmp_path: Path) -> Callable[[LiveDocument], View]:
    """Return what publishes a document, and looks at it."""

    def view(document: LiveDocument) -> View:
        (tmp_path / "live").mkdir(exist_ok=True)
        (tmp_path / "live" / DOCUMENT_NAME).write_bytes(document.to_json())
        reader = small_lake.reader(live=LiveReader(f"{tmp_path.as_uri()}/warehouse"))
        return live.view(reader.lake(), selection())

    return view


def panels(view: View) -> dict[str, Any]:
    return {panel.id: panel for panel in view.panels}


def test_what_is_live_is_provisional_and_asked_for_again(shown: Callable[[LiveDocument], View]) -> None:
    view = shown(DOCUMENT)
    assert (view.provisional, view.refresh_seconds, view.as_of) == (True, 5, NOW)
    behind = panels(view)["totals"].figures[0]
    assert (behind.value, behind.note) == (9.0, "5 s delivering + 1 s reading + 3 s waiting")


def test_names_and_all_others_add_up(shown: Callable[[LiveDocument], View]) -> None:
    names = panels(shown(replace(DOCUMENT, all_names=series(10, 12, 3))))["names"]
    assert isinstance(names, Series)
    assert [line.label for line in names.lines] == [*(f"name{number}" for number in range(8)), "all others"]
    assert [sum(int(line.values[at] or 0) for line in names.lines) for at in range(3)] == [10, 12, 3]
    assert names.provisional_from == DOCUMENT.first_minute


def test_minutes_that_are_not_read_yet_are_no_less_provisional(shown: Callable[[LiveDocument], View]) -> None:
    freshness = replace(DOCUMENT.freshness, complete_from=DOCUMENT.first_minute + timedelta(minutes=2))
    names = panels(shown(replace(DOCUMENT, freshness=freshness)))["names"]
    assert isinstance(names, Series)
    assert names.provisional_from == DOCUMENT.first_minute


def test_hours_stand_beside_the_ledger(small_lake: SmallLake, shown: Callable[[LiveDocument], View]) -> None:
    row = {"input_version": "1", "settled": True, "rejected": 1}
    small_lake.put(
        LANDING_LEDGER,
        {**row, "landing_hour": ELEVEN, "lines": 31, "received": 30},
        {**row, "landing_hour": ELEVEN - HOUR, "lines": 9, "received": 8},
    )
    hours = panels(shown(DOCUMENT))["hours"]
    assert isinstance(hours, Table)
    assert [tuple(row) for row in hours.rows][:3] == [
        (ELEVEN + HOUR, "warning", "open", 23, 22, 1, None, None, None),
        (ELEVEN, "ok", "settled and in the tables", 31, 30, 1, 31, 30, 1),
        (ELEVEN - HOUR, "ok", "settled and in the tables", None, None, None, 9, 8, 1),
    ]
    assert hours.shaded == []


def test_a_settled_hour_that_differs_from_the_ledger_is_broken(
    small_lake: SmallLake, shown: Callable[[LiveDocument], View]
) -> None:
    small_lake.put(
        LANDING_LEDGER,
        {"landing_hour": ELEVEN, "input_version": "1", "settled": True, "lines": 31, "received": 29, "rejected": 2},
    )
    hours = panels(shown(DOCUMENT))["hours"]
    assert hours.rows[1][1] == "broken"
    assert hours.shaded == [1]


def test_an_estimate_is_said_to_be_one(shown: Callable[[LiveDocument], View]) -> None:
    assert "sampled" not in panels(shown(DOCUMENT))
    note = panels(shown(replace(DOCUMENT, sampling=sampling(users_one_in=8))))["sampled"]
    assert "one id in 8" in note.sentence


def test_without_a_document_the_view_says_what_starts_it(small_lake: SmallLake, selection: Select) -> None:
    (note,) = live.view(small_lake.now(), selection()).panels
    assert isinstance(note, Note)
    assert "python -m live" in note.remedy


def test_a_document_of_another_format_is_refused_with_the_remedy(
    small_lake: SmallLake, selection: Select, tmp_path: Path
) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / DOCUMENT_NAME).write_text('{"format": 99}')
    reader = small_lake.reader(live=LiveReader(f"{tmp_path.as_uri()}/warehouse"))
    with pytest.raises(LakeUnreachableError, match="the same version"):
        live.view(reader.lake(), selection())


def test_a_new_document_is_a_new_version_and_an_old_one_is_not_read_again(
    small_lake: SmallLake, tmp_path: Path
) -> None:
    now = [0.0]
    (tmp_path / "live").mkdir()
    file = tmp_path / "live" / DOCUMENT_NAME
    file.write_bytes(DOCUMENT.to_json())
    reader = LiveReader(f"{tmp_path.as_uri()}/warehouse", clock=lambda: now[0])
    first = reader.now()
    now[0] += 10
    assert reader.now().document is first.document
    file.write_bytes(replace(DOCUMENT, interval=6.0).to_json())
    now[0] += 10
    second = reader.now()
    assert second.version != first.version
    assert second.document is not None
    assert second.document.interval == 6.0
