"""Numbers by name → a ranking that adds up: the largest, and one bar for all others."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pages.panels import Bar, Link

#: Beyond so many, names are one bar.
SHOWN: Final = 12


def ranked_bars(
    now: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    *,
    shown: int = SHOWN,
    link: Callable[[str], Link] | None = None,
    label: Callable[[str], str] = str,
) -> list[Bar]:
    """Return the bars of the largest numbers, and of the rest together: they add up to all numbers of `now`.

    Of `before`, names that `now` has not belong to the rest. A single name is never the rest.
    """
    ranked = sorted(now, key=lambda name: (-now[name], name))
    if len(ranked) == shown + 1:
        shown += 1
    first, rest = ranked[:shown], ranked[shown:]
    bars = [
        Bar(
            label=label(name),
            value=now[name],
            before=before.get(name, 0) if before else None,
            link=link(name) if link else None,
        )
        for name in first
    ]
    if rest:
        others = sum(value for name, value in before.items() if name not in first) if before else None
        bars.append(Bar(label=f"{len(rest)} others", value=sum(now[name] for name in rest), before=others, rest=True))
    return bars
