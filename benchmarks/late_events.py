"""What late events cost: a stream of events → rows made again for each row received, deferred or not.

    python -m benchmarks.late_events --events-per-hour 10000
    python -m benchmarks.late_events --data-set retentioneering
    python -m benchmarks.late_events --data-set rees46 --folder folder-of-events.csv.gz

The shop's traffic by the hour is the simulator's or a public data set's. How late the late events are is the
simulator's, since no data set says when its events arrived. Which hours and days are made when is what the DAGs' own
rules decide (`contracts.staleness`, `contracts.late_events`), over ledgers in memory. Nothing is computed from events,
so a week of any traffic takes minutes. Of the simulator's two weeks the second is counted: before it, there are no old
hours yet that late events could belong to. A data set is counted whole, to the end of its last event's lateness. CPU
is rows, weighed by what each job takes for an event (`infra.cost.Workload`), beside what all the events took when they
were made first.
"""

import argparse
import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from benchmarks.public_figures import DATA_SETS, converted
from contracts.late_events import Deferred, deferred_keys
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.partitions import DAY, HOUR, day_of, hour_of, hours_between, start_of_day
from contracts.rules import ALLOWED_LATENESS
from contracts.stages import DAYS, EVENT_HOURS, DerivedStage
from contracts.staleness import key_to_await, published_window, stale_keys
from infra.cost import SHARE_OF_JOB_2, Workload
from simulator.world.defects import DEFAULT_SHARES, Defect, DefectDraw, DefectShares
from simulator.world.event_time import HOUR_US
from simulator.world.traffic import Shape, rate_factor

