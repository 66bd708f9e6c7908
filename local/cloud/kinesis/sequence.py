"""A record's place in its shard ↔ the 56-digit sequence number that clients see.

AWS's numbers are 186 bits that carry the shard's creation time, a counter, the second of arrival and the shard
(the layout is the one kinesalite found). Here the counter is dense, so a number leads straight to the record.
"""

from dataclasses import dataclass

BEFORE_FIRST = 0
AFTER_LAST = 2**63 - 1
_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class SequenceNumber:
    """What a number says. `counter` is the record's index + 1; times are epoch seconds."""

    shard_created: int
    shard: int
    counter: int
    at: int

    def __str__(self) -> str:
        return str(head(self.shard_created, self.shard) | self.counter << 80 | tail(self.at, self.shard))


def head(shard_created: int, shard: int) -> int:
    """The bits above the counter: equal for all records of a shard."""
    return _VERSION << 184 | shard_created << 148 | (shard & 0xF) << 144


def tail(at: int, shard: int) -> int:
    """The bits below the counter: equal for the records of one shard in one second."""
    return at << 36 | shard << 4 | _VERSION


def parse(text: str) -> SequenceNumber:
    """The number's parts; ValueError when it is none of ours."""
    number = int(text)
    if not text.isdigit() or number >> 184 != _VERSION or number & 0xF != _VERSION:
        raise ValueError(f"{text} is not a sequence number")
    return SequenceNumber(
        shard_created=number >> 148 & (2**36 - 1),
        shard=number >> 4 & (2**32 - 1),
        counter=number >> 80 & (2**64 - 1),
        at=number >> 36 & (2**36 - 1),
    )
