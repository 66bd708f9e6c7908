"""A lake → the views of it: each computed from the tables as they are, and again only once one of them has changed.

A view is a function of the versions of the tables that it read, of the choices in the address, and of the hour: that a
day is open, and which one it is, depends on the clock. Where all three are the same, the view is, and is kept.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Final, Protocol

from contracts.partitions import day_of, hour_of
from pages.ahead import Ahead
from pages.app import Answer, ListedView
from pages.errors import PagesError
from pages.lake.once import Once
from pages.lake.reader import Lake, LakeReader
from pages.panels import View
from pages.selection import Selection

#: Views that are kept: each is some kilobytes.
KEPT_VIEWS: Final = 500


class ViewModule(Protocol):
    """A module of `pages.views`."""

    ID: str
    TITLE: str
    SENTENCE: str

    def view(self, lake: Lake, selection: Selection) -> View:
        """Return the view for a selection."""
        ...


def listed(modules: Sequence[ViewModule]) -> Sequence[ListedView]:
    """Return the views of modules, as the navigation names them."""
    return [ListedView(id=one.ID, title=one.TITLE, sentence=one.SENTENCE) for one in modules]


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """An answer with the versions that it was computed from."""

    read: Mapping[str, str]
    answer: Answer


@dataclass(frozen=True, kw_only=True)
class LakeViews:
    """The views of a lake; `clock` is asked for the hour alone.

    With `reads_ahead`, who asks for one view has the others computed, too, and the days before read.
    """

    reader: LakeReader
    modules: Sequence[ViewModule]
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    reads_ahead: bool = False
    _last: dict[tuple[str, ...], _Kept] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _ahead: Ahead = field(default_factory=Ahead)
    _computing: Once[tuple[str, ...], _Kept] = field(default_factory=lambda: Once(0, lambda _: 1))

    def listed(self) -> Sequence[ListedView]:
        """Return the views in the order of the navigation."""
        return listed(self.modules)

    def answer(self, view_id: str, query: Mapping[str, str]) -> Answer:
        """Return a view; raise `PagesError`."""
        found = self._answer(view_id, query)
        if self.reads_ahead:
            with suppress(PagesError):  # the catalog is away since a moment ago: the next answer says so
                self._ahead.begin((hour_of(self.clock()), self.reader.current()), self._likely)
        return found

    def _likely(self) -> Iterator[None]:
        # From the end of the navigation: who goes through it from its beginning is met half way, not run after.
        for module in reversed(self.modules):
            with suppress(PagesError):  # who asks for it is told
                self._answer(module.ID, {})
            yield
        yield from self.reader.read_ahead(day_of(self.clock()))

    def _answer(self, view_id: str, query: Mapping[str, str]) -> Answer:
        selection = Selection(query=query, now=hour_of(self.clock()))
        key = (view_id, selection.now.isoformat(), json.dumps(sorted(query.items())))
        kept = self._last.get(key)
        if kept is not None and self.reader.versions_now(kept.read) == kept.read:
            return kept.answer
        # Who asks for the same meanwhile gets this one: it is as new as their question.
        found = self._computing.get(key, lambda: self._computed(key, view_id, selection))
        self._keep(key, found)
        return found.answer

    def _computed(self, key: tuple[str, ...], view_id: str, selection: Selection) -> _Kept:
        lake = self.reader.lake()
        module = next(one for one in self.modules if view_id == one.ID)
        view = replace(module.view(lake, selection), currency=self.reader.settings.currency or "")
        version = hashlib.sha256(json.dumps([*key, sorted(lake.read.items())]).encode()).hexdigest()
        return _Kept(read=dict(lake.read), answer=Answer(view=view, version=version))

    def _keep(self, key: tuple[str, ...], found: _Kept) -> None:
        with self._lock:
            self._last.pop(key, None)
            self._last[key] = found
            while len(self._last) > KEPT_VIEWS:
                del self._last[next(iter(self._last))]
