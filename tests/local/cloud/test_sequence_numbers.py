"""Sequence numbers look like AWS's and order records within a shard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.cloud.kinesis import sequence
from local.cloud.kinesis.sequence import SequenceNumber

NUMBERS = st.builds(
    SequenceNumber,
    shard_created=st.integers(1_400_000_000, 2**33),
    shard=st.integers(0, 2**32 - 1),
    counter=st.integers(0, sequence.AFTER_LAST),
    at=st.integers(1_400_000_000, 2**33),
)


@given(NUMBERS)
def test_a_number_is_read_back_as_it_was_written(number: SequenceNumber) -> None:
    assert sequence.parse(str(number)) == number


@given(NUMBERS)
def test_a_number_has_56_digits(number: SequenceNumber) -> None:
    assert len(str(number)) == 56


@given(NUMBERS, st.integers(1, 1000))
def test_a_later_record_of_a_shard_has_a_larger_number(number: SequenceNumber, later: int) -> None:
    follower = SequenceNumber(
        shard_created=number.shard_created, shard=number.shard, counter=number.counter + later, at=0
    )
    assert int(str(follower)) > int(str(number))


@pytest.mark.parametrize("text", ["", "12", "-5", "x", "9" * 56])
def test_what_is_no_sequence_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sequence number|invalid literal"):
        sequence.parse(text)
