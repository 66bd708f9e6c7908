"""A shard's write limit: at most 1,000 records and 1 MiB in any second.

AWS does not say where its seconds begin; a rolling window is the strictest reading, so that a client that does well
here does well there.
"""

from collections import deque

RECORDS_PER_SECOND = 1_000
BYTES_PER_SECOND = 2**20


class WriteLimit:
    """Admits or refuses records; what was refused does not count."""

    def __init__(self) -> None:
        self._admitted: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def admit(self, size: int, *, now: float) -> bool:
        """Whether a record of `size` bytes (data and partition key) may be written now; `now` must not go back."""
        while self._admitted and self._admitted[0][0] <= now - 1.0:
            self._bytes -= self._admitted.popleft()[1]
        if len(self._admitted) >= RECORDS_PER_SECOND or self._bytes + size > BYTES_PER_SECOND:
            return False
        self._admitted.append((now, size))
        self._bytes += size
        return True
