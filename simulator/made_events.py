"""The world as a source of live events: its visitors in the order of their clicks, each stamped with the real now.

What visitors do comes from the world; when they do it, from the pace of the stream. So the same world can be sent at
any rate, and the timestamps are true.
"""

from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Final

from contracts.rejections import RejectionReason
from simulator.defects import Defect, DefectDraw, DefectShares
from simulator.event_time import HOUR_US, MINUTE_US
from simulator.malformed import Channel, pick_reason, spoil_event
from simulator.outgoing import OutgoingEvent
from simulator.wire import event_json
from simulator.world import Event, World

#: A copy follows its original after at most this many events.
_COPY_WITHIN: Final = 1_000


def events_in_order(world: World, first_minute: int, events_per_minute: int) -> Iterator[Event]:
    """Yield the world's events in the order of their times, without end."""
    waiting: dict[int, list[Event]] = {}
    minute = first_minute
    while True:
        for session in world.minute(minute, events_per_minute):
            for event in session:
                waiting.setdefault(event.at // MINUTE_US, []).append(event)
        yield from sorted(waiting.pop(minute, []), key=lambda event: (event.at, event.digest))
        minute += 1


class MadeEvents:
    """Takes events from a world and gives each its time, its defect and its bytes."""

    def __init__(
        self, events: Iterator[Event], shares: DefectShares, channel: Channel, random: Random, limit: int | None = None
    ) -> None:
        self._events: Final = events
        self._channel: Final = channel
        self._random: Final = random
        self._draw: Final = DefectDraw(shares, random)
        self._limit: Final = limit
        self._made = 0
        self._copies: deque[tuple[int, OutgoingEvent]] = deque()

    def take(self, count: int, now: int, /) -> list[OutgoingEvent]:
        """Return up to `count` events; copies that are due come first, and all of them before the end."""
        taken: list[OutgoingEvent] = []
        while len(taken) < count:
            exhausted = self._limit is not None and self._made >= self._limit
            if self._copies and (exhausted or self._copies[0][0] <= self._made):
                taken.append(self._copies.popleft()[1])
            elif exhausted:
                break
            else:
                # A microsecond apart, so that the order of a batch is the order of its times.
                taken.append(self._make(next(self._events), now + len(taken)))
        return taken

    def _make(self, event: Event, now: int) -> OutgoingEvent:
        self._made += 1
        defect = self._draw.next()
        if defect is None:
            return _outgoing(event._replace(at=now))
        event = event._replace(at=now + self._draw.shift(defect))
        if defect is Defect.MALFORMED:
            reason = pick_reason(self._random, self._channel)
            body = spoil_event(reason, event_json(event), self._random, self._channel)
            return OutgoingEvent(body=body, click_id=None, rejection=reason, defect=defect)
        outgoing = _outgoing(event)
        outgoing.defect = defect
        if defect is Defect.DUPLICATE:
            outgoing.has_copy = True
            self._copies.append((self._made + self._random.randint(1, _COPY_WITHIN), _outgoing(event, has_copy=True)))
        elif defect is Defect.TOO_LATE:
            outgoing.rejection = RejectionReason.TOO_LATE
        elif defect is Defect.FUTURE:
            outgoing.rejection = RejectionReason.FROM_THE_FUTURE
        return outgoing


def _outgoing(event: Event, *, has_copy: bool = False) -> OutgoingEvent:
    return OutgoingEvent(
        body=event_json(event).encode(),
        click_id=event.click_id,
        event_hour=event.at // HOUR_US,
        name=event.name,
        price_cents=event.price_cents,
        has_copy=has_copy,
    )


def live_events(
    *,
    seed: int,
    run: str,
    rate: float,
    shares: DefectShares,
    channel: Channel,
    now: int,
    limit: int | None,
) -> MadeEvents:
    """Return the source of a stream that starts `now` (µs since 1970): the visitors of this minute of the world."""
    # Without a rate, the world still needs one: it decides how many visitors are there at once.
    events_per_minute = max(1, round((rate or 100.0) * 60))
    events = events_in_order(World(seed, run), now // MINUTE_US, events_per_minute)
    return MadeEvents(events, shares, channel, Random(f"stream/{seed}/{run}"), limit)
