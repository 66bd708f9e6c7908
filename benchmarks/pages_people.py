"""People who look at the pages at once while the tables are written: what each waits for, and whether anything fails.

Each has a browser's connection, goes from view to view with about a second between, sometimes to another day or other
days, and asks with the version that it has seen. Meanwhile a writer in a process of its own commits the last two days
of each table, one after the other and again and again, as the hourly jobs do.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from random import Random
from statistics import median, quantiles
from typing import Any, Final

import httpx

from benchmarks.pages_server import served, write
from contracts.partitions import DAY, day_of
from pages.views import VIEWS

#: Views that can show several days, and how many.
_SEVERAL: Final = ("products", "rejected")
_DAYS: Final = ("1", "7", "28")


@dataclass(kw_only=True)
class _Seen:
    """What the people saw: the milliseconds of each answer, and what failed."""

    milliseconds: list[float] = field(default_factory=list)
    unchanged: int = 0
    failed: list[str] = field(default_factory=list)


def look_while_written(*, people: int, seconds: float, days: int) -> None:
    """Have the people look for so long, and print what they saw; raise SystemExit if a request failed."""
    with served() as url, _written() as rounds:
        seen = asyncio.run(_looked(url, people, seconds, days))
        loads = " ".join(f"{each:.1f}" for each in os.getloadavg())
    found = seen.milliseconds
    print(f"{people} people for {seconds:.0f} s, each table written {rounds[0]} times meanwhile; load averages {loads}")
    print(f"{len(found) + len(seen.failed):,} requests, {len(seen.failed)} failed, {seen.unchanged:,} unchanged (304)")
    most = quantiles(found, n=20)[-1]
    print(f"median {median(found):.0f} ms, 95 of 100 within {most:.0f} ms, worst {max(found):.0f} ms")
    if seen.failed:
        raise SystemExit("\n".join(seen.failed[:10]))


async def _looked(url: str, people: int, seconds: float, days: int) -> _Seen:
    seen = _Seen()
    until = time.monotonic() + seconds
    await asyncio.gather(*(_person(Random(number), url, until, days, seen) for number in range(people)))
    return seen


async def _person(random: Random, url: str, until: float, days: int, seen: _Seen) -> None:
    versions: dict[str, str] = {}
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
        while time.monotonic() < until:
            await asyncio.sleep(random.uniform(0.5, 1.5))
            address = _address(random, days)
            headers = {"If-None-Match": versions[address]} if address in versions else {}
            begin = time.perf_counter()
            try:
                answer = await client.get(address, headers=headers)
            except httpx.HTTPError as error:
                seen.failed.append(f"{address}: {error!r}")
                continue
            if answer.status_code in (200, 304):
                seen.milliseconds.append((time.perf_counter() - begin) * 1_000)
                seen.unchanged += answer.status_code == 304
                versions[address] = answer.headers["ETag"]
            else:
                seen.failed.append(f"{address}: {answer.status_code} {answer.text[:200]}")


def _address(random: Random, days: int) -> str:
    view = random.choice(VIEWS).ID
    query = []
    if random.random() < 1 / 3:
        query.append(f"day={day_of(datetime.now(UTC)) - random.randrange(1, days) * DAY}")
    if view in _SEVERAL and random.random() < 1 / 3:
        query.append(f"days={random.choice(_DAYS)}")
    return f"data/{view}?{'&'.join(query)}"


@contextmanager
def _written() -> Iterator[list[int]]:
    """Write until the block ends; the list has then how often each table was."""
    context = get_context("spawn")
    end, rounds = context.Event(), context.Value("i", 0)
    writer = context.Process(target=_write, args=(end, rounds), name="writer")
    writer.start()
    found: list[int] = []
    try:
        yield found
    finally:
        end.set()
        writer.join()
    if writer.exitcode:
        raise SystemExit(f"the writer ended with {writer.exitcode}")
    found.append(rounds.value)


def _write(end: Any, rounds: Any) -> None:
    while not end.is_set():
        write(days=2, clean_days=0, seed=rounds.value)
        rounds.value += 1
