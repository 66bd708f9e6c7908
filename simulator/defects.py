"""What goes wrong with events on their way, by seeded share: which defect an event gets, and by how much time.

Each defect leaves the oracle exact: a duplicate has its original's click_id and event time, lateness keeps clear of the
limit on either side, a malformed event has one fault.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from random import Random
from typing import Final

from contracts.event import ALLOWED_LATENESS
from simulator.errors import BadArgumentError
from simulator.event_time import HOUR_US, MINUTE_US, SECOND_US


class Defect(StrEnum):
    """What is wrong with an event; a duplicate is the second copy of a good one, a late event is still a good one."""

    DUPLICATE = "duplicates"
    LATE = "late"
    TOO_LATE = "too_late"
    FUTURE = "from_the_future"
    MALFORMED = "malformed"

    @property
    def moves_time(self) -> bool:
        """Whether the event's time is another than it was."""
        return self in (Defect.LATE, Defect.TOO_LATE, Defect.FUTURE)


@dataclass(frozen=True, kw_only=True)
class DefectShares:
    """Share of events (0–1) that gets each defect; `longest_delay_hours` bounds how late a late event is."""

    duplicates: float = 0.0
    late: float = 0.0
    too_late: float = 0.0
    from_the_future: float = 0.0
    malformed: float = 0.0
    longest_delay_hours: int = 156

    def __post_init__(self) -> None:
        shares = [getattr(self, defect) for defect in Defect]
        if min(shares) < 0 or sum(shares) > 1:
            named = ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self)[:-1])
            raise BadArgumentError(f"shares of defects must not be negative, nor more than 1 together: {named}")
        if not 1 < self.longest_delay_hours <= 156:
            raise BadArgumentError(
                f"a late event can be 2 to 156 hours late, not {self.longest_delay_hours}: "
                f"beyond {ALLOWED_LATENESS} it is rejected, and a resent one needs some room"
            )


DEFAULT_SHARES: Final = DefectShares(
    duplicates=0.01, late=0.005, too_late=0.001, from_the_future=0.001, malformed=0.005
)

_MICROSECONDS_OF_LATENESS: Final = ALLOWED_LATENESS.days * 24 * HOUR_US


class DefectDraw:
    """Draws defects, and the times that go with them, from one seeded source."""

    def __init__(self, shares: DefectShares, random: Random) -> None:
        self._random: Final = random
        self._longest_delay: Final = shares.longest_delay_hours * HOUR_US
        self._upto: list[tuple[float, Defect]] = []
        share = 0.0
        for defect in Defect:
            share += getattr(shares, defect)
            self._upto.append((share, defect))
        self._any: Final = share

    def next(self) -> Defect | None:
        """Return the next event's defect; None, for most, costs one random number."""
        drawn = self._random.random()
        if drawn >= self._any:
            return None
        return next((defect for upto, defect in self._upto if drawn < upto), None)

    def shift(self, defect: Defect) -> int:
        """Return by how many microseconds the event's time differs from its arrival's (negative: earlier)."""
        share = self._random.random()
        if defect is Defect.LATE:
            # Most are late by hours, few by days.
            return -HOUR_US - int(share * share * share * share * (self._longest_delay - HOUR_US))
        if defect is Defect.TOO_LATE:
            return -_MICROSECONDS_OF_LATENESS - MINUTE_US - int(share * 24 * HOUR_US)
        if defect is Defect.FUTURE:
            # Two hours ahead at the least, so that it still is when its request had to wait for long.
            return 2 * HOUR_US + int(share * 24 * HOUR_US)
        return 0

    def resent_after(self) -> int:
        """Return after how many microseconds a client sends an event again: up to two minutes."""
        return SECOND_US // 5 + int(self._random.random() * 2 * MINUTE_US)