START: Final = datetime(2026, 11, 2, tzinfo=UTC)
WARM_UP, COUNTED = 8 * DAY, 7 * DAY
#: By landing hour, the events of each event hour.
Arrivals = Mapping[datetime, Mapping[datetime, int]]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What landed, hour by hour without a gap, of events not before `start`; counted from an hour on."""

    start: datetime
    counted_from: datetime
    landed: list[LandingRow]

    @classmethod
    def of(cls, arrivals: Arrivals, *, start: datetime, end: datetime, counted_from: datetime) -> Self:
        """Return what the arrivals leave in the landing ledger, in hours before `end`."""
        hours = hours_between(start, end)
        landed = [_landing_row(number, hour, arrivals.get(hour, {})) for number, hour in enumerate(hours)]
        return cls(start=start, counted_from=counted_from, landed=landed)

    @property
    def received(self) -> int:
        """The events that are counted."""
        return sum(row.received for row in self.landed if row.landing_hour >= self.counted_from)


def _landing_row(number: int, hour: datetime, received: Mapping[datetime, int]) -> LandingRow:
    return LandingRow(
        landing_hour=hour,
        input_version=str(number),
        settled=True,
        unreadable_objects=0,
        lines=sum(received.values()),
        received=sum(received.values()),
        rejected=0,
        received_by_event_hour=dict(received),
    )


def simulated(events_per_hour: float, shares: DefectShares, seed: int) -> Traffic:
    """Return two weeks of a shop with a mean of so many events an hour, of which the second is counted."""
    random = Random(seed)
    draw = DefectDraw(shares, random)
    arrivals: dict[datetime, Counter[datetime]] = {}
    end = START + WARM_UP + COUNTED
    for hour in hours_between(START, end):
        factor = rate_factor(Shape.WAVE, second_of_day=hour.hour * 3_600 + 1_800, progress=0.0)
        received = arrivals[hour] = Counter()
        for _ in range(round(events_per_hour * factor)):
            late = draw.next() is Defect.LATE
            at = int(random.random() * HOUR_US) + (draw.shift(Defect.LATE) if late else 0)
            event_hour = hour + at // HOUR_US * HOUR
            if event_hour >= START:
                received[event_hour] += 1
    return Traffic.of(arrivals, start=START, end=end, counted_from=START + WARM_UP)


def of_data_set(name: str, source: Path, shares: DefectShares, seed: int) -> Traffic:
    """Return a data set's events as if those drawn to be late had arrived as late as the simulator's."""
    random = Random(seed)
    draw = DefectDraw(shares, random)
    arrivals: defaultdict[datetime, Counter[datetime]] = defaultdict(Counter)
    with gzip.open(source, "rt", encoding="utf-8", newline="") as rows:
        for event in converted(name, csv.DictReader(rows)):
            at = datetime.fromisoformat(event["timestamp"]).replace(tzinfo=UTC)
            late_us = -draw.shift(Defect.LATE) if draw.next() is Defect.LATE else 0
            arrivals[hour_of(at + late_us * timedelta(microseconds=1))][hour_of(at)] += 1
    start = start_of_day(day_of(min(arrivals)))
    end = max(arrivals) + ALLOWED_LATENESS + 2 * DAY + HOUR  # by then nothing is deferred
    return Traffic.of(arrivals, start=start, end=end, counted_from=start)


def _given(row: LandingRow, hours: Iterable[datetime]) -> Mapping[datetime, int]:
    """Return what a landing hour gave to some event hours."""
    return {hour: rows for hour in hours if (rows := row.received_by_event_hour.get(hour))}


class Maker(StrEnum):
    """What makes an hour or a day again."""

    OWN_RUN = "landing hours"
    RECONCILIATION = "`reconcile_hours`"


@dataclass(kw_only=True)
class Ledgers:
    """A lake without events: what has landed, and from what each hour and each day was made last.

    `again` counts the rows that were made in the time that is counted and had been made before, by who made them.
    """

    traffic: Traffic
    defer: bool
    landed: list[LandingRow] = field(default_factory=list)
    feeding: defaultdict[datetime, list[LandingRow]] = field(default_factory=lambda: defaultdict(list))
    hours: dict[datetime, EventRow] = field(default_factory=dict)
    days: dict[date, DayRow] = field(default_factory=dict)
    again: Counter[tuple[Maker, str]] = field(default_factory=Counter)
    deferred_hours: list[int] = field(default_factory=list)
    lacking: list[float] = field(default_factory=list)

    @property
    def settled_end(self) -> datetime:
        return self.landed[-1].landing_hour + HOUR

    @property
    def is_counted(self) -> bool:
        return self.settled_end > self.traffic.counted_from

    def land(self, row: LandingRow) -> None:
        """Let an hour land, and do what the DAGs do then: the hour's own run, and at half past the reconciliation."""
        self.landed.append(row)
        for hour in EVENT_HOURS.reading(row.received_by_event_hour):
            self.feeding[hour].append(replace(row, received_by_event_hour=_given(row, EVENT_HOURS.read_by(hour))))
        window = published_window(row.landing_hour)
        published = [hour for hour in self._stale_hours(defer=False) if window[0] <= hour < window[1]]
        self._make_hours(published, Maker.OWN_RUN)
        self._make_days(Maker.OWN_RUN)
        self._make_hours(self._stale_hours(defer=self.defer), Maker.RECONCILIATION)
        self._make_days(Maker.RECONCILIATION)

    def _stale_hours(self, *, defer: bool) -> list[datetime]:
        """Return the stale event hours, by a look at those that a landing hour of the last eight days can have fed."""
        left: dict[datetime, Deferred] = {}
        stale = []
        for hour in hours_between(self.settled_end - 9 * DAY, self.settled_end):
            rows, stored = self.feeding.get(hour, ()), [self.hours[hour]] if hour in self.hours else []
            inputs = EVENT_HOURS.inputs([hour], rows)
            if stale_keys(inputs, stored):
                left |= deferred_keys(EVENT_HOURS, inputs, stored, rows, self.settled_end) if defer else {}
                stale.append(hour)
        if defer and self.is_counted:
            self.deferred_hours.append(len(left))
            self.lacking.append(max((one.lacking / one.events for one in left.values()), default=0.0))
        return [hour for hour in stale if hour not in left]

    def _make_hours(self, hours: Iterable[datetime], maker: Maker) -> None:
        for hour in hours:
            current = EVENT_HOURS.inputs([hour], self.feeding[hour])[hour]
            self._count(EVENT_HOURS, current.rows, maker, again=hour in self.hours)
            counts = {"received": current.rows, "clean": current.rows, "duplicates": 0}
            self.hours[hour] = EventRow(event_hour=hour, input_version=current.input_version, **counts)

    def _make_days(self, maker: Maker) -> None:
        """Make the days that are over, stale and not deferred, with those beside them, as `aggregate_days` does."""
        past = DAYS.between(day_of(self.traffic.start), day_of(self.settled_end))
        over = [day for day in past if self._is_recent(day)]
        inputs = self._day_inputs(over)
        stored = list(self.days.values())
        deferred = deferred_keys(DAYS, inputs, stored, (), self.settled_end) if self.defer else {}
        stale = [
            day for day in stale_keys(inputs, stored) if day not in deferred and self._awaits_nothing(day, inputs[day])
        ]
        beside = {day for day in DAYS.reading(stale) if day in self.days and day not in deferred}
        for day in sorted({*stale, *(beside & set(stale_keys(inputs, stored)))}):
            self._count(DAYS, inputs[day].rows, maker, again=day in self.days)
            self.days[day] = DayRow(
                day=day,
                input_version=inputs[day].input_version,
                events_version=inputs[day].source_version,
                events=inputs[day].rows,
                users=0,
                sessions=0,
                users_fingerprint="",
            )

    def _is_recent(self, day: date) -> bool:
        return start_of_day(day) >= self.settled_end - 11 * DAY

    def _day_inputs(self, days: Sequence[date]) -> dict[date, Any]:
        return DAYS.inputs(days, list(self.hours.values()))

    def _awaits_nothing(self, day: date, current: Any) -> bool:
        awaited = key_to_await(DAYS, current, self.days.get(day))
        return awaited is None or start_of_day(awaited + DAY) <= self.settled_end

    def _count(self, stage: DerivedStage[Any, Any], rows: int, maker: Maker, *, again: bool) -> None:
        if self.is_counted:
            self.again[maker, stage.name] += rows if again else 0


