"""What the model of late events counts."""

import gzip
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks import late_events
from contracts.partitions import HOUR
from simulator.world.defects import DefectShares
from tests.benchmarks.rees46_rows import ROWS


def test_what_is_made_first_is_every_event_and_what_is_deferred_is_made_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_events, "WARM_UP", timedelta(0))
    monkeypatch.setattr(late_events, "COUNTED", timedelta(hours=30))
    shares = DefectShares(late=0.1, longest_delay_hours=24)
    traffic = late_events.simulated(100, shares, seed=1)
    assert traffic == late_events.simulated(100, shares, seed=1)
    assert traffic.landed[-1].landing_hour == late_events.START + 29 * HOUR
    monkeypatch.setattr("contracts.late_events.WORTH", 5)
    anew, deferred = (made_of(traffic, defer=defer) for defer in (False, True))
    assert count_again(deferred) < count_again(anew)
    # By the end, each event is in its hour, but those that are deferred.
    assert sum(row.received for row in anew.hours.values()) == traffic.received
    lacking = traffic.received - sum(row.received for row in deferred.hours.values())
    assert 0 < lacking <= traffic.received * 0.2
    assert deferred.deferred_hours[-1] > 0


def test_a_data_set_is_counted_until_nothing_of_it_is_deferred(tmp_path: Path) -> None:
    source = tmp_path / "events.csv.gz"
    source.write_bytes(gzip.compress(ROWS.encode()))
    traffic = late_events.of_data_set("rees46", source, DefectShares(late=0.5), seed=1)
    assert traffic.received == len(ROWS.splitlines()) - 1
    assert traffic.counted_from.hour == 0
    ledgers = made_of(traffic, defer=True)
    assert sum(row.received for row in ledgers.hours.values()) == traffic.received
    assert sum(row.events for row in ledgers.days.values()) == traffic.received
    assert ledgers.deferred_hours[-1] == 0
    assert count_again(ledgers) > 0


def made_of(traffic: late_events.Traffic, *, defer: bool) -> late_events.Ledgers:
    ledgers = late_events.Ledgers(traffic=traffic, defer=defer)
    for row in traffic.landed:
        ledgers.land(row)
    return ledgers


def count_again(ledgers: late_events.Ledgers) -> int:
    return sum(rows for (_, stage), rows in ledgers.again.items() if stage == "event_hour")
