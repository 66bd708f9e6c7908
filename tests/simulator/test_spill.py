"""Spilled lines come back whole, by hour, however small the buffers are."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simulator.spill import HourSpill

_START = datetime(2026, 11, 20, tzinfo=UTC)


def test_lines_come_back_by_hour_in_their_order_though_buffers_overflow(tmp_path: Path) -> None:
    spill = HourSpill(tmp_path, compression_level=1, buffered_bytes=500, part_bytes=10_000)
    expected: dict[datetime, list[bytes]] = {}
    for number in range(2_000):
        arrival = _START + timedelta(minutes=number * 37 % 600)
        line = b"line %d\n" % number
        spill.write(arrival, line)
        expected.setdefault(arrival.replace(minute=0), []).append(line)
    found: dict[datetime, list[bytes]] = {}
    for part in spill.close():
        found.setdefault(part.hour, []).extend(gzip.decompress(part.path.read_bytes()).splitlines(keepends=True))
    assert found == expected
    assert spill.lines_by_hour() == [(hour, len(lines)) for hour, lines in sorted(expected.items())]


def test_a_part_is_closed_at_its_size_and_knows_its_oldest_arrival(tmp_path: Path) -> None:
    spill = HourSpill(tmp_path, compression_level=1, buffered_bytes=10_000, part_bytes=100)
    for minute in (30, 20, 40, 10, 50):
        spill.write(_START + timedelta(minutes=minute), b"x" * 49 + b"\n")
    parts = list(spill.close())
    assert [part.raw_bytes for part in parts] == [100, 100, 50]
    assert [part.oldest.minute for part in parts] == [20, 10, 50]
