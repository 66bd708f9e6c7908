"""The world is the same everywhere, and its visitors behave like visitors."""

import hashlib
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event import STANDARD_EVENTS
from contracts.event_names import NAMES
from contracts.rules import SESSION_GAP
from simulator.world.event_time import MINUTE_US
from simulator.world.shop import (
    MINUTES_PER_DAY,
    PERSONAS,
    Catalogue,
    Event,
    World,
    decimal_text,
    event_json,
    visitor,
)

_MINUTE = 29_900_000
_ROOT = Path(__file__).parents[3]
_DIGEST_PROGRAM = """
from simulator.world.shop import World, event_json
import hashlib
text = "".join(event_json(event) for session in World(7).minute(29_900_000, 500) for event in session)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def _events(world: World, minute: int, count: int, until: int | None = None) -> list[Event]:
    return [event for session in world.minute(minute, count, until) for event in session]


def test_another_process_with_another_hash_seed_makes_the_same_world() -> None:
    mine = "".join(event_json(event) for event in _events(World(7), _MINUTE, 500))
    for hash_seed in ("1", "2"):
        theirs = subprocess.run(
            [sys.executable, "-c", _DIGEST_PROGRAM],
            cwd=_ROOT,
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert theirs.stdout.strip() == hashlib.sha256(mine.encode()).hexdigest()


def test_the_world_of_seed_7_is_the_one_that_it_always_was() -> None:
    """A changed world is a changed oracle for everyone who noted a seed: change this digest knowingly."""
    text = "".join(event_json(event) for event in _events(World(7), _MINUTE, 500))
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "5142309cb432b9d7be2b04f762c3afe601a984cf0d1915a344b4763527ebdd5f"
    )


@settings(max_examples=30)
@given(seed=st.integers(0, 50), minute=st.integers(0, 40_000_000), events=st.integers(1, 300))
def test_a_minute_has_exactly_the_events_asked_for_and_more_only_adds(seed: int, minute: int, events: int) -> None:
    world = World(seed)
    few, many = _events(world, minute, events), _events(world, minute, events + 100)
    assert len(few) == events
    assert many[:events] == few


@settings(max_examples=30)
@given(minute=st.integers(0, 40_000_000))
def test_nobody_gives_back_what_they_did_not_buy_or_buys_or_puts_into_the_cart_what_they_did_not_see(
    minute: int,
) -> None:
    for session in World(3).minute(minute, 200):
        seen, cart, bought = set(), set(), set()
        for event in session:
            if event.name == "ViewContent":
                seen.add(event.product)
            elif event.name == "AddToCart":
                assert event.product in seen
                cart.add(event.product)
            elif event.name == "Purchase":
                assert event.product in cart
                bought.add(event.product)
            elif event.name == "Refund":
                assert event.product in bought


def test_a_session_is_one_visitor_in_the_order_of_time_without_a_long_pause() -> None:
    for session in World(1).minute(_MINUTE, 5_000):
        assert len({event.visitor for event in session}) == 1
        for before, after in pairwise(session):
            assert 0 < after.at - before.at < SESSION_GAP.total_seconds() * 1_000_000


def test_a_session_starts_in_its_minute_and_may_go_on_past_midnight() -> None:
    last_minute_of_day = _MINUTE - _MINUTE % MINUTES_PER_DAY + MINUTES_PER_DAY - 1
    sessions = list(World(1).minute(last_minute_of_day, 5_000))
    midnight = (last_minute_of_day + 1) * MINUTE_US
    assert all(session[0].at // MINUTE_US == last_minute_of_day for session in sessions)
    assert any(session[-1].at > midnight for session in sessions)


def test_nothing_happens_once_the_world_ends() -> None:
    until = (_MINUTE + 1) * MINUTE_US - 2_000_000
    events = _events(World(1), _MINUTE, 2_000, until)
    assert len(events) == 2_000
    assert max(event.at for event in events) < until


def test_click_ids_differ_within_a_run_and_between_runs_and_days() -> None:
    ids = [
        event.click_id
        for world in (World(1), World(1, "other"), World(2))
        for minute in (_MINUTE, _MINUTE + 1, _MINUTE + MINUTES_PER_DAY)
        for event in _events(world, minute, 300)
    ]
    assert len(set(ids)) == len(ids) == 2_700


def test_a_small_share_of_what_is_bought_is_given_back_and_the_app_writes_that_as_a_negative_price() -> None:
    events = _events(World(1), _MINUTE, 30_000)
    refunds = [event for event in events if event.name == "Refund"]
    assert 0.02 < len(refunds) / sum(event.name == "Purchase" for event in events) < 0.1
    for event in refunds:
        assert event.product is not None
        sign = -1 if event.visitor.persona.on_phone else 1
        assert event.price_cents == sign * event.product.price_cents
        assert f'"price": {decimal_text(event.price_cents)}}}' in event_json(event)
    assert {event.visitor.persona.on_phone for event in refunds} == {True, False}
    assert [decimal_text(cents) for cents in (1, 1_005, -1, -1_005)] == ["0.01", "10.05", "-0.01", "-10.05"]


def test_all_standard_events_and_some_custom_ones_occur_and_have_valid_names() -> None:
    names = Counter(event.name for event in _events(World(1), _MINUTE, 10_000))
    assert set(STANDARD_EVENTS) < set(names)
    assert len(names) > len(STANDARD_EVENTS)
    assert all(NAMES.of(name) == name for name in names)


def test_a_product_costs_the_same_everywhere_and_the_tail_of_the_catalogue_is_long() -> None:
    prices: dict[int, set[int]] = {}
    looks: Counter[int] = Counter()
    for minute in range(_MINUTE, _MINUTE + 5 * MINUTES_PER_DAY, MINUTES_PER_DAY):
        for event in _events(World(1), minute, 10_000):
            if event.product is not None:
                prices.setdefault(event.product.product_id, set()).add(event.product.price_cents)
                looks[event.product.product_id] += 1
    assert all(len(each) == 1 for each in prices.values())
    ranked = [count for _, count in looks.most_common()]
    assert sum(ranked[:100]) > 0.25 * sum(ranked)
    assert len(ranked) > 2_000
    assert Catalogue(1).products == Catalogue(1).products != Catalogue(2).products


def test_personas_share_all_visitors_and_a_visitor_stays_the_same() -> None:
    assert sum(persona.share for persona in PERSONAS) == 100
    assert {visitor(number).persona for number in range(1, 101)} == set(PERSONAS)
    assert visitor(4711) == visitor(4711)
