"""Raw objects of fifty landing hours in a directory, with duplicates, late events and lines that are no events."""

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from contracts.envelope import Stamp, envelope_line, epoch_ms
from contracts.partitions import HOUR, landing_prefix

START: Final = datetime(2026, 11, 20, 10, tzinfo=UTC)
HOURS: Final = tuple(START + n * HOUR for n in range(50))
END: Final = HOURS[-1] + HOUR
SETTLED: Final = datetime(2027, 1, 1, tzinfo=UTC)
_NAMES: Final = ("Search", "ViewContent", "AddToCart", "Purchase", "Login")


@dataclass(kw_only=True)
class SmallLake:
    """The raw objects; `lines` and `events` count what they hold, an event with a duplicate once.

    The leaver is a user who will be erased; after that, `forget_leaver` takes their lines out of the counts.
    """

    raw: Path
    dice: random.Random
    lines: int = 0
    events: int = field(default=0, init=False)
    numbers: Iterator[int] = field(default_factory=count, init=False)
    leavers: int = field(default=0, init=False)
    objects_of_leaver: int = field(default=0, init=False)

    def write_all(self) -> None:
        """Give each hour its first object."""
        for hour in HOURS:
            self.write(hour, lines=12)

    def write_late(self) -> None:
        """Give one hour another object, as a retried delivery to S3 does."""
        self.write(self.dice.choice(HOURS), lines=3)

    @property
    def leaver(self) -> str:
        """The id of the user who will be erased."""
        return f"leaver-{self.leavers}"

    def write_leaver(self) -> None:
        """Give some hours an object with an event of the leaver, twice, among lines of other users."""
        for hour in self.dice.sample(HOURS, 5):
            self.write(hour, lines=2, more=[self._line(hour, self.leaver)] * 2)
            self.objects_of_leaver += 1

    def forget_leaver(self) -> None:
        """Take the leaver out of the counts; from now on, another user is the leaver."""
        self.lines -= 2 * self.objects_of_leaver
        self.events -= self.objects_of_leaver
        self.objects_of_leaver = 0
        self.leavers += 1

    def write(self, hour: datetime, *, lines: int, more: Sequence[bytes] = ()) -> None:
        """Write an object, whole or not at all, as S3 does."""
        texts = [*(self._line(hour) for _ in range(lines)), *more]
        texts.append(self.dice.choice([texts[0], b"not json\n"]))
        path = self.raw / landing_prefix(hour).removeprefix("raw/") / f"{next(self.numbers)}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.raw.parent / "partial"
        partial.write_bytes(gzip.compress(b"".join(texts)))
        partial.rename(path)
        self.lines += len(texts)

    def _line(self, hour: datetime, user: str | None = None) -> bytes:
        received_at = hour + timedelta(seconds=self.dice.randrange(3600))
        late = timedelta(hours=self.dice.choice([0, 0, 0, 1, 9, 30]))
        event_time = received_at - timedelta(seconds=2) - late
        self.events += 1
        event = {
            "timestamp": f"{event_time:%Y-%m-%d %H:%M:%S}",
            "user_id": user or f"user-{self.dice.randrange(12)}",
            "click_id": f"click-{next(self.numbers)}",
            "event_name": self.dice.choice(_NAMES),
            "additional_data": {"product_id": f"product-{self.dice.randrange(6)}", "price": 9.95},
        }
        stamp = Stamp(received_at=epoch_ms(received_at), request_id="r", source_ip="192.0.2.1", user_agent="kills")
        return envelope_line(stamp, json.dumps(event).encode())
