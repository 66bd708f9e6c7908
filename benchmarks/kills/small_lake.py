"""Raw objects of fifty landing hours in a directory: duplicates, late events and lines that are none among them."""

import gzip
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
    """The raw objects; `lines` and `events` count all that were ever laid down, an event that is there twice once."""

    raw: Path
    dice: random.Random
    lines: int = 0
    events: int = field(default=0, init=False)

    def lay_down_all(self) -> None:
        """Give each hour its first object."""
        for hour in HOURS:
            self.lay_down(hour, lines=12)

    def lay_down_late(self) -> None:
        """Give one hour another object, as S3 delivery does when it was retried."""
        self.lay_down(self.dice.choice(HOURS), lines=3)

    def lay_down(self, hour: datetime, *, lines: int) -> None:
        """Write an object; it is there whole or not at all, as in S3."""
        texts = [self._line(hour) for _ in range(lines)]
        texts.append(self.dice.choice([texts[0], b"not json\n"]))
        path = self.raw / landing_prefix(hour).removeprefix("raw/") / f"{self.events}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.raw.parent / "partial"
        partial.write_bytes(gzip.compress(b"".join(texts)))
        partial.rename(path)
        self.lines += len(texts)

    def _line(self, hour: datetime) -> bytes:
        received_at = hour + timedelta(seconds=self.dice.randrange(3600))
        late = timedelta(hours=self.dice.choice([0, 0, 0, 1, 9, 30]))
        event_time = received_at - timedelta(seconds=2) - late
        self.events += 1
        event = {
            "timestamp": f"{event_time:%Y-%m-%d %H:%M:%S}",
            "user_id": f"user-{self.dice.randrange(12)}",
            "click_id": f"click-{self.events}",
            "event_name": self.dice.choice(_NAMES),
            "additional_data": {"product_id": f"product-{self.dice.randrange(6)}", "price": 9.95},
        }
        stamp = Stamp(received_at=epoch_ms(received_at), request_id="r", source_ip="192.0.2.1", user_agent="kills")
        return envelope_line(stamp, json.dumps(event).encode())
