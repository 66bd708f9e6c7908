"""Past hours, written straight under the raw prefix: for backfills and benchmarks, without any network.

What the edge and Firehose would have left behind for these hours: the same envelope, the same prefixes and object
names. The same settings write the same objects under the same names, so a repeated run changes nothing; other settings
add objects, as a second Firehose would.

The hours are cut into slices, each a quarter of an hour at most: the unit of work of one process, and a function of its
plan. Sessions may run on into the next hour: their lines land there, in an object of their own.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from gzip import compress
from random import Random
from typing import Final

from contracts.envelope import Stamp, envelope_line
from contracts.partitions import hour_key, hours_between
from contracts.rejections import RejectionReason
from simulator.errors import BadArgumentError
from simulator.raw.objects import RawObjectWriter, object_name, open_raw_store
from simulator.world.defects import (
    EVENT_SPOILERS,
    Channel,
    Defect,
    DefectDraw,
    DefectShares,
    pick_reason,
    spoil_event,
    spoil_line,
)
from simulator.world.event_time import HOUR_US, MINUTE_US, SECOND_US, epoch_us
from simulator.world.manifest import Tally
from simulator.world.shop import MINUTES_PER_DAY, Event, World, event_json
from simulator.world.traffic import Shape, events_per_minute, minute_factors
from storage.object_store import ObjectStore

MEGABYTE: Final = 1024 * 1024

#: Firehose's longest buffer interval (900 s): an object never holds more time than that.
_SLICE_MINUTES: Final = 15
#: A slice this large takes some ten seconds: larger ones are cut, so that processes share the work and progress shows.
_SLICE_EVENTS: Final = 400_000
#: A process takes about a second to start: each has at least this many events, or it does not pay.
_EVENTS_PER_PROCESS: Final = 50_000

#: The edge receives an event this many microseconds after it happened, at least and at most.
_FASTEST, _SLOWEST = 30_000, 1_530_000

#: An unreadable object is a cut one of this many events, in the middle of its hour.
_UNREADABLE_EVENTS: Final = 200
_UNREADABLE_AT: Final = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class HistorySettings:
    """Which hours, `[start, end)`, and how many events; exactly one of `rate` (per second, mean) and `events`.

    `events` are the visitors' events: resent copies come on top.
    """

    raw_uri: str
    start: datetime
    end: datetime
    delivery_stream: str
    rate: float | None = None
    events: int | None = None
    seed: int = 1
    run: str = "history"
    shape: Shape = Shape.WAVE
    shares: DefectShares = field(default_factory=DefectShares)
    unreadable_objects: int = 0
    object_bytes: int = 64 * MEGABYTE
    processes: int = 0

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise BadArgumentError(
                f"--from {hour_key(self.start)} is not before --to {hour_key(self.end)}, the first hour left out"
            )
        if (self.rate is None) == (self.events is None):
            raise BadArgumentError("say how many events: either --rate (per second) or --events (in all)")
        if self.rate is not None and self.rate <= 0:
            raise BadArgumentError(f"--rate {self.rate:g} is not above 0 events per second")
        if self.events is not None and self.events < 1:
            raise BadArgumentError(f"--events {self.events} is not at least 1")

    @property
    def minutes(self) -> int:
        return int((self.end - self.start).total_seconds()) // 60

    @property
    def identity(self) -> str:
        """Everything that decides which bytes are written; part of each object's name."""
        visitors = (self.seed, self.run, self.rate, self.events, self.shape.value, self.shares)
        objects = (hour_key(self.start), hour_key(self.end), self.object_bytes, self.delivery_stream)
        return "/".join(str(part) for part in (*visitors, *objects))


@dataclass(frozen=True, kw_only=True)
class SlicePlan:
    """A part of a history: `events` are the numbers of events of consecutive minutes."""

    settings: HistorySettings
    first_minute: int
    events: tuple[int, ...]


def slice_plans(settings: HistorySettings) -> list[SlicePlan]:
    """Return the slices of a history; together they have exactly the events that the settings ask for."""
    first_minute = epoch_us(settings.start) // MINUTE_US
    factors = list(
        minute_factors(settings.shape, first_minute_of_day=first_minute % MINUTES_PER_DAY, minutes=settings.minutes)
    )
    total = settings.events if settings.events is not None else round((settings.rate or 0) * 60 * sum(factors))
    counts = events_per_minute(factors, total)
    step = next((m for m in (_SLICE_MINUTES, 5, 3) if total / settings.minutes * m <= _SLICE_EVENTS), 1)
    return [
        SlicePlan(settings=settings, first_minute=first_minute + offset, events=tuple(counts[offset : offset + step]))
        for offset in range(0, settings.minutes, step)
    ]


