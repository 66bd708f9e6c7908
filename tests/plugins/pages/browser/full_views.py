"""All views as a shop of some size has them, and the same views with nothing in them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pages.panels import (
    Bars,
    Column,
    Figure,
    Figures,
    Funnel,
    HeatMap,
    Line,
    Link,
    Note,
    Samples,
    Series,
    Step,
    Table,
    Tone,
    View,
)
from tests.plugins.pages.browser.drawn import hours
from tests.plugins.pages.browser.event_views import funnel, paths, products, retention, today
from tests.plugins.pages.browser.pipeline_views import live, rejected, scaling, trust

ALL: Final = (live, today, funnel, paths, retention, products, trust, scaling, rejected)


def full() -> dict[str, View]:
    return {view.id: view for view in (make() for make in ALL)}


def empty() -> dict[str, View]:
    """Return views that say that there is nothing yet, and panels of each kind without anything in them."""
    note = Note(
        id="nothing",
        title="",
        tone=Tone.EMPTY,
        sentence="No event has arrived yet.",
        remedy="Send one: curl -X POST $API/events …; it is here within 20 seconds.",
        link=Link(text="See it arrive", view="live"),
    )
    return {name: replace(view, panels=[note, *_emptied(view)], controls=()) for name, view in full().items()}


def _emptied(view: View) -> Sequence[Figures | Series | Bars | Funnel | HeatMap | Table | Samples]:
    match view.id:
        case "live":
            unknown = Figure(label="Unknown", value=None, before=None)
            return [Figures(id="f", figures=[unknown, Figure(label="Zero", value=0, before=0)], title="Nothing")]
        case "today":
            return [
                Series(id="s", step="hour", instants=[], lines=[], title="Nothing"),
                Bars(id="b", bars=[], title="Nothing"),
            ]
        case "funnel":
            return [
                Funnel(id="f", steps=[], in_order=True, title="Nothing"),
                Funnel(
                    id="g", steps=[Step(label="A", users=0), Step(label="B", users=0)], in_order=True, title="Nothing"
                ),
            ]
        case "retention":
            return [HeatMap(id="h", columns=[], rows=[], title="Nothing")]
        case "trust":
            return [Table(id="t", columns=[Column(name="a", label="A")], rows=[], title="Nothing")]
        case "rejected":
            return [Samples(id="s", samples=[], title="Nothing")]
        case "scaling":
            return [
                Series(
                    id="s", step="hour", instants=hours(1), lines=[Line(label="one", values=[None])], title="Nothing"
                )
            ]
    return []
