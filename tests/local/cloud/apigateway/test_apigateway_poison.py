"""A thousand batches with bad events among the good ones, through the deployed API and the judgement of lines.

Each good event is stored once, each bad one is a line that is rejected for the reason that the test knows of it, and no
reply is a 5xx.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import pytest

from contracts.event import MAX_LINE_BYTES
from contracts.rejections import RejectionReason as R
from spark_jobs.validation.line import Received, validate_line
from tests.local.cloud.deployed_pipeline import StreamTail

Event = dict[str, Any]

pytestmark = [pytest.mark.cloud, pytest.mark.cdk, pytest.mark.slow]

_BATCHES = 1_000
#: One bad event of this size in so many batches: more would only fill the shards.
_LARGE_IN = 100


def _without(name: str) -> Callable[[Event], Any]:
    return lambda event: {key: value for key, value in event.items() if key != name}


def _with(**changes: Any) -> Callable[[Event], Any]:
    return lambda event: {**event, **changes}


def _instead(value: Any) -> Callable[[Event], Any]:
    return lambda _event: value


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


_LARGE = (R.TOO_LARGE, _with(padding="ü" * (MAX_LINE_BYTES // 2)))
_NO_OBJECTS: list[Any] = [None, True, 0, -1.5, "", "x", [], [{}], [[1]]]
_NO_IDS: list[Any] = [True, [], {}, ["1"], {"id": 1}]
_POISON: list[tuple[R, Callable[[Event], Any]]] = [
    *((R.NOT_AN_OBJECT, _instead(value)) for value in _NO_OBJECTS),
    (R.MISSING_FIELD, _instead({})),
    *((R.MISSING_FIELD, _without(name)) for name in ("user_id", "click_id", "timestamp", "event_name")),
    (R.MISSING_FIELD, _with(user_id=None)),
    *((R.WRONG_TYPE, _with(user_id=value)) for value in _NO_IDS),
    (R.WRONG_TYPE, _with(click_id=[])),
    *((R.INVALID_USER_ID, _with(user_id=value)) for value in ("", "u" * 257, "ü" * 300)),
    (R.INVALID_CLICK_ID, _with(click_id="c" * 129)),
    (R.INVALID_EVENT_NAME, _with(event_name="\n")),
    (R.INVALID_TIMESTAMP, _with(timestamp="yesterday")),
    (R.TOO_DEEP, _with(extra=_nested(100))),
]


def _batch(random: Random, number: int) -> tuple[list[Any], Counter[str]]:
    """A batch, and how often each of its click_ids and reasons must be found."""
    events: list[Any] = []
    expected: Counter[str] = Counter()
    for place in range(random.randint(1, 12)):
        event: Event = {
            "timestamp": datetime.now(UTC).isoformat(),
            "user_id": random.choice(["1", 35, "ünï \U0001f98a", "u" * 256, f"poison-{number}-{place}"]),
            "click_id": f"{number}-{place}",
            "event_name": "Search",
        }
        if random.random() < 0.5:
            if random.random() < 0.1:
                event["anonymous_id"] = event.pop("user_id")
            events.append(event)
            expected[str(event["click_id"])] += 1
            continue
        large = place == 0 and number % _LARGE_IN == 0
        reason, spoil = _LARGE if large else random.choice(_POISON)
        events.append(spoil(event))
        expected[reason] += 1
    return events, expected


def _found(record: Event) -> str:
    """The click_id of an event, or the reason of a rejection."""
    outcome = validate_line(record["Data"].removesuffix(b"\n"))
    return str(outcome.values["click_id"]) if isinstance(outcome, Received) else outcome.rejection_reason


def test_good_events_are_stored_once_bad_ones_have_their_reason_and_nothing_is_5xx(
    crowded_api: httpx.Client, crowded_tail: StreamTail
) -> None:
    random = Random(11)
    expected: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for number in range(_BATCHES):
        events, counts = _batch(random, number)
        while events:
            reply = crowded_api.post("/events/batch", json=events)
            assert reply.status_code in (200, 207, 429), reply.text
            fates = [entry["status"] for entry in reply.json()["events"]]
            assert len(fates) == len(events)
            events = [event for event, fate in zip(events, fates, strict=True) if fate != "accepted"]
        expected += counts
        found.update(map(_found, crowded_tail.new()))
    remaining = expected.total() - found.total()
    found.update(map(_found, crowded_tail.read(remaining)))
    assert found == expected
    assert set(R) & set(found) >= {reason for reason, _ in _POISON} | {R.TOO_LARGE}
    assert crowded_tail.new() == []
