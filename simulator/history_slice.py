"""One slice of history: a quarter of an hour's sessions → raw lines, each under its landing hour, and their counts.

The unit of work of one process; a function of its plan, so that a repeated slice writes the same bytes under the same
names. Sessions may run on into the next hour: their lines land there, in an object of their own.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from contracts.envelope import Stamp, envelope_line
from contracts.rejections import RejectionReason
from simulator.defects import Defect, DefectDraw, DefectShares
from simulator.event_time import HOUR_US, SECOND_US
from simulator.malformed import EVENT_SPOILERS, Channel, pick_reason, spoil_event, spoil_line
from simulator.manifest import Tally
from simulator.raw_objects import RawObjectWriter
from simulator.wire import event_json
from simulator.world import Event, World
from storage.object_store import ObjectStore

#: Firehose's longest buffer interval (900 s): an object never holds more time than that.
SLICE_MINUTES: Final = 15

#: The edge gets an event this long after it happened, in microseconds.
_FASTEST, _SLOWEST = 30_000, 1_530_000

_MARKS: Final = Stamp(received_at=987_654_321, request_id="@request@", source_ip="@address@", user_agent="@agent@")


@dataclass(frozen=True, kw_only=True)
class SlicePlan:
    """What a slice is made from. `until` (µs since 1970): nothing happens or arrives from then on."""

    seed: int
    run: str
    first_minute: int
    events: tuple[int, ...]
    until: int
    shares: DefectShares
    delivery_stream: str
    identity: str
    object_bytes: int


def _line_template() -> bytes:
    """Return the contract's envelope as a %-template, so that its form stays the contract's business."""
    line = envelope_line(_MARKS, b"@event@").replace(b"%", b"%%").replace(b"987654321", b"%d")
    for mark in (b"@request@", b"@address@", b"@agent@", b"@event@"):
        line = line.replace(mark, b"%b")
    return line


_LINE: Final = _line_template()


def raw_line(event: Event, event_bytes: bytes, received_at: int, attempt: int = 1) -> bytes:
    """Return the line that the edge would have made of an event; `attempt` tells a resent copy's request apart."""
    digest = event.digest
    request_id = f"{digest[32:40]}-{digest[40:44]}-{attempt}{digest[45:48]}-{digest[48:52]}-{digest[52:64]}"
    visitor = event.visitor
    address, agent = visitor.source_ip.encode(), visitor.user_agent.encode()
    return _LINE % (received_at // 1_000, request_id.encode(), address, agent, event_bytes)


class SliceWriter:
    """Lays down one slice."""

    def __init__(self, plan: SlicePlan, world: World, target: ObjectStore) -> None:
        self.tally: Final = Tally()
        self._plan: Final = plan
        self._world: Final = world
        self._random: Final = Random(f"history/{plan.seed}/{plan.run}/{plan.first_minute}")
        self._defects: Final = DefectDraw(plan.shares, self._random)
        self._objects: Final = RawObjectWriter(
            target,
            self.tally,
            delivery_stream=plan.delivery_stream,
            identity=f"{plan.identity}/{plan.first_minute}",
            object_bytes=plan.object_bytes,
        )

    def write(self) -> Tally:
        """Write all of the slice's objects and return their counts."""
        draw, write = self._random.random, self._objects.write
        add_clean = self.tally.add_clean
        for offset, events in enumerate(self._plan.events):
            for session in self._world.minute(self._plan.first_minute + offset, events, self._plan.until - _SLOWEST):
                for event in session:
                    received_at = event.at + _FASTEST + int(draw() * (_SLOWEST - _FASTEST))
                    defect = self._defects.next()
                    if defect is None:
                        write(raw_line(event, event_json(event).encode(), received_at), received_at)
                        add_clean(event.at // HOUR_US, event.name, event.price_cents)
                    else:
                        self._write_defect(defect, event, received_at)
        self._objects.close()
        return self.tally

    def _write_defect(self, defect: Defect, event: Event, received_at: int) -> None:
        self.tally.defects[defect] += 1
        landing_hour = received_at // HOUR_US
        if defect is Defect.MALFORMED:
            reason, line = self._malformed(event, received_at)
            self.tally.rejected[landing_hour, reason] += 1
        else:
            event = event._replace(at=received_at + self._defects.shift(defect)) if defect.moves_time else event
            line = raw_line(event, event_json(event).encode(), received_at)
            if defect is Defect.TOO_LATE:
                self.tally.rejected[landing_hour, RejectionReason.TOO_LATE] += 1
            elif defect is Defect.FUTURE:
                self.tally.rejected[landing_hour, RejectionReason.FROM_THE_FUTURE] += 1
            else:
                self.tally.add_clean(event.at // HOUR_US, event.name, event.price_cents)
        self._objects.write(line, received_at)
        if defect is Defect.DUPLICATE:
            self._write_copy(event, received_at)

    def _write_copy(self, event: Event, received_at: int) -> None:
        again = min(received_at + self._defects.resent_after(), self._plan.until - SECOND_US)
        self.tally.duplicates[event.at // HOUR_US] += 1
        self._objects.write(raw_line(event, event_json(event).encode(), again, attempt=2), again)

    def _malformed(self, event: Event, received_at: int) -> tuple[RejectionReason, bytes]:
        reason = pick_reason(self._random, Channel.RAW)
        text = event_json(event)
        if reason in EVENT_SPOILERS:
            spoilt = spoil_event(reason, text, self._random, Channel.RAW)
            return reason, raw_line(event, spoilt, received_at)
        line = raw_line(event, text.encode(), received_at).removesuffix(b"\n")
        return reason, spoil_line(reason, line, self._random) + b"\n"
