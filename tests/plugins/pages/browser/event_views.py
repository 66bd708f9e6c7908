"""Views of the shop's figures: what visitors do, and what is sold."""

import math
from datetime import timedelta
from decimal import Decimal

from pages.panels import (
    Bar,
    Bars,
    Column,
    Control,
    Figure,
    Figures,
    Funnel,
    HeatMap,
    HeatRow,
    Kind,
    Line,
    Link,
    Option,
    Series,
    Step,
    Table,
    Unit,
    View,
)
from tests.plugins.pages.browser.drawn import (
    BOTS,
    DAY,
    DAY_CONTROL,
    NAMES,
    NOW,
    PROVISIONAL,
    SETTLED,
    hours,
    wave,
)


def today() -> View:
    now, before = wave(24, 16_000), wave(24, 14_300, shift=0.6)
    return View(
        id="today",
        title="Today",
        sentence="Friday beside the same day last week.",
        as_of=NOW,
        currency="EUR",
        refresh_seconds=60,
        controls=[
            DAY_CONTROL,
            BOTS,
            Control(
                name="by",
                label="Events by",
                kind="choice",
                value="name",
                options=[
                    Option(value="name", label="Name"),
                    Option(value="source", label="Source"),
                    Option(value="country", label="Country"),
                ],
            ),
        ],
        panels=[
            Figures(
                id="totals",
                title="The day so far",
                trust=PROVISIONAL,
                figures=[
                    Figure(
                        label="Visitors", value=48_213, before=44_871, before_label="last Friday", more_is_better=True
                    ),
                    Figure(
                        label="Sessions", value=61_902, before=59_012, before_label="last Friday", more_is_better=True
                    ),
                    Figure(
                        label="Revenue",
                        value=Decimal("184223.50"),
                        unit=Unit.MONEY,
                        before=Decimal("191004.10"),
                        before_label="last Friday",
                        more_is_better=True,
                    ),
                    Figure(
                        label="Conversion",
                        value=0.0312,
                        unit=Unit.PERCENT,
                        before=0.0299,
                        before_label="last Friday",
                        more_is_better=True,
                    ),
                    Figure(
                        label="Average order",
                        value=Decimal("95.40"),
                        unit=Unit.MONEY,
                        before=None,
                        note="no order last Friday",
                    ),
                    Figure(label="Bots", value=0.061, unit=Unit.PERCENT, before=0.058, before_label="last Friday"),
                ],
            ),
            Series(
                id="hours",
                title="Events per hour",
                about="All accepted events by the hour in which they happened.",
                step="hour",
                instants=hours(24),
                trust=SETTLED,
                provisional_from=hours(24)[14],
                lines=[
                    Line(label="27 Nov", values=[*now[:15], *[None] * 9]),
                    Line(label="20 Nov", values=before, dashed=True),
                ],
            ),
            Series(
                id="revenue",
                title="Revenue per hour",
                step="hour",
                instants=hours(24),
                lines=[
                    Line(label="Revenue", values=[Decimal(one) / 7 for one in now], unit=Unit.MONEY),
                    Line(
                        label="Conversion", values=[0.03 + 0.004 * math.sin(at) for at in range(24)], unit=Unit.PERCENT
                    ),
                ],
            ),
            Bars(
                id="sources",
                title="Sources",
                about="Sessions by what brought them.",
                bars=[
                    Bar(label="google / cpc", value=20_113, before=18_230),
                    Bar(label="direct", value=15_702, before=16_903),
                    Bar(label="newsletter-2026-11", value=9_331, before=None, note="new since Monday"),
                    Bar(label="facebook / social", value=4_018, before=4_018),
                    Bar(label="all others", value=12_738, before=13_001, rest=True),
                ],
                total=61_902,
            ),
            Bars(
                id="revenue-by-source",
                title="Revenue by source",
                unit=Unit.MONEY,
                bars=[
                    Bar(label="google / cpc", value=Decimal("81230.10")),
                    Bar(label="direct", value=Decimal("61002.40")),
                    Bar(label="all others", value=Decimal("41991.00"), rest=True),
                ],
                total=Decimal("184223.50"),
            ),
        ],
    )


