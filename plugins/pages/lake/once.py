"""Two memories of what is expensive: who asks first has it computed, who asks meanwhile waits for that, others get it.

The keys of `Once` name what never changes (a file, a version), so nothing is ever out of date; what was used longest
ago goes first. `Believed` is for what changes: it is asked again after some seconds.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from pages.errors import PagesError

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """Values by key, of at most so much size together; a single one that is larger is given, and not kept."""

    def __init__(self, most: int, size_of: Callable[[Value], int]) -> None:
        self._most = most
        self._size_of = size_of
        self._lock = Lock()
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._begun: dict[Key, Future[Value]] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Return the size of all that is kept."""
        return self._size

    def get(self, key: Key, compute: Callable[[], Value]) -> Value:
        """Return the value of a key, which is computed unless it is kept; raise what `compute` raises."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            begun = self._begun.get(key)
            mine: Future[Value] | None = None
            if begun is None:
                begun = mine = self._begun[key] = Future()
        if mine is None:
            return begun.result()
        try:
            value = compute()
        except BaseException as error:
            with self._lock:
                del self._begun[key]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._begun[key]
            self._keep(key, value)
        mine.set_result(value)
        return value

    def _keep(self, key: Key, value: Value) -> None:
        size = self._size_of(value)
        if size > self._most:
            return
        self._kept[key] = (value, size)
        self._size += size
        while self._size > self._most:
            _, (_, freed) = self._kept.popitem(last=False)
            self._size -= freed


class Believed(Generic[Value]):
    """An answer that is believed for some seconds, as `clock` counts them; an error that it was, likewise.

    People who wait must not pile up before something that is away.
    """

    def __init__(self, ask: Callable[[], Value], seconds: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._until = float("-inf")
        self._said: Value | PagesError

    def now(self) -> Value:
        """Return the answer; raise the `PagesError` that it was. Who comes while it is asked waits for the same."""
        with self._lock:
            if self._clock() >= self._until:
                try:
                    self._said = self._ask()
                except PagesError as error:
                    self._said = error
                self._until = self._clock() + self._seconds
            said = self._said
        if isinstance(said, PagesError):
            raise type(said)(said.sentence, said.remedy)
        return said
