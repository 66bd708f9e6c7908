"""Past hours, straight under the raw prefix: for backfills and benchmarks, past every network.

What the edge and Firehose would have left behind for these hours: the same envelope, the same prefixes and object
names. The same settings write the same objects under the same names, so a repeated run changes nothing; other settings
add objects, as a second Firehose would.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Final

from contracts.partitions import hour_key
from simulator.defects import DefectShares
from simulator.errors import BadArgumentError
from simulator.event_time import MINUTE_US, epoch_us
from simulator.history_slice import SLICE_MINUTES, SlicePlan, SliceWriter
from simulator.manifest import Tally
from simulator.raw_target import open_raw_target
from simulator.shapes import Shape, events_per_minute, minute_factors
from simulator.unreadable import write_unreadable_objects
from simulator.world import MINUTES_PER_DAY, World
from storage.object_store import ObjectStore

MEGABYTE: Final = 1024 * 1024

#: A slice this large takes some ten seconds: larger ones are cut, so that processes share the work and progress shows.
_SLICE_EVENTS: Final = 400_000
#: A process takes about a second to start; below this it does not pay.
_EVENTS_PER_PROCESS: Final = 50_000


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
        """All that decides which bytes are written; part of each object's name."""
        visitors = (self.seed, self.run, self.rate, self.events, self.shape.value, self.shares)
        objects = (hour_key(self.start), hour_key(self.end), self.object_bytes, self.delivery_stream)
        return "/".join(str(part) for part in (*visitors, *objects))


def slice_plans(settings: HistorySettings) -> list[SlicePlan]:
    """Return the slices that settings ask for; together they make exactly the events asked for."""
    first_minute = epoch_us(settings.start) // MINUTE_US
    factors = list(
        minute_factors(settings.shape, first_minute_of_day=first_minute % MINUTES_PER_DAY, minutes=settings.minutes)
    )
    total = settings.events if settings.events is not None else round((settings.rate or 0) * 60 * sum(factors))
    counts = events_per_minute(factors, total)
    step = next((m for m in (SLICE_MINUTES, 5, 3) if total / settings.minutes * m <= _SLICE_EVENTS), 1)
    return [
        SlicePlan(
            seed=settings.seed,
            run=settings.run,
            first_minute=first_minute + offset,
            events=tuple(counts[offset : offset + step]),
            until=epoch_us(settings.end),
            shares=settings.shares,
            delivery_stream=settings.delivery_stream,
            identity=settings.identity,
            object_bytes=settings.object_bytes,
        )
        for offset in range(0, settings.minutes, step)
    ]


def write_history(settings: HistorySettings, plans: list[SlicePlan]) -> Iterator[Tally]:
    """Write all slices, in processes of their own, and yield the counts of each as it is done."""
    enough = sum(sum(plan.events) for plan in plans) // _EVENTS_PER_PROCESS + 1
    processes = min(settings.processes or os.cpu_count() or 1, enough, len(plans))
    if processes == 1:
        yield from (_write_slice(settings.raw_uri, plan) for plan in plans)
    else:
        yield from _write_in_processes(settings.raw_uri, plans, processes)
    if settings.unreadable_objects:
        yield write_unreadable_objects(
            _target(settings.raw_uri),
            _world(settings.seed, "unreadable"),
            (settings.start, settings.end),
            count=settings.unreadable_objects,
            delivery_stream=settings.delivery_stream,
        )


def _write_in_processes(raw_uri: str, plans: list[SlicePlan], processes: int) -> Iterator[Tally]:
    # Spawned, because the caller may have threads, and a fork copies their locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_leave_interrupts_to_the_caller) as pool:
        waiting = iter(plans)
        running: set[Future[Tally]] = set()
        try:
            while True:
                for plan in islice(waiting, 2 * processes - len(running)):
                    running.add(pool.submit(_write_slice, raw_uri, plan))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _leave_interrupts_to_the_caller() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write_slice(raw_uri: str, plan: SlicePlan) -> Tally:
    return SliceWriter(plan, _world(plan.seed, plan.run), _target(raw_uri)).write()


@lru_cache(maxsize=2)
def _world(seed: int, run: str) -> World:
    return World(seed, run)


@lru_cache(maxsize=2)
def _target(raw_uri: str) -> ObjectStore:
    return open_raw_target(raw_uri)
