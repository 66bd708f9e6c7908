"""The live document is the same after it was JSON, has a size at most, and names what is wrong with a text."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.live_document import (
    ACCEPTED,
    FORMAT,
    LONGEST_TEXT,
    MINUTES,
    MOST_BYTES,
    MOST_HOURS,
    MOST_LINES,
    MOST_NAMES,
    MOST_UNREADABLE,
    SHORT_EXCERPT,
    Freshness,
    HourState,
    LandingHourTotals,
    LiveDocument,
    LiveDocumentError,
    LiveLine,
    NamedSeries,
    Rejections,
    Sampling,
    Series,
    UnreadableObject,
)
from contracts.rejections import RejectionReason

NOW = datetime(2026, 11, 22, 10, 30, 12, 345_000, tzinfo=UTC)


def a_series(events: int = 3, revenue: str = "12.50") -> Series:
    counts = (events,) * MINUTES
    return Series(
        events=counts,
        users=counts,
        users_one_in=counts,
        purchases=counts,
        revenue=(Decimal(revenue),) * MINUTES,
        bots=counts,
        copies=counts,
        copies_one_in=counts,
    )


def a_line(text: str = "abc") -> LiveLine:
    return LiveLine(
        verdict=ACCEPTED,
        field=None,
        detail=text,
        received_at=NOW,
        event_name=text,
        click_id=text,
        user_id=text,
        address="203.0.113.0",
        excerpt=text,
    )


def a_document() -> LiveDocument:
    return LiveDocument(
        written_at=NOW,
        interval=5.0,
        freshness=Freshness(
            newest_arrival=NOW - timedelta(seconds=8),
            behind=8.0,
            delivering=6.5,
            reading=0.5,
            waiting=1.0,
            complete_from=NOW - timedelta(minutes=30),
            unread_objects=0,
            unread_bytes=0,
        ),
        first_minute=datetime(2026, 11, 22, 9, 31, tzinfo=UTC),
        all_names=a_series(),
        names=(NamedSeries(event_name="Search", series=a_series()),),
        others=None,
        rejections=(Rejections(reason=RejectionReason.NOT_JSON, lines=(0,) * MINUTES),),
        landing_hours=(
            LandingHourTotals(
                landing_hour=datetime(2026, 11, 22, 10, tzinfo=UTC),
                state=HourState.OPEN,
                complete=False,
                objects=3,
                unread_objects=0,
                unreadable_objects=1,
                lines=5,
                received=4,
                rejected=1,
                undated=0,
                rejected_by_reason={"not_json": 1},
            ),
        ),
        lines=(a_line(),),
        unreadable=(UnreadableObject(key="raw/a.gz", error="cut off", tries=2, is_damaged=True),),
        sampling=Sampling(ids_kept=1_024, users_one_in=1, copies_one_in=1, merged_names=0),
    )


def hostile_document() -> LiveDocument:
    """A document in which everything is as long as the service lets it be."""
    widest = "\N{GRINNING FACE}" * 128
    text = "\N{GRINNING FACE}" * LONGEST_TEXT
    series = a_series(events=9_999_999, revenue="-12345678901234567.89")
    hour = a_document().landing_hours[0]
    reasons = {reason.value: 999_999_999 for reason in RejectionReason}
    return replace(
        a_document(),
        all_names=series,
        names=(NamedSeries(event_name=widest, series=series),) * MOST_NAMES,
        others=series,
        rejections=tuple(Rejections(reason=reason, lines=(9_999,) * MINUTES) for reason in RejectionReason),
        landing_hours=(replace(hour, rejected_by_reason=reasons),) * MOST_HOURS,
        lines=(a_line(text),) * MOST_LINES,
        unreadable=(UnreadableObject(key=text, error=text, tries=9_999, is_damaged=False),) * MOST_UNREADABLE,
    )


def test_a_document_is_the_same_after_it_was_json() -> None:
    assert LiveDocument.from_json(a_document().to_json()) == a_document()


@settings(max_examples=50, deadline=None)
@given(
    text=st.text(max_size=20),
    moment=st.datetimes(timezones=st.just(UTC)),
    revenue=st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**20), max_value=10**20),
    behind=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_texts_times_and_sums_come_back_as_they_were(
    text: str, moment: datetime, revenue: Decimal, behind: float | None
) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
    document = replace(
        a_document(),
        written_at=moment,
        freshness=replace(a_document().freshness, behind=behind),
        all_names=replace(a_series(), revenue=(revenue,) * MINUTES),
        lines=(a_line(text),),
    )
    assert LiveDocument.from_json(document.to_json()) == document


def test_revenue_is_a_text_so_that_no_reader_makes_a_double_of_it() -> None:
    assert json.loads(a_document().to_json())["all_names"]["revenue"][0] == "12.50"


def test_a_field_that_a_later_service_adds_is_left_out_by_a_reader() -> None:
    text = json.dumps({**json.loads(a_document().to_json()), "later": 1})
    assert LiveDocument.from_json(text.encode()) == a_document()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "list, not a JSON object"),
        (b'{"format":2}', f"has format 2, and this program reads format {FORMAT}"),
        (a_document().to_json().replace(b'"interval":5.0', b'"interval":"5"'), "document.interval .* '5', .* no float"),
        (a_document().to_json().replace(b'"state":"open"', b'"state":"shut"'), "landing_hours.0..state .*'shut'"),
        (
            a_document().to_json().replace(b'"lines":[{"verdict":"accepted",', b'"lines":[{'),
            "lines.0. .* has no verdict",
        ),
        (a_document().to_json().replace(b".345Z", b".345"), "written_at .* no datetime"),
    ],
)
def test_what_is_no_document_is_refused_by_a_message_that_names_the_place(text: bytes, message: str) -> None:
    with pytest.raises(LiveDocumentError, match=message):
        LiveDocument.from_json(text)


def test_a_document_that_fits_is_left_as_it_is() -> None:
    assert a_document().fitted() == a_document()


def test_the_most_hostile_document_fits_without_losing_a_figure() -> None:
    document = hostile_document()
    fitted = document.fitted()
    assert len(document.to_json()) > MOST_BYTES >= len(fitted.to_json())
    assert replace(fitted, lines=()) == replace(document, lines=())


def test_a_document_is_exact_only_while_nothing_of_it_comes_from_a_sample() -> None:
    assert Sampling(ids_kept=1, users_one_in=1, copies_one_in=1, merged_names=0).is_exact
    assert not Sampling(ids_kept=1, users_one_in=2, copies_one_in=1, merged_names=0).is_exact
    assert not Sampling(ids_kept=1, users_one_in=1, copies_one_in=2, merged_names=0).is_exact


def test_excerpts_are_cut_before_a_line_is_and_then_the_oldest_lines() -> None:
    document = replace(a_document(), lines=tuple(replace(a_line("x" * 100), click_id=str(n)) for n in range(50)))
    size, bare = (len(one.to_json()) for one in (document, replace(document, lines=())))
    shorter = document.fitted(size - 1)
    assert [line.click_id for line in shorter.lines] == [str(n) for n in range(50)]
    assert {len(line.excerpt) for line in shorter.lines} == {SHORT_EXCERPT}
    fewer = document.fitted((size + bare) // 4)
    assert [line.click_id for line in fewer.lines] == [str(n) for n in range(len(fewer.lines))]
    assert 0 < len(fewer.lines) < 50


@pytest.mark.parametrize("most_bytes", [0, 5_000, 20_000, 60_000])
def test_no_line_is_left_where_even_the_rest_has_no_room(most_bytes: int) -> None:
    fitted = hostile_document().fitted(most_bytes)
    assert not fitted.lines
