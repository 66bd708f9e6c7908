"""Ids → how many distinct ones there are, and how many times one came again, in bounded memory.

A sample keeps the ids with the smallest hashes, and how often each was seen ("K minimum values": Bar-Yossef et al.,
Counting distinct elements in a data stream, 2002). While there are no more than `KEPT`, it is exact. An id that falls
out of the sample never comes back, because its largest hash only ever shrinks; so every count in it is complete,
whatever the order in which ids came, and two samples unite to what one of all ids would be.
"""

from array import array
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

#: Standard error of an estimate: 1/sqrt(1,024), so 3 %.
KEPT: Final = 1_024
_HASHES: Final = 2**64


class IdSample:
    """A sample of ids, by their 64-bit hashes; 16 bytes for each that is kept."""

    __slots__ = ("_again", "_counts", "_hashes", "_is_whole")

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._counts = array("Q")
        self._again = 0
        self._is_whole = True

    def add(self, seen: Mapping[int, int] | Iterable[tuple[int, int]], *, is_whole: bool = True) -> None:
        """Add ids by hash with how often each was seen; not `is_whole` says that larger hashes were left out."""
        counts = dict(zip(self._hashes, self._counts, strict=True))
        for hashed, count in seen.items() if isinstance(seen, Mapping) else seen:
            counts[hashed] = counts.get(hashed, 0) + count
        kept = list(islice(sorted(counts), KEPT))
        self._is_whole = self._is_whole and is_whole and len(kept) == len(counts)
        self._hashes = array("Q", kept)
        self._counts = array("Q", map(counts.__getitem__, kept))
        self._again = sum(self._counts) - len(kept)

    def unite(self, other: "IdSample") -> None:
        """Add what another sample has seen."""
        self.add(zip(other._hashes, other._counts, strict=True), is_whole=other._is_whole)

    @property
    def distinct(self) -> int:
        """Return how many distinct ids were seen; an estimate if there were more than `KEPT`."""
        if self._is_whole:
            return len(self._hashes)
        # The kept hashes but the last are spread evenly below it.
        return round((len(self._hashes) - 1) * _HASHES / max(self._hashes[-1], 1))

    @property
    def repeated(self) -> int:
        """Return how many times an id was seen again; of a sample, scaled up to all ids."""
        return self._again if self._is_whole else round(self._again * self.distinct / len(self._hashes))

    @property
    def one_in(self) -> int:
        """Return of how many ids one is kept; 1 if all are, so that the figures are exact."""
        return 1 if self._is_whole else max(-(-self.distinct // KEPT), 2)
