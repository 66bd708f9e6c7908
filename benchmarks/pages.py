"""What a view of the pages costs the server: `python -m benchmarks.pages [--days 90]`.

A lake of so many days on a local cloud, behind the app that Airflow mounts, asked without a network between. For each
view, milliseconds until the answer is there: by a server that has read nothing yet, for another day than before, for
the same as before, and for the slowest of 20 people who ask for it at once. The machine's other work is in these; it
is not in the milliseconds for which the server's process computed, which stand beside the first two.

With `--people 20`, instead: so many people look over HTTP for `--seconds` while the tables are written
(`benchmarks/pages_people.py`); it ends with an error if a request failed.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx
from fastapi import FastAPI

from benchmarks.pages_people import look_while_written
from benchmarks.pages_server import app, local_lake
from contracts.partitions import DAY, day_of
from pages.views import VIEWS

_PEOPLE: Final = 20
_COLUMNS: Final = ("view     ", "cold", "computed", "other day", "computed", "the same", f"{_PEOPLE} at once", "KB")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Milliseconds of a view, and its size."""

    view: str
    milliseconds: tuple[float, ...]
    kilobytes: float

    def line(self) -> str:
        """Return a line of the table."""
        cells = [self.view, *(f"{each:.0f}" for each in self.milliseconds), f"{self.kilobytes:.1f}"]
        return " | ".join(cell.rjust(len(name)) for cell, name in zip(cells, _COLUMNS, strict=True))


def main() -> None:
    """Fill the lake, ask for every view, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--people", type=int, help="people who look at once while the tables are written")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long they look (default: %(default)s)")
    given = parser.parse_args()
    with local_lake(given.days):
        if given.people:
            look_while_written(people=given.people, seconds=given.seconds, days=given.days)
            return
        print(" | ".join(_COLUMNS))
        for figures in asyncio.run(_measured()):
            print(figures.line(), flush=True)


async def _measured() -> Sequence[Figures]:
    yesterday, day_before = (str(day_of(datetime.now(UTC)) - back * DAY) for back in (1, 2))
    warm = app()
    found = []
    for module in VIEWS:
        cold, cold_computed, answer = await _asked(app(), module.ID, {"day": yesterday})
        await _asked(warm, module.ID, {"day": yesterday})
        other, other_computed, _ = await _asked(warm, module.ID, {"day": day_before})
        same, _, _ = await _asked(warm, module.ID, {"day": day_before})
        people = app()
        together = await asyncio.gather(*(_asked(people, module.ID, {"day": yesterday}) for _ in range(_PEOPLE)))
        slowest = max(milliseconds for milliseconds, _, _ in together)
        found.append(
            Figures(
                view=module.ID,
                milliseconds=(cold, cold_computed, other, other_computed, same, slowest),
                kilobytes=len(answer.content) / 1024,
            )
        )
    return found


async def _asked(of: FastAPI, view: str, query: Mapping[str, str]) -> tuple[float, float, httpx.Response]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(of), base_url="http://pages") as client:
        started, computed = time.perf_counter(), time.process_time()
        answer = await client.get(f"/data/{view}", params=query)
        found = (time.perf_counter() - started) * 1000, (time.process_time() - computed) * 1000
    answer.raise_for_status()
    return *found, answer


if __name__ == "__main__":
    main()
