"""What the model of late events counts."""

from datetime import timedelta

import pytest

from benchmarks import late_events
from contracts.partitions import HOUR
from simulator.world.defects import DefectShares


def test_what_is_made_first_is_every_event_and_what_is_deferred_is_made_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_events, "WARM_UP", timedelta(0))
    monkeypatch.setattr(late_events, "COUNTED", timedelta(hours=30))
    rows = late_events.landed_hours(100, DefectShares(late=0.1, longest_delay_hours=24), seed=1)
    assert rows == late_events.landed_hours(100, DefectShares(late=0.1, longest_delay_hours=24), seed=1)
    monkeypatch.setattr("contracts.late_events.WORTH", 5)
    made = {}
    for defer in (False, True):
        ledgers = late_events.Ledgers(defer=defer)
        for row in rows:
            ledgers.land(row)
        made[defer] = ledgers
    assert made[True].made["event_hour"] < made[False].made["event_hour"]
    received = sum(row.received for row in rows)
    # By the end, each event is in its hour, but those that are deferred.
    assert sum(row.received for row in made[False].hours.values()) == received
    lacking = received - sum(row.received for row in made[True].hours.values())
    assert 0 < lacking <= received * 0.2
    assert made[True].deferred_hours[-1] > 0
    assert rows[-1].landing_hour == late_events.START + 29 * HOUR
