"""Where the events to send come from: the visitors of the shop, stamped with the real now, or a file of events.

What visitors do comes from the world; when they do it, from the pace of the stream. So the same world can be sent at
any rate, and the timestamps are true. Events of a file keep their own times.
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any, Final, Protocol

from contracts.file_formats import BYTE_ORDER_MARK
from contracts.rejections import RejectionReason
from simulator.events_file import EventsFile, LineKind, recognize
from simulator.world.defects import Channel, Defect, DefectDraw, DefectShares, pick_reason, spoil_event
from simulator.world.event_time import HOUR_US, MINUTE_US
from simulator.world.shop import Event, World, event_json

#: A copy follows its original after at most this many events.
_COPY_WITHIN: Final = 1_000
#: The world's events per second for a stream that is sent as fast as possible: how many visitors are there at once.
_UNPACED_RATE: Final = 100.0


@dataclass(slots=True, kw_only=True)
class OutgoingEvent:
    """One event to send, and what the report must know once it is accepted, refused or given up.

    `click_id` is None where there is none. `defect` and `rejection` say what is wrong with it, and for which reason
    Spark will reject it. `event_hour` (whole hours since 1970), `name` and `price_cents` are what the manifest counts;
    None for events of a file, which has no manifest. `has_copy` marks both of a pair sent on purpose.
    `maybe_stored` becomes true when the outcome of an attempt is unknown.
    """

    body: bytes
    click_id: str | None
    rejection: RejectionReason | None = None
    defect: Defect | None = None
    event_hour: int | None = None
    name: str = ""
    price_cents: int | None = None
    has_copy: bool = False
    maybe_stored: bool = False


class EventSource(Protocol):
    """Where outgoing events come from."""

    def take(self, count: int, now: int, /) -> Sequence[OutgoingEvent]:
        """Return up to `count` events that are sent at `now` (µs since 1970); none at the end."""
        ...


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


class SyntheticEvents:
    """Takes events from a world and gives each its time, its defect and its bytes."""

    def __init__(
        self, events: Iterator[Event], shares: DefectShares, channel: Channel, random: Random, limit: int | None = None
    ) -> None:
        self._events: Final = events
        self._channel: Final = channel
        self._random: Final = random
        self._draw: Final = DefectDraw(shares, random)
        self._limit: Final = limit
        self._generated = 0
        self._copies: deque[tuple[int, OutgoingEvent]] = deque()

    def take(self, count: int, now: int, /) -> list[OutgoingEvent]:
        """Return up to `count` events; copies that are due come first, and all of them before the end."""
        taken: list[OutgoingEvent] = []
        while len(taken) < count:
            exhausted = self._limit is not None and self._generated >= self._limit
            if self._copies and (exhausted or self._copies[0][0] <= self._generated):
                taken.append(self._copies.popleft()[1])
            elif exhausted:
                break
            else:
                # A microsecond apart, so that the order of a batch is the order of its times.
                taken.append(self._generate(next(self._events), now + len(taken)))
        return taken

    def _generate(self, event: Event, now: int) -> OutgoingEvent:
        self._generated += 1
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
            copy = _outgoing(event)
            copy.has_copy = True
            self._copies.append((self._generated + self._random.randint(1, _COPY_WITHIN), copy))
        elif defect is Defect.TOO_LATE:
            outgoing.rejection = RejectionReason.TOO_LATE
        elif defect is Defect.FUTURE:
            outgoing.rejection = RejectionReason.FROM_THE_FUTURE
        return outgoing


def _outgoing(event: Event) -> OutgoingEvent:
    return OutgoingEvent(
        body=event_json(event).encode(),
        click_id=event.click_id,
        event_hour=event.at // HOUR_US,
        name=event.name,
        price_cents=event.price_cents,
    )


def live_events(
    *, seed: int, run: str, rate: float, shares: DefectShares, channel: Channel, now: int, limit: int | None
) -> SyntheticEvents:
    """Return the source of a stream that starts `now` (µs since 1970): the visitors of this minute of the world."""
    events_per_minute = max(1, round((rate or _UNPACED_RATE) * 60))
    events = events_in_order(World(seed, run), now // MINUTE_US, events_per_minute)
    return SyntheticEvents(events, shares, channel, Random(f"stream/{seed}/{run}"), limit)


class FileEvents:
    """Takes events from a file, in its order: each bare event as it is, and the event of each envelope.

    A line that is neither can't be part of a request; it is counted, and not sent.
    """

    def __init__(self, file: EventsFile) -> None:
        self.lines = 0
        self.not_sent = 0
        self._events: Final = self._read(file)

    def take(self, count: int, _now: int, /) -> list[OutgoingEvent]:
        """Return the next events; their times stay what they are, whatever time it is now."""
        return list(islice(self._events, count))

    def _read(self, file: EventsFile) -> Iterator[OutgoingEvent]:
        for piece in file.pieces():
            self.lines += piece.ends
            outgoing = _outgoing_line(piece.content) if piece.is_whole else None
            if outgoing is not None:
                yield outgoing
            else:
                self.not_sent += piece.ends


def _outgoing_line(line: bytes) -> OutgoingEvent | None:
    recognized = recognize(line)
    if recognized.fields is None:
        return None
    if recognized.kind is LineKind.EVENT:
        return _outgoing_fields(line.removeprefix(BYTE_ORDER_MARK).strip(), recognized.fields)
    event = recognized.fields["event"]
    return _outgoing_fields(json.dumps(event).encode(), event) if isinstance(event, dict) else None


def _outgoing_fields(body: bytes, fields: dict[str, Any]) -> OutgoingEvent:
    click_id = fields.get("click_id")
    return OutgoingEvent(body=body, click_id=click_id if isinstance(click_id, str) else None)
