"""Public torture suites as raw lines between good neighbours: in = received + rejected, byte for byte."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from contracts.tables import LANDING_LEDGER, RECEIVED_EVENTS, REJECTED_EVENTS
from spark_jobs.lake.lake import Lake
from spark_jobs.landing.transform_events import transform_landing_hours
from tests.spark_jobs.specification.comparison import differences, specified_lake, stored_rows
from tests.spark_jobs.specification.packed_run import SETTLED, laid_down
from tests.specification.raw_lines import RawLine
from tests.specification.torture import json_test_suite, naughty_strings

pytestmark = [pytest.mark.spark, pytest.mark.slow]

IN_ORDER = datetime(2026, 11, 22, 10, tzinfo=UTC)
REVERSED = IN_ORDER + timedelta(hours=1)
#: Chunks of so few lines are judged one by one, larger ones in DuckDB: each line goes both ways.
FEW = 200
EVENT = '{"timestamp":"2026-11-22 09:59:58","user_id":"u","event_name":"Search","click_id":%s%s}'
STAMPED = '{"received_at":1795341600000,"source_ip":"203.0.113.0","user_agent":%s,"event":%s}'


def neighbour(number: int) -> bytes:
    return (STAMPED % ("null", EVENT % (f'"good {number}"', ""))).encode()


def tortures() -> Iterator[bytes]:
    """Yield texts of the suites as lines, as an event, as a field that is known and as one that is not."""
    for number, text in enumerate(json_test_suite().values()):
        yield text
        yield b'{"received_at":1795341600000,"event":' + text + b"}"
        for name in ("additional_data", "unknown"):
            before, after = (STAMPED % ("null", EVENT % (f'"{name} {number}"', f',"{name}":|'))).encode().split(b"|")
            yield before + text + after
    for number, string in enumerate(naughty_strings()):
        quoted = json.dumps(string, ensure_ascii=number % 2 == 0)
        fields = (
            f',"pixel_id":{quoted},"additional_data":{{"product_id":{quoted},{quoted}:{quoted}}},{quoted}:[{quoted}]'
        )
        yield (STAMPED % (quoted, EVENT % (f'"naughty {number}"', fields))).encode()
        yield (STAMPED % ("null", EVENT % (quoted, ""))).encode()
        yield (STAMPED % ("null", (EVENT % (f'"name {number}"', "")).replace('"Search"', quoted))).encode()
        yield (STAMPED % ("null", (EVENT % (f'"user {number}"', "")).replace('"u"', quoted))).encode()
        yield string.encode(errors="replace")


def all_lines() -> list[bytes]:
    """Return every torture with a good line before it; a text with line breaks is several lines."""
    return [line for number, torture in enumerate(tortures()) for line in (neighbour(number), *torture.split(b"\n"))]


def in_objects(lines: list[bytes], hour: datetime, size: int) -> Iterator[RawLine]:
    for number, line in enumerate(lines):
        key = f"landing_date={hour:%Y-%m-%d}/landing_hour={hour:%H}/{number // size:05}.gz"
        yield RawLine(landing_hour=hour, object_key=key, line=line)


def test_every_line_of_the_suites_is_received_or_rejected_byte_for_byte(lake: Lake) -> None:
    written = all_lines()
    raw = [*in_objects(written, IN_ORDER, len(written)), *in_objects(written[::-1], REVERSED, FEW)]
    lines = list(laid_down(raw, lake))
    report = transform_landing_hours(lake, [IN_ORDER, REVERSED], SETTLED)

    assert [(row.lines, row.received + row.rejected) for row in report.written] == [(len(written), len(written))] * 2
    stored = stored_rows(lake)
    specified = specified_lake(lines, lake, lambda _: False)
    assert differences(specified, lake, (RECEIVED_EVENTS, REJECTED_EVENTS, LANDING_LEDGER)) == []

    tortured = Counter(written)
    for hour in (IN_ORDER, REVERSED):
        good = {row["click_id"] for row in stored if row["landing_hour"] == hour}
        assert good >= {f"good {number}" for number in range(sum(1 for _ in tortures()))}
        rejected = Counter(
            bytes(row["line"]) for row in stored_rows(lake, REJECTED_EVENTS) if row["landing_hour"] == hour
        )
        assert rejected <= tortured
