"""A panel's CSV has what is drawn, and no cell that a spreadsheet would run."""

import csv
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages import panels
from pages.csv_text import csv_of
from pages.panels import (
    Bar,
    Bars,
    Branch,
    Column,
    Figure,
    Figures,
    Flow,
    Funnel,
    HeatMap,
    HeatRow,
    Line,
    Link,
    Note,
    Panel,
    Piece,
    Sample,
    Samples,
    Series,
    Stage,
    Step,
    Table,
    Tone,
)

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
NAME = Column(name="name", label="name")

PANELS = [
    Table(
        id="p",
        title="",
        columns=[NAME, NAME],
        rows=[[Link(text="@x"), Decimal("-1.50")], [date(2026, 11, 27), None]],
    ),
    Series(id="p", title="", step="hour", instants=[NOON], lines=[Line(label="=a", values=[-3])]),
    Figures(id="p", title="", figures=[Figure(label="a", value=0.5, before=None)]),
    Bars(id="p", title="", bars=[Bar(label="-a", value=1)]),
    Funnel(id="p", title="", steps=[Step(label="+a", users=1)], in_order=True),
    HeatMap(id="p", title="", columns=["day 0"], rows=[HeatRow(label="a", size=2, values=[0.5])]),
    Flow(
        id="p",
        title="",
        stages=[
            Stage(label="records", count=2, other_unit="1.5 lines for each record"),
            Stage(label="a", count=3, branches=[Branch(label="b", count=1)]),
            Stage(label="c", count=1),
        ],
    ),
    Samples(
        id="p",
        title="",
        samples=[Sample(reason="r", field=None, received_at=NOON, pieces=[Piece(text="="), Piece(text="x")])],
    ),
    Note(id="p", title="", tone=Tone.INFO, sentence="s", remedy="r"),
]


def rows(panel: Panel) -> list[list[str]]:
    return list(csv.reader(StringIO(csv_of(panel))))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.kind)
def test_every_kind_of_panel_has_a_header_and_rows(panel: Panel) -> None:
    found = rows(panel)
    assert len(found) >= 2
    assert len({len(row) for row in found}) == 1


def test_no_kind_of_panel_was_forgotten() -> None:
    kinds = {each for each in vars(panels).values() if isinstance(each, type) and issubclass(each, Panel)} - {Panel}
    assert kinds == {type(panel) for panel in PANELS}


def test_numbers_stay_numbers_and_what_is_not_known_is_empty() -> None:
    assert rows(PANELS[0])[1:] == [["'@x", "-1.50"], ["2026-11-27", ""]]
    assert rows(PANELS[1]) == [["hour", "'=a"], ["2026-11-27T12:00:00Z", "-3"]]


def test_what_a_flow_lacks_is_a_row() -> None:
    assert rows(PANELS[6])[1:] == [
        ["records", "in", "2"],
        ["records", "then 1.5 lines for each record", ""],
        ["a", "in", "3"],
        ["a", "b", "1"],
        ["a", "missing", "1"],
        ["c", "in", "1"],
    ]


HOSTILE = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ['=HYPERLINK("http://a","b")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", '"=1', ",=1"]
    ),
)


@given(name=HOSTILE)
def test_no_text_becomes_a_formula_and_none_gets_lost(name: str) -> None:
    table = Table(id="p", title="", columns=[NAME], rows=[[name]])
    text = csv_of(table)
    ((_,), (cell,)) = csv.reader(StringIO(text, newline=""))
    assert cell in (name, f"'{name}")
    assert not re.match(r"[\s]*[=+\-@]", cell)
    assert not cell.startswith(("\t", "\r"))
