"""Each generator spoils exactly what its reason names, by the contract's schema and by an independent judge."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from contracts.event import batch_schema, event_schema, single_schema
from contracts.rejections import RejectionReason
from simulator.raw.history import raw_line
from simulator.world.defects import (
    EVENT_SPOILERS,
    LINE_SPOILERS,
    REASONS,
    Channel,
    pick_reason,
    spoil_event,
    spoil_line,
)
from simulator.world.shop import Event, World, event_json
from tests.simulator.judge import rejection

_EVENTS = [event for session in World(5).minute(29_900_000, 200) for event in session]
_EVENT = Draft4Validator(event_schema())
_SINGLE = Draft4Validator(single_schema())
_BATCH = Draft4Validator(batch_schema())

events = st.sampled_from(_EVENTS)
seeds = st.integers(0, 10_000).map(Random)


def _line(event: Event, event_bytes: bytes) -> bytes:
    return raw_line(event, event_bytes, event.at + 500_000).removesuffix(b"\n")


@settings(max_examples=50)
@given(event=events)
def test_an_unspoilt_event_is_valid(event: Event) -> None:
    text = event_json(event)
    assert rejection(_line(event, text.encode())) is None
    assert _EVENT.is_valid(json.loads(text))


@pytest.mark.parametrize("reason", EVENT_SPOILERS, ids=str)
@settings(max_examples=40)
@given(event=events, random=seeds, channel=st.sampled_from(Channel))
def test_a_spoilt_event_is_rejected_for_that_reason(
    reason: RejectionReason, event: Event, random: Random, channel: Channel
) -> None:
    spoilt = spoil_event(reason, event_json(event), random, channel)
    assert b"\n" not in spoilt
    assert rejection(_line(event, spoilt)) is reason


@pytest.mark.parametrize("reason", LINE_SPOILERS, ids=str)
@settings(max_examples=60)
@given(event=events, random=seeds)
def test_a_spoilt_line_is_rejected_for_that_reason(reason: RejectionReason, event: Event, random: Random) -> None:
    spoilt = spoil_line(reason, _line(event, event_json(event).encode()), random)
    assert b"\n" not in spoilt
    assert rejection(spoilt) is reason


@settings(max_examples=300)
@given(event=events, random=seeds)
def test_what_is_made_for_the_api_is_stored_by_either_route(event: Event, random: Random) -> None:
    reason = pick_reason(random, Channel.API)
    spoilt = json.loads(spoil_event(reason, event_json(event), random, Channel.API))
    assert _SINGLE.is_valid(spoilt)
    assert _BATCH.is_valid([json.loads(event_json(event)), spoilt])


def test_each_channel_draws_all_of_its_reasons() -> None:
    random = Random(1)
    for channel in Channel:
        assert {pick_reason(random, channel) for _ in range(20_000)} == set(REASONS[channel])
