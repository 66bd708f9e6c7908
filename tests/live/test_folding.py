"""However many lines and names there are, memory is bounded, sums are exact, and what is an estimate says so."""

import math
from datetime import timedelta

from live.id_sample import KEPT
from live.minutes import MOST_NAMES, most_frequent
from tests.live.raw_tail import TEN, RawFolder, SetClock, document_of, event_line, read_all, tail_of

AT = TEN + timedelta(minutes=29)


def test_more_users_and_ids_than_are_kept_are_an_estimate_and_sums_stay_exact(raw: RawFolder, clock: SetClock) -> None:
    users = 3 * KEPT
    for number in range(2):
        lines = [event_line(AT, f"u{n}", f"{number}-{n}", user_agent="Googlebot/2.1") for n in range(users)]
        raw.put(f"{number}.gz", *lines, *lines[:300])
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        document = document_of(tail, clock)
    (search,) = document.names
    for series in (search.series, document.all_names):
        assert (series.events[-2], series.bots[-2]) == (2 * (users + 300),) * 2
        assert abs(series.users[-2] - users) < users * 4 / math.sqrt(KEPT)
        assert abs(series.copies[-2] - 600) < 600 * 0.6
        assert series.users_one_in[-2] in (2, 3, 4)
        assert series.copies_one_in[-2] > 4
        assert (series.users_one_in[-3], series.copies_one_in[-3]) == (1, 1)
    assert not document.sampling.is_exact
    assert (document.sampling.users_one_in, document.sampling.copies_one_in) == (
        search.series.users_one_in[-2],
        search.series.copies_one_in[-2],
    )


def test_of_too_many_names_the_rare_ones_are_merged_and_nothing_is_lost(raw: RawFolder, clock: SetClock) -> None:
    for number in range(3):
        lines = [event_line(AT, f"u{n}", f"{number}-{n}", f"name {number}-{n}") for n in range(3 * MOST_NAMES)]
        often = [event_line(AT, f"v{n}", f"o{number}-{n}", "wishlist") for n in range(20)]
        raw.put(f"{number}.gz", *lines, *often, event_line(AT, "p", f"p{number}", "Purchase"))
    with tail_of(raw.store, clock) as tail:
        read_all(tail)
        (hour,) = (hour for hour in tail.hours if hour.landing_hour == TEN)
        assert all(len(figures.names) <= MOST_NAMES for figures in hour.minutes.figures.values())
        document = document_of(tail, clock)
    assert document.names[0].event_name == "wishlist"
    assert sum(document.names[0].series.events) == 60
    assert document.others is not None
    named = sum(sum(one.series.events) for one in document.names)
    assert named + sum(document.others.events) == sum(document.all_names.events) == 3 * (3 * MOST_NAMES + 21)
    assert sum(document.all_names.users) == 3 * MOST_NAMES + 20 + 1
    assert document.sampling.merged_names > 0


def test_a_standard_event_is_never_merged() -> None:
    names = [(100, f"name {n}") for n in range(MOST_NAMES)] + [(1, "Purchase")]
    assert "Purchase" in most_frequent(names)
    assert len(most_frequent(names)) == MOST_NAMES // 2
