"""A panel → CSV in UTF-8 with a header: what is drawn, as rows, so that a person can reckon with it.

Names, ids and referrers are whatever somebody sent. A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a
tab or a carriage return for a formula (owasp.org/www-community/attacks/CSV_Injection): such a text gets an apostrophe
before it. Numbers, which may begin with a minus, are written by this module alone, and stay numbers.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, Final

from pages.panels import Bars, Figures, Flow, Funnel, HeatMap, Link, Note, Panel, Samples, Series, Table

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_of(panel: Panel) -> str:
    """Return a panel as CSV, lines ended by CR LF as RFC 4180 has them."""
    out = StringIO()
    writer = csv.writer(out)
    for row in rows_of(panel):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def rows_of(panel: Panel) -> Iterator[Sequence[Any]]:
    """Yield the header and the rows of a panel."""
    match panel:
        case Table():
            yield [column.label for column in panel.columns]
            yield from panel.rows
        case Series():
            yield [panel.step, *(line.label for line in panel.lines)]
            yield from zip(panel.instants, *(line.values for line in panel.lines), strict=True)
        case Figures():
            yield ["figure", "value", "unit", "before", "what before is", "note"]
            for one in panel.figures:
                yield [one.label, one.value, one.unit.value, one.before, one.before_label, one.note]
        case Bars():
            yield ["name", "value", "before", "note"]
            yield from ([bar.label, bar.value, bar.before, bar.note] for bar in panel.bars)
        case Funnel():
            yield ["step", "users", "median seconds from the step before"]
            yield from ([step.label, step.users, step.median_seconds] for step in panel.steps)
        case HeatMap():
            yield ["cohort", "size", *panel.columns]
            yield from ([row.label, row.size, *row.values] for row in panel.rows)
        case _:
            yield from _words(panel)


def _words(panel: Panel) -> Iterator[Sequence[Any]]:
    match panel:
        case Flow():
            yield ["stage", "what", "count"]
            for stage, missing in zip(panel.stages, (*panel.missing, 0), strict=True):
                yield [stage.label, "in", stage.count]
                yield from ([stage.label, branch.label, branch.count] for branch in stage.branches)
                if missing:
                    yield [stage.label, "missing", missing]
                if stage.other_unit:
                    yield [stage.label, f"then {stage.other_unit}", None]
        case Samples():
            yield ["reason", "field", "received at", "line"]
            for one in panel.samples:
                line = "".join(piece.text for piece in one.pieces)
                yield [one.reason, one.field, one.received_at, line]
        case Note():
            yield ["note", "what to do"]
            yield [panel.sentence, panel.remedy]
        case _:
            raise TypeError(f"a panel of kind {panel.kind!r} has no rows; add it to pages/csv_text.py")


def _cell(value: Any) -> str | int | float | Decimal | None:
    match value:
        case None | bool() | int() | float() | Decimal():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Link():
            return _text(value.text)
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    # Some programs read a cell that begins with blanks without them.
    is_formula = text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)
    return f"'{text}" if is_formula else text
