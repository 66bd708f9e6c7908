"""An estimate travels as a document: what was written is what is read, and anything else is refused with a reason."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.estimates import EstimateError, ShownEstimate, estimate_from, estimate_object

TEXTS = st.text(max_size=20)
ESTIMATES = st.builds(
    ShownEstimate,
    counted_at=st.datetimes(timezones=st.just(UTC)),
    is_empty=st.booleans(),
    figures=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    notes=st.lists(TEXTS, max_size=3).map(tuple),
)


@given(ESTIMATES)
def test_what_was_written_is_what_is_read(shown: ShownEstimate) -> None:
    assert estimate_from(shown.to_json().encode()) == shown


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a-list"),
        pytest.param('{"counted_at": "today", "is_empty": false, "figures": [], "notes": []}', id="no-time"),
        pytest.param('{"counted_at": "2026-11-22T10:00:00+00:00", "is_empty": false, "notes": []}', id="no-figures"),
        pytest.param(
            '{"counted_at": "2026-11-22T10:00:00+00:00", "is_empty": false, "figures": [["rows"]], "notes": []}',
            id="half-a-pair",
        ),
    ],
)
def test_a_text_that_is_no_estimate_is_refused(text: str) -> None:
    with pytest.raises(EstimateError, match="that is no estimate"):
        estimate_from(text)


def test_each_run_has_a_document_of_its_own() -> None:
    name = "erase_user/manual__2026-11-22T10:00:00.5+00:00_aB3"

    assert estimate_object(name) == f"estimates/{name}/figures.json"


@pytest.mark.parametrize("name", ["", "a//b", "/a", "a/../b", "a b", "ä"])
def test_a_name_that_would_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(EstimateError, match="is no name of an estimate"):
        estimate_object(name)


def test_the_time_of_counting_keeps_its_zone() -> None:
    shown = ShownEstimate(counted_at=datetime(2026, 11, 22, 10, tzinfo=UTC), is_empty=True, figures=())

    assert estimate_from(shown.to_json()).counted_at.tzinfo is not None
