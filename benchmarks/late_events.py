"""What late events cost: a week of the simulator's traffic → rows made again for each row received, deferred or not.

    python -m benchmarks.late_events --events-per-hour 10000

The shop's traffic by the hour, and how late its late events are, are the simulator's; which hours and days are made
when is what the DAGs' own rules decide (`contracts.staleness`, `contracts.late_events`), over ledgers in memory.
Nothing is computed from events, so a week of any traffic takes minutes. The second week is counted: before it, there
are no old hours yet that late events could belong to. CPU is rows, weighed by what each job takes for an event
(`infra.cost.Workload`), beside what all the events took when they were made first.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from random import Random
from typing import Any, Final

from contracts.late_events import Deferred, deferred_keys
from contracts.ledger import DayRow, EventRow, LandingRow
from contracts.partitions import DAY, HOUR, day_of, hours_between, start_of_day
from contracts.stages import DAYS, EVENT_HOURS, DerivedStage
from contracts.staleness import key_to_await, published_window, stale_keys
from infra.cost import SHARE_OF_JOB_2, Workload
from simulator.world.defects import DEFAULT_SHARES, Defect, DefectDraw, DefectShares
from simulator.world.event_time import HOUR_US
from simulator.world.traffic import Shape, rate_factor

START: Final = datetime(2026, 11, 2, tzinfo=UTC)
WARM_UP, COUNTED = 8 * DAY, 7 * DAY


def landed_hours(events_per_hour: float, shares: DefectShares, seed: int) -> list[LandingRow]:
    """Return the rows of the landing ledger that the traffic leaves, hour by hour."""
    random = Random(seed)
    draw = DefectDraw(shares, random)
    rows: list[LandingRow] = []
    for hour in hours_between(START, START + WARM_UP + COUNTED):
        factor = rate_factor(Shape.WAVE, second_of_day=hour.hour * 3_600 + 1_800, progress=0.0)
        received: Counter[datetime] = Counter()
        for _ in range(round(events_per_hour * factor)):
            late = draw.next() is Defect.LATE
            at = int(random.random() * HOUR_US) + (draw.shift(Defect.LATE) if late else 0)
            received[hour + at // HOUR_US * HOUR] += 1
        first = {event_hour: count for event_hour, count in received.items() if event_hour >= START}
        rows.append(
            LandingRow(
                landing_hour=hour,
                input_version=str(len(rows)),
                settled=True,
                unreadable_objects=0,
                lines=sum(first.values()),
                received=sum(first.values()),
                rejected=0,
                received_by_event_hour=first,
            )
        )
    return rows


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

    `made` counts the rows of each stage that were made in the week that is counted, and `again` those of them that had
    been made before, also by who made them.
    """

    defer: bool
    landed: list[LandingRow] = field(default_factory=list)
    feeding: defaultdict[datetime, list[LandingRow]] = field(default_factory=lambda: defaultdict(list))
    hours: dict[datetime, EventRow] = field(default_factory=dict)
    days: dict[date, DayRow] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    again: Counter[tuple[Maker, str]] = field(default_factory=Counter)
    deferred_hours: list[int] = field(default_factory=list)
    lacking: list[float] = field(default_factory=list)

    @property
    def settled_end(self) -> datetime:
        return self.landed[-1].landing_hour + HOUR

    @property
    def is_counted(self) -> bool:
        return self.settled_end > START + WARM_UP

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
        over = [day for day in DAYS.between(day_of(START), day_of(self.settled_end)) if self._is_recent(day)]
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
            self.made[stage.name] += rows
            self.again[maker, stage.name] += rows if again else 0


def _figures(ledgers: Ledgers, work: Workload) -> dict[str, float]:
    counted = [row for row in ledgers.landed if row.landing_hour >= START + WARM_UP]
    received = sum(row.received for row in counted)
    again = {
        (maker, stage.name): ledgers.again[maker, stage.name] / received
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
    arguments = parser.parse_args()
    shares = replace(DefectShares(), late=arguments.late)
    rows = landed_hours(arguments.events_per_hour, shares, arguments.seed)
    stages = [f"{stage}: rows × by {maker}" for stage in ("hours", "days") for maker in Maker]
    print(f"| made again | {' | '.join(stages)} | CPU × | deferred hours, median | most that one lacked |")
    print("| --- " * (len(stages) + 4) + "|")
    for name, defer in (("each hour anew", False), ("deferred", True)):
        ledgers = Ledgers(defer=defer)
        for row in rows:
            ledgers.land(row)
        figures = " | ".join(f"{figure:.2f}" for figure in _figures(ledgers, Workload()).values())
        waiting = sorted(ledgers.deferred_hours or [0])[len(ledgers.deferred_hours) // 2]
        print(f"| {name} | {figures} | {waiting} | {max(ledgers.lacking, default=0):.2%} |", flush=True)


if __name__ == "__main__":
    main()
