"""What the fixture views share: an instant, hours, counts that rise and fall as traffic does, and trust."""

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from pages.panels import (
    Control,
    Link,
    Trust,
)

NOW: Final = datetime(2026, 11, 27, 14, 37, 12, tzinfo=UTC)
DAY: Final = datetime(2026, 11, 27, tzinfo=UTC)
NAMES: Final = ("Page_View", "View_Product", "Add_To_Cart", "Purchase", "Search")

SETTLED: Final = Trust(
    state="settled",
    sentence="All 14 hours of the day are settled: 412,907 lines received = 398,114 clean + 14,793 left out.",
    link=Link(text="The ledger", view="trust", query={"day": "2026-11-27"}),
)
PROVISIONAL: Final = Trust(
    state="provisional", sentence="The hour of 14:00 is still open; late lines may come until 16:00."
)
BROKEN: Final = Trust(
    state="broken",
    sentence="In the hour of 09:00, 17 lines were received that are neither clean nor left out.",
    link=Link(text="The run of 09:00", airflow="dags/transform_events/runs/scheduled__2026-11-27T09"),
)
DAY_CONTROL: Final = Control(name="day", label="Day (UTC)", kind="day", value="2026-11-27")
BOTS: Final = Control(
    name="bots", label="with bots", kind="toggle", value="off", hint="Bots are flagged, never deleted."
)


def hours(count: int, start: datetime = DAY) -> list[datetime]:
    return [start + timedelta(hours=hour) for hour in range(count)]


def wave(count: int, height: float, shift: float = 0.0, period: float = 24.0) -> list[int]:
    """Return counts that rise and fall as traffic does over a day."""
    return [
        round(
            height * (1.2 + math.sin((at + shift) / period * math.tau - 1.9))
            + height * 0.13 * math.sin(at * 7.3 + shift)
        )
        for at in range(count)
    ]