def funnel() -> View:
    options = [Option(value=name, label=name.replace("_", " ")) for name in NAMES]
    return View(
        id="funnel",
        title="Funnel",
        sentence="Users who did one step after the other within the day.",
        as_of=NOW,
        controls=[
            DAY_CONTROL,
            Control(
                name="order",
                label="Order",
                kind="choice",
                value="in_order",
                options=[Option(value="in_order", label="In order"), Option(value="any", label="Any order")],
            ),
            Control(
                name="steps",
                label="Steps",
                kind="steps",
                value="Page_View,View_Product,Add_To_Cart,Purchase",
                options=options,
            ),
        ],
        panels=[
            Funnel(
                id="steps",
                title="From page to purchase",
                about="Each user counts once, without bots.",
                in_order=True,
                trust=SETTLED,
                steps=[
                    Step(label="Page View", users=48_213),
                    Step(label="View Product", users=30_117, median_seconds=48.0),
                    Step(label="Add To Cart", users=9_203, median_seconds=192.0),
                    Step(label="Purchase", users=1_504, median_seconds=5_430.0),
                ],
            ),
            Series(
                id="days",
                title="Conversion per day",
                step="day",
                instants=[DAY - timedelta(days=29 - at) for at in range(30)],
                lines=[
                    Line(
                        label="Page View → Purchase",
                        values=[0.03 + 0.005 * math.sin(at / 3) for at in range(30)],
                        unit=Unit.PERCENT,
                    )
                ],
            ),
        ],
    )


def paths() -> View:
    rows = [
        [first, then, 4_000 // (at + 1), 0.4 / (at + 1)]
        for at, (first, then) in enumerate((one, two) for one in NAMES for two in (*NAMES[:3], "leaves", "all others"))
    ]
    return View(
        id="paths",
        title="Paths",
        sentence="What sessions do next.",
        as_of=NOW,
        controls=[
            DAY_CONTROL,
            Control(
                name="event",
                label="After",
                kind="choice",
                value="start",
                options=[Option(value=name, label=name) for name in ("start", *NAMES)],
            ),
        ],
        panels=[
            Bars(
                id="next",
                title="After the start",
                trust=SETTLED,
                bars=[
                    Bar(
                        label=name,
                        value=30_000 // (at + 1),
                        before=28_000 // (at + 1),
                        link=Link(text=name, view="paths", query={"event": name}),
                    )
                    for at, name in enumerate(NAMES)
                ]
                + [Bar(label="all others", value=2_110, rest=True)],
                total=70_610,
            ),
            Bars(
                id="ends",
                title="Where sessions end",
                bars=[Bar(label=name, value=12_000 // (at + 1)) for at, name in enumerate(NAMES)],
            ),
            Table(
                id="transitions",
                title="All transitions",
                columns=[
                    Column(name="from", label="From"),
                    Column(name="to", label="To"),
                    Column(name="sessions", label="Sessions", kind=Kind.NUMBER),
                    Column(name="share", label="Share of from", kind=Kind.NUMBER, unit=Unit.PERCENT),
                ],
                rows=rows,
            ),
        ],
    )


def retention() -> View:
    rows = [
        HeatRow(
            label=f"{21 + 7 * week - (30 if week > 1 else 0)} {'Sep' if week < 2 else 'Oct'}",
            size=5_210 + 131 * week,
            values=[1.0, *(0.42 / (at**0.7) if at < 9 - week else None for at in range(1, 9))],
        )
        for week in range(8)
    ]
    return View(
        id="retention",
        title="Retention",
        sentence="Of the users who came first in a week, the share that came again.",
        as_of=NOW,
        panels=[
            HeatMap(
                id="weeks",
                title="By week of the first visit",
                columns=[f"Week {at}" for at in range(9)],
                rows=rows,
                trust=SETTLED,
            )
        ],
    )


def products() -> View:
    return View(
        id="products",
        title="Products",
        sentence="What sold, and what moved since last week.",
        as_of=NOW,
        currency="EUR",
        controls=[DAY_CONTROL],
        panels=[
            Bars(
                id="risen",
                title="Risen",
                bars=[Bar(label=f"SKU-{1000 + at}", value=900 - 90 * at, before=500 - 70 * at) for at in range(6)],
            ),
            Bars(
                id="fallen",
                title="Fallen",
                bars=[Bar(label=f"SKU-{2000 + at}", value=300 - 30 * at, before=900 - 80 * at) for at in range(6)],
            ),
            Table(
                id="products",
                title="All products",
                filter_label="Product",
                cut=4_812,
                trust=SETTLED,
                columns=[
                    Column(name="product", label="Product"),
                    Column(name="views", label="Views", kind=Kind.NUMBER),
                    Column(name="carts", label="Into the cart", kind=Kind.NUMBER),
                    Column(name="sold", label="Sold", kind=Kind.NUMBER),
                    Column(name="rate", label="Bought of viewed", kind=Kind.NUMBER, unit=Unit.PERCENT),
                    Column(name="revenue", label="Revenue", kind=Kind.NUMBER, unit=Unit.MONEY),
                ],
                rows=[
                    [
                        f"SKU-{1000 + at}",
                        9_000 - 200 * at,
                        800 - 18 * at,
                        120 - 3 * at,
                        0.0133 + at / 9_000,
                        Decimal(1_203_450 - 31_001 * at) / 100,
                    ]
                    for at in range(30)
                ],
            ),
        ],
    )
