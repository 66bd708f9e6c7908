"""The envelope: one line of JSON around an event, whatever the strings in it hold."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import ENVELOPE_FIELDS, Stamp, envelope_line, epoch_ms

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(received_at=st.integers(0, 2**42), strings=st.tuples(st.text(), st.text(), st.text()), event=json_values)
def test_an_envelope_is_one_line_that_reads_back_as_it_was_made(
    received_at: int, strings: tuple[str, str, str], event: object
) -> None:
    request_id, source_ip, user_agent = strings
    stamp = Stamp(received_at=received_at, request_id=request_id, source_ip=source_ip, user_agent=user_agent)
    line = envelope_line(stamp, json.dumps(event).encode())
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    read = json.loads(line)
    assert tuple(read) == ENVELOPE_FIELDS
    assert tuple(read.values()) == (received_at, *strings, event)


def test_epoch_milliseconds_are_cut_not_rounded() -> None:
    assert epoch_ms(datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)) == 1_999
    assert epoch_ms(datetime(2021, 7, 12, 12, 1, 58, 732_726, tzinfo=UTC)) == 1_626_091_318_732
