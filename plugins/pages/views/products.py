"""Products of a week → which sell, and what moved since the week before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from contracts.partitions import DAY, start_of_day
from contracts.tables import DAILY_PRODUCT_STATS
from pages.lake.reader import Lake
from pages.panels import Bar, Bars, Column, Kind, Panel, Table, Trust, Unit, View
from pages.selection import Selection, choice_control, day_control, days_before, days_control
from pages.views.latest import latest_day
from pages.views.notes import nothing
from pages.views.ranking import ranked_bars
from pages.views.settled import state_of
from pages.views.written import holds_until

ID: Final = "products"
TITLE: Final = "Products"
SENTENCE: Final = "What sells, and what moved since the days before."

_MEASURES: Final = {"revenue": "revenue", "purchases": "purchases", "carts": "carts", "views": "views"}
_DAYS: Final = (1, 7, 28)
_ROWS_SHOWN: Final = 100
_MOVED_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True)
class _Product:
    """A product's sums of some days, and a measure of as many days before."""

    product_id: str
    views: int
    carts: int
    purchases: int
    revenue: Any
    now: Any
    before: Any


def view(lake: Lake, selection: Selection) -> View:
    """Return the products of some days."""
    day = selection.day(default=latest_day(lake, DAILY_PRODUCT_STATS, selection))
    days = selection.days(_DAYS, 7)
    by = selection.choice("by", list(_MEASURES), "revenue")
    found = _products(lake, day, days, by)
    return View(
        id=ID,
        title=TITLE,
        sentence=SENTENCE,
        panels=_panels(lake, selection, day, days, by, found),
        as_of=holds_until(lake, DAILY_PRODUCT_STATS, selection, start_of_day(day + DAY)),
        controls=(day_control(day), days_control(days, _DAYS), choice_control("by", "By", by, _MEASURES)),
        currency=lake.settings.currency or "",
    )


def _products(lake: Lake, day: date, days: int, by: str) -> Sequence[_Product]:
    """Return the products of both spans, those with most of the measure first."""
    middle, first = days_before(day, days), days_before(day, 2 * days)
    names = ["day", "product_id", "views", "carts", "purchases", "revenue"]
    found = lake.ask(
        f"""
        SELECT product_id,
               coalesce(sum(views) FILTER (day >= $2), 0)::BIGINT, coalesce(sum(carts) FILTER (day >= $2), 0)::BIGINT,
               coalesce(sum(purchases) FILTER (day >= $2), 0)::BIGINT, coalesce(sum(revenue) FILTER (day >= $2), 0),
               coalesce(sum({by}) FILTER (day >= $2), 0) AS now, coalesce(sum({by}) FILTER (day < $2), 0) AS before
        FROM products WHERE day >= $1 AND day <= $3 GROUP BY product_id ORDER BY now DESC, product_id
        """,  # noqa: S608 (one of four names of columns)
        [first, middle, day],
        products=lake.rows(DAILY_PRODUCT_STATS, names, first, day),
    )
    whole = by != "revenue"
    return [
        _Product(
            product_id=product_id,
            views=views,
            carts=carts,
            purchases=purchases,
            revenue=revenue,
            now=int(now) if whole else now,
            before=int(before) if whole else before,
        )
        for product_id, views, carts, purchases, revenue, now, before in found
    ]


def _panels(lake: Lake, selection: Selection, day: date, days: int, by: str, found: Sequence[_Product]) -> list[Panel]:
    if not found:
        return [nothing(lake, DAILY_PRODUCT_STATS, selection, days_before(day, days), day)]
    trust = state_of(lake, selection, day).trust("Events of the last day")
    unit = Unit.MONEY if by == "revenue" else Unit.COUNT
    span = str(day) if days == 1 else f"{days_before(day, days)} to {day}"
    before = "the day before" if days == 1 else f"the {days} days before"
    return [
        Bars(
            id="top",
            title=f"Most {by}",
            about=f"{span}, beside {before}; with bots.",
            bars=ranked_bars(_by_name(found, "now"), _by_name(found, "before")),
            unit=unit,
            total=sum(product.now for product in found),
            trust=trust,
        ),
        *_moved(found, by, unit, before, trust),
        _table(found, by, before, unit, trust),
    ]


def _by_name(found: Sequence[_Product], which: str) -> Mapping[str, Any]:
    return {product.product_id: getattr(product, which) for product in found if getattr(product, which)}


def _moved(found: Sequence[_Product], by: str, unit: Unit, before: str, trust: Trust) -> Sequence[Panel]:
    def bars(id_: str, title: str, sign: int) -> Bars:
        moved = [product for product in found if (product.now - product.before) * sign > 0]
        moved.sort(key=lambda product: (-(product.now - product.before) * sign, product.product_id))
        return Bars(
            id=id_,
            title=title,
            about=f"The change of {by} since {before}: the {_MOVED_SHOWN} largest of {len(moved)}.",
            bars=[
                Bar(label=product.product_id, value=product.now - product.before, note=_new_or_gone(product))
                for product in moved[:_MOVED_SHOWN]
            ],
            unit=unit,
            trust=trust,
        )

    return [bars("up", "Moved up", 1), bars("down", "Moved down", -1)]


def _new_or_gone(product: _Product) -> str:
    if not product.before:
        return "nothing before"
    return "" if product.now else "nothing now"


def _table(found: Sequence[_Product], by: str, before: str, unit: Unit, trust: Trust) -> Table:
    number = Kind.NUMBER
    return Table(
        id="products",
        title="Products",
        columns=[
            Column(name="product", label="product"),
            Column(name="views", label="views", kind=number),
            Column(name="carts", label="carts", kind=number),
            Column(name="purchases", label="purchases", kind=number),
            Column(name="revenue", label="revenue", kind=number, unit=Unit.MONEY),
            Column(name="before", label=f"{by}, {before}", kind=number, unit=unit),
            Column(name="change", label="change", kind=number, unit=unit),
        ],
        rows=[
            (
                product.product_id,
                product.views,
                product.carts,
                product.purchases,
                product.revenue,
                product.before,
                product.now - product.before,
            )
            for product in found[:_ROWS_SHOWN]
        ],
        cut=max(len(found) - _ROWS_SHOWN, 0),
        filter_label="Products that contain",
        trust=trust,
    )
