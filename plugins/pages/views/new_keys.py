"""A sample of a day's events → the fields in `extra` that no event had a week before: what senders began to send.

No table counts them, so the events themselves are looked at, so many of one hour of each day.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from itertools import islice
from typing import Any, Final

from contracts.tables import CLEAN_EVENTS
from pages.lake.iceberg import DataFile, StoredVersion
from pages.lake.reader import Lake
from pages.panels import Column, Kind, Panel, Table, Unit
from pages.selection import week_before
from pages.views.notes import information

#: Events that are looked at, of each of the two days.
SAMPLED: Final = 20_000
_ROWS_SHOWN: Final = 50
_NAME_SHOWN: Final = 100
_SEPARATOR: Final = "."

Keys = tuple[int, Mapping[str, int]]


def new_keys(lake: Lake, day: date) -> Sequence[Panel]:
    """Return a table of the keys, or a note while they are looked for; nothing before there are events."""
    if not lake.has(CLEAN_EVENTS):
        return ()
    now, before = _keys(lake, day), _keys(lake, week_before(day))
    if now is None or before is None:
        return [information("computing", "Fields in `extra` are being looked for; this page asks again by itself.")]
    sampled, found = now
    if not sampled:
        return ()
    sampled_before, known = before
    rows = sorted(found.items(), key=lambda pair: (pair[0] in known, -pair[1], pair[0]))
    return [
        Table(
            id="extra",
            title="Fields that the contract does not know",
            about=(
                f"Keys of `extra` in {sampled:,} events of {day}, beside {sampled_before:,} of {week_before(day)}; new "
                "ones stand first. docs/schema-change.md says how one becomes a column."
            ),
            columns=[
                Column(name="key", label="field"),
                Column(name="new", label="a week before"),
                Column(name="events", label="events of the sample", kind=Kind.NUMBER),
                Column(name="share", label="share", kind=Kind.NUMBER, unit=Unit.PERCENT),
            ],
            rows=[
                (
                    key if len(key) <= _NAME_SHOWN else f"{key[:_NAME_SHOWN]}…",
                    _then(key, known, sampled_before),
                    events,
                    events / sampled,
                )
                for key, events in rows[:_ROWS_SHOWN]
            ],
            cut=max(len(rows) - _ROWS_SHOWN, 0),
        )
    ]


def _then(key: str, known: Mapping[str, int], sampled: int) -> str:
    if not sampled:
        return "no events then"
    return f"{known[key] / sampled:.1%}" if key in known else "new"


def _keys(lake: Lake, day: date) -> Keys | None:
    """Return how many events were looked at, and in how many each key was; None while they are looked at."""
    files = lake.files(CLEAN_EVENTS, day, day)
    if not files:
        return 0, {}
    # The files' names are the version: a day whose files are the same has the same keys.
    key = ("extra", str(day), *(name for file in files for name in file.name))
    return lake.slowly(key, partial(_looked_at, lake.stored(CLEAN_EVENTS), files))


def _looked_at(stored: StoredVersion, files: Sequence[DataFile]) -> Keys:
    counts: Counter[str] = Counter()
    sampled = 0
    for found in stored.matching(_largest_first(files), ["extra"], limit=SAMPLED):
        for text in found["extra"].to_pylist():
            sampled += 1
            if text is not None:
                counts.update(set(_names(json.loads(text))))
    return sampled, counts


def _largest_first(files: Sequence[DataFile]) -> Sequence[DataFile]:
    return sorted(files, key=lambda file: (-file.rows, file.name))


def _names(extra: Any) -> Sequence[str]:
    """Return the names in an object, those in an object within it with the name of that before them."""
    if not isinstance(extra, dict):
        return ()
    names: list[str] = []
    for name, value in islice(extra.items(), 200):
        inner = islice(value, 200) if isinstance(value, dict) else ()
        names += [f"{name}{_SEPARATOR}{each}" for each in inner] or [name]
    return names
