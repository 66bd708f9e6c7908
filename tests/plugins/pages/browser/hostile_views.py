"""Views in which every text that somebody outside can choose is an attack, and views of which something is broken."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from itertools import cycle
from typing import Any, Final

from pages.errors import LakeUnreachableError, QueryError
from pages.panels import (
    Bar,
    Bars,
    Column,
    Figure,
    Figures,
    Kind,
    Line,
    Note,
    Series,
    Table,
    Tone,
    Unit,
    View,
)
from tests.plugins.pages.browser.drawn import BROKEN, NOW, hours
from tests.plugins.pages.browser.full_views import full

#: HTML in each place where a careless page would parse it, formulas, other directions, no text at all, and a word that
#: is wider than a telephone.
ATTACKS: Final = (
    "<img src=x onerror=\"window.hit='img'\">",
    "<script>window.hit='script'</script>",
    '"\' autofocus onfocus="window.hit=\'attribute\'" x="',
    "</title></style></textarea><svg onload=\"window.hit='svg'\">",
    "javascript:window.hit='address'",
    '=HYPERLINK("http://example.invalid","open")',
    "+SUM(1+1)|cmd '/c calc'!A0",
    "\u202egnp.exe\u2066",
    "${window.hit='template'}{{7*7}}",
    "W" * 240,
    "\u0000\ufffe\U0001f468\u200d\U0001f469\u200d\U0001f467 &amp; &lt;b&gt;",
)
#: Texts that the product itself chooses.
_OURS: Final = frozenset({"id", "name", "kind", "value", "step", "state", "view", "unit", "tone", "query", "currency"})


def hostile() -> dict[str, View]:
    """Return the full views with an attack in each text."""
    attacks = cycle(ATTACKS)
    return {name: replace(_attacked(view, attacks), id=view.id) for name, view in full().items()}


def _attacked(value: Any, attacks: Any, name: str = "") -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{one.name: _attacked(getattr(value, one.name), attacks, one.name) for one in fields(value)}
        )
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple):
        return [_attacked(one, attacks, name) for one in value]
    if type(value) is str and value and name not in _OURS:
        return next(attacks)
    return value


def broken() -> dict[str, Any]:
    """Return views of which none is as it should be: the lake is away, a choice is wrong, figures do not add up."""

    def away(query: Mapping[str, str]) -> View:
        raise LakeUnreachableError("The catalog does not answer.", "Look whether the local cloud is up.")

    def wrong(query: Mapping[str, str]) -> View:
        raise QueryError("“day” is “x”, which is no day.", "Write it like 2026-11-27.")

    def bug(query: Mapping[str, str]) -> View:
        raise ZeroDivisionError("a secret")

    return {
        **{
            name: replace(view, panels=[replace(panel, trust=BROKEN) for panel in view.panels])
            for name, view in full().items()
        },
        "live": away,
        "today": wrong,
        "funnel": bug,
        "paths": View(id="paths", title="Odd", sentence="", as_of=NOW, currency="XYZ", panels=_odd()),
    }


def _odd() -> Sequence[Any]:
    """Return panels at the edges of what their kinds allow."""
    return [
        Note(id="broken", title="", tone=Tone.BROKEN, sentence="The ledger does not add up.", remedy="Open its run."),
        Figures(
            id="extremes",
            title="Extremes",
            trust=BROKEN,
            figures=[
                Figure(label="large", value=9_007_199_254_740_991, before=0),
                Figure(label="money", value=Decimal("123456789012345678901.10"), unit=Unit.MONEY),
                Figure(label="exponent", value=Decimal("1E+3"), unit=Unit.MONEY),
                Figure(label="small", value=Decimal("0E-8"), unit=Unit.MONEY),
                Figure(label="below", value=Decimal("-0.005"), unit=Unit.DOLLARS),
                Figure(label="unknown", value=None, unit=Unit.SECONDS),
                Figure(label="nearly all", value=0.99996, unit=Unit.PERCENT),
                Figure(label="negative", value=-3, before=2),
            ],
        ),
        Series(
            id="holes",
            title="Holes",
            step="hour",
            instants=hours(4),
            lines=[
                Line(label="a", values=[None, 1, None, 3]),
                Line(label="b", values=[None] * 4),
                Line(label="c", values=[-1, 0, -2, 1], unit=Unit.RATE),
            ],
        ),
        Series(
            id="one",
            title="One instant",
            step="minute",
            instants=hours(1),
            stacked=True,
            lines=[Line(label="a", values=[0])],
        ),
        Series(id="unlabelled", title="", step="day", instants=hours(1), lines=[]),
        Bars(
            id="zeros",
            title="Zeros",
            bars=[Bar(label="nothing", value=0, before=0), Bar(label="less", value=-4, before=None)],
            total=-4,
        ),
        Table(
            id="unknowns",
            title="Unknowns",
            columns=[Column(name=kind.value, label=kind.value, kind=kind) for kind in Kind],
            rows=[[None] * len(Kind), ["?" for _ in Kind]],
            shaded=[1],
        ),
    ]