def _figures(ledgers: Ledgers, work: Workload) -> dict[str, float]:
    again = {
        (maker, stage.name): ledgers.again[maker, stage.name] / ledgers.traffic.received
        for stage in (EVENT_HOURS, DAYS)
        for maker in Maker
    }
    hours, days = (sum(again[maker, stage.name] for maker in Maker) for stage in (EVENT_HOURS, DAYS))
    spent = hours * work.cpu_us * SHARE_OF_JOB_2 + days * work.day_cpu_us
    return {
        **{f"{name}s by {maker}": rows for (maker, name), rows in again.items()},
        "CPU again": spent / (work.cpu_us + work.day_cpu_us),
    }


def main() -> None:
    """Print a row for each policy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events-per-hour", type=int, default=10_000, help="mean of the day (default %(default)s)")
    parser.add_argument("--late", type=float, default=DEFAULT_SHARES.late, help="share of events (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-set", choices=DATA_SETS, help="its events in the place of the simulator's")
    parser.add_argument("--folder", type=Path, help="of the data set's events.csv.gz, if it is not part of the project")
    arguments = parser.parse_args()
    shares = replace(DefectShares(), late=arguments.late)
    if name := arguments.data_set:
        source = arguments.folder / "events.csv.gz" if arguments.folder else DATA_SETS[name].source
        if source is None or not source.is_file():
            parser.error(f"{name}: there is no {source or 'events.csv.gz here'}; name its folder with --folder")
        traffic = of_data_set(name, source, shares, arguments.seed)
    else:
        traffic = simulated(arguments.events_per_hour, shares, arguments.seed)
    stages = [f"{stage}: rows × by {maker}" for stage in ("hours", "days") for maker in Maker]
    print(f"| made again | {' | '.join(stages)} | CPU × | deferred hours, median | most that one lacked |")
    print("| --- " * (len(stages) + 4) + "|")
    for name, defer in (("each hour anew", False), ("deferred", True)):
        ledgers = Ledgers(traffic=traffic, defer=defer)
        for row in traffic.landed:
            ledgers.land(row)
        figures = " | ".join(f"{figure:.2f}" for figure in _figures(ledgers, Workload()).values())
        waiting = sorted(ledgers.deferred_hours or [0])[len(ledgers.deferred_hours) // 2]
        print(f"| {name} | {figures} | {waiting} | {max(ledgers.lacking, default=0):.2%} |", flush=True)


if __name__ == "__main__":
    main()
