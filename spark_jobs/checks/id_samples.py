"""A sample of the `click_id`s of each day → the share of a day's events whose id is there again.

A sample has the smallest hashes, so that an id is in the samples of all days that have it, or of none. The day's row of
the ledger keeps it: days within the allowed lateness are compared without reading their events again.
"""

import math
import struct
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from contracts.data_checks import SAMPLED_IDS, Figure


@dataclass(frozen=True, kw_only=True)
class IdSample:
    """The smallest hashes of the ids of a day's events, in order; an id that is in two hours is there twice.

    `function` tells DuckDB's hash functions apart, which may differ between its versions: it is the hash of a text that
    is always the same. Samples by different functions cannot be compared.
    """

    function: int
    hashes: tuple[int, ...]

    @classmethod
    def of(cls, function: int, hashes: Iterable[int]) -> Self:
        """Return the sample of a day from those of its parts."""
        return cls(function=function, hashes=tuple(sorted(hashes)[:SAMPLED_IDS]))

    @classmethod
    def load(cls, stored: bytes) -> Self:
        """Return the sample that `stored` returned."""
        function, *hashes = (number for (number,) in struct.iter_unpack("<Q", stored))
        return cls(function=function, hashes=tuple(hashes))

    def stored(self) -> bytes:
        """Return what the ledger keeps: 8 bytes for the function, and for each hash."""
        return struct.pack(f"<{1 + len(self.hashes)}Q", self.function, *self.hashes)

    @property
    def known_below(self) -> float:
        """All events of the day whose hashes are smaller than this are in the sample."""
        return self.hashes[-1] if len(self.hashes) == SAMPLED_IDS else math.inf


def repeated_ids(sample: IdSample | None, before: Collection[IdSample], events: int) -> Figure:
    """Return the share of a day's events whose ids are there again, on the day or on the days `before`, by samples.

    Only the part of the ids is looked at that all of the samples have.
    """
    if sample is None:
        return Figure(value=None, detail=f"no id of {events} events was sampled")
    others = [other for other in before if other.function == sample.function]
    known_below = min(one.known_below for one in (sample, *others))
    looked_at = {id_hash: count for id_hash, count in Counter(sample.hashes).items() if id_hash < known_below}
    if not looked_at:
        return Figure(value=None, detail=f"no id of {events} events is sampled on each of the days")
    elsewhere = frozenset[int]().union(*(other.hashes for other in others))
    repeated = sum(count for id_hash, count in looked_at.items() if count > 1 or id_hash in elsewhere)
    sampled = sum(looked_at.values())
    scaled = f", about {round(repeated / sampled * events)} of {events}" if sampled < events else ""
    return Figure(value=repeated / sampled, detail=f"{repeated} of {sampled} events{scaled}")
