"""A shard never takes more than its limit in any second."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from local.cloud.kinesis.throttle import BYTES_PER_SECOND, RECORDS_PER_SECOND, WriteLimit

ATTEMPTS = st.lists(
    st.tuples(st.floats(0, 0.4), st.integers(1, 60), st.integers(1, BYTES_PER_SECOND // 3)), min_size=1, max_size=120
)


@settings(max_examples=60)
@given(ATTEMPTS)
def test_no_second_admits_more_than_the_limit_of_records_or_bytes(attempts: Any) -> None:
    limit, now, admitted = WriteLimit(), 0.0, []
    for pause, count, size in attempts:
        now += pause
        admitted += [(now, size) for _ in range(count) if limit.admit(size, now=now)]
    for start, _ in admitted:
        within = [size for at, size in admitted if start <= at < start + 1.0]
        assert len(within) <= RECORDS_PER_SECOND
        assert sum(within) <= BYTES_PER_SECOND


def test_a_thousand_records_pass_and_the_next_one_waits_for_the_next_second() -> None:
    limit = WriteLimit()
    assert all(limit.admit(1, now=10.0) for _ in range(RECORDS_PER_SECOND))
    assert not limit.admit(1, now=10.99)
    assert limit.admit(1, now=11.0)


def test_a_mebibyte_passes_and_what_was_refused_does_not_count() -> None:
    limit = WriteLimit()
    assert limit.admit(BYTES_PER_SECOND - 1, now=0.0)
    assert not limit.admit(2, now=0.1)
    assert limit.admit(1, now=0.2)