def write_history(settings: HistorySettings, plans: list[SlicePlan]) -> Iterator[Tally]:
    """Write all slices, in processes of their own, and yield the counts of each as it is done."""
    enough = sum(sum(plan.events) for plan in plans) // _EVENTS_PER_PROCESS + 1
    processes = min(settings.processes or os.cpu_count() or 1, enough, len(plans))
    yield from map(_write_slice, plans) if processes == 1 else _write_in_processes(plans, processes)
    if settings.unreadable_objects:
        yield _write_unreadable_objects(settings, _store(settings.raw_uri))


def _write_in_processes(plans: list[SlicePlan], processes: int) -> Iterator[Tally]:
    # Spawned, because the caller may have threads, and a fork copies their locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_leave_interrupts_to_the_caller) as pool:
        try:
            for done in as_completed([pool.submit(_write_slice, plan) for plan in plans]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_caller() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write_slice(plan: SlicePlan) -> Tally:
    settings = plan.settings
    return SliceWriter(plan, _world(settings.seed, settings.run), _store(settings.raw_uri)).write()


@lru_cache(maxsize=2)
def _world(seed: int, run: str) -> World:
    return World(seed, run)


@lru_cache(maxsize=2)
def _store(raw_uri: str) -> ObjectStore:
    return open_raw_store(raw_uri)


def _line_template() -> bytes:
    """Return the contract's envelope as a %-template, so that only the contract decides about its form."""
    marks = Stamp(received_at=987_654_321, request_id="@request@", source_ip="@address@", user_agent="@agent@")
    line = envelope_line(marks, b"@event@").replace(b"%", b"%%").replace(b"987654321", b"%d")
    for mark in (b"@request@", b"@address@", b"@agent@", b"@event@"):
        line = line.replace(mark, b"%b")
    return line


_LINE: Final = _line_template()


def raw_line(event: Event, event_bytes: bytes, received_at: int, attempt: int = 1) -> bytes:
    """Return the line that the edge would write for an event; a resent copy differs in `attempt`."""
    digest = event.digest
    request_id = f"{digest[32:40]}-{digest[40:44]}-{attempt}{digest[45:48]}-{digest[48:52]}-{digest[52:64]}"
    visitor = event.visitor
    address, agent = visitor.source_ip.encode(), visitor.user_agent.encode()
    return _LINE % (received_at // 1_000, request_id.encode(), address, agent, event_bytes)


class SliceWriter:
    """Writes one slice; nothing happens or arrives at or after the end of the history."""

    def __init__(self, plan: SlicePlan, world: World, store: ObjectStore) -> None:
        settings = plan.settings
        self.tally: Final = Tally()
        self._plan: Final = plan
        self._world: Final = world
        self._until: Final = epoch_us(settings.end)
        self._random: Final = Random(f"history/{settings.seed}/{settings.run}/{plan.first_minute}")
        self._defects: Final = DefectDraw(settings.shares, self._random)
        self._objects: Final = RawObjectWriter(
            store,
            self.tally,
            delivery_stream=settings.delivery_stream,
            identity=f"{settings.identity}/{plan.first_minute}",
            object_bytes=settings.object_bytes,
        )

    def write(self) -> Tally:
        """Write all of the slice's objects and return their counts."""
        draw, write = self._random.random, self._objects.write
        add_clean = self.tally.add_clean
        for offset, events in enumerate(self._plan.events):
            for session in self._world.minute(self._plan.first_minute + offset, events, self._until - _SLOWEST):
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
        again = min(received_at + self._defects.resent_after(), self._until - SECOND_US)
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


def _write_unreadable_objects(settings: HistorySettings, store: ObjectStore) -> Tally:
    """Write objects that can't be decompressed, in turn under the landing hours, and return their counts.

    Each is a GZIP file cut in the middle. Its lines are good events of no manifest, so that a reader which takes half
    an object shows in the counts.
    """
    tally = Tally()
    world = _world(settings.seed, "unreadable")
    landing_hours = list(hours_between(settings.start, settings.end))
    for number in range(settings.unreadable_objects):
        moment = landing_hours[number % len(landing_hours)] + _UNREADABLE_AT
        at = epoch_us(moment) + number * MINUTE_US
        sessions = world.minute(at // MINUTE_US, _UNREADABLE_EVENTS)
        lines = (raw_line(event, event_json(event).encode(), at) for session in sessions for event in session)
        whole = compress(b"".join(lines), mtime=0)
        cut = whole[: len(whole) // 2]
        store.put(object_name(settings.delivery_stream, moment, f"{world.seed}/unreadable/{number}"), cut)
        tally.unreadable_objects[epoch_us(moment) // HOUR_US] += 1
        tally.objects += 1
        tally.compressed_bytes += len(cut)
    return tally
