"""What a view shows, as data: a `View` is a list of panels, and a panel is one of a few kinds.

A view is computed in Python and drawn in the browser. What travels between the two is declared here and nowhere else:
a new view is a Python module that returns panels, and needs no line of JavaScript; a new kind of panel is a class here
and a function in `static/panels/`. The daily report draws the same panels, and a table of any panel is its CSV.

Numbers are exact: counts are integers, money is a decimal that travels as text, shares and seconds are floats, and
what is not known is null, which the browser draws as a dash and never as 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

Number = int | float | Decimal | None


class Unit(StrEnum):
    """What a number counts, and so how it is written."""

    COUNT = "count"
    PERCENT = "percent"  # a share of 1: 0.031 is written 3.1 %
    MONEY = "money"  # in the shop's currency
    DOLLARS = "dollars"  # what AWS bills
    SECONDS = "seconds"  # a duration
    RATE = "rate"  # events a second


class Kind(StrEnum):
    """What a column of a table holds."""

    TEXT = "text"
    NUMBER = "number"  # by the column's unit
    TIME = "time"  # an instant, shown in UTC or local time
    HOUR = "hour"  # an hour, likewise
    DAY = "day"  # a day is a UTC day in either
    VERDICT = "verdict"  # "accepted" or the reason of a rejection
    STATE = "state"  # "ok", "warning" or "broken", with a word for who sees no colour
    LINK = "link"  # a `Link`


class Tone(StrEnum):
    """How urgent a note is."""

    EMPTY = "empty"  # there is nothing to show; the remedy says what to do to see something
    INFO = "info"
    WARNING = "warning"
    BROKEN = "broken"  # something cannot be read or does not add up


@dataclass(frozen=True, kw_only=True)
class Link:
    """A place to go to: another view (`view` and its query) or a page of Airflow (a path below its root)."""

    text: str
    view: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    airflow: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Why a number can be trusted: a sentence, and whether it is `settled`, `provisional` or `broken`."""

    state: str
    sentence: str
    link: Link | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Something with a heading; `about` says in a sentence what it counts, and `trust` why that is right."""

    kind: ClassVar[str]
    id: str  # unique in its view, part of the address of its CSV
    title: str
    about: str = ""
    trust: Trust | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number, beside what it was before (e.g. on the same day a week ago)."""

    label: str
    value: Number
    unit: Unit = Unit.COUNT
    before: Number = None
    before_label: str = ""
    #: Whether more is better (True), worse (False) or neither (None): the colour of the change.
    more_is_better: bool | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Figures(Panel):
    """Numbers side by side."""

    kind: ClassVar[str] = "figures"
    figures: Sequence[Figure]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line or bar series of a chart: a value for each of the chart's instants."""

    label: str
    values: Sequence[Number]
    unit: Unit = Unit.COUNT
    dashed: bool = False  # what it was before, a plan, or a bound
    bad: bool = False  # rejections, throttling
    stepped: bool = False  # each value holds until the next, as a number of shards does


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that happened at an instant of a chart, with its reason."""

    at: datetime
    label: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Series(Panel):
    """Lines over time; `step` is "minute", "hour" or "day". Instants from `provisional_from` on are not settled."""

    kind: ClassVar[str] = "series"
    step: str
    instants: Sequence[datetime]
    lines: Sequence[Line]
    stacked: bool = False
    provisional_from: datetime | None = None
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A row of a ranking; `rest` marks "all others", without which the rows do not add up."""

    label: str
    value: Number
    before: Number = None
    note: str = ""
    link: Link | None = None
    rest: bool = False


@dataclass(frozen=True, kw_only=True)
class Bars(Panel):
    """A ranking, the largest first; `total` is what the bars add up to, where they do."""

    kind: ClassVar[str] = "bars"
    bars: Sequence[Bar]
    unit: Unit = Unit.COUNT
    total: Number = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a funnel."""

    label: str
    users: int
    median_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Funnel(Panel):
    """Steps with who reached them; the browser reckons the shares and what dropped off."""

    kind: ClassVar[str] = "funnel"
    steps: Sequence[Step]
    in_order: bool


@dataclass(frozen=True, kw_only=True)
class HeatRow:
    """A row of a heat map: a cohort with its size, and a share for each column (null: not yet known)."""

    label: str
    size: int
    values: Sequence[Number]


@dataclass(frozen=True, kw_only=True)
class HeatMap(Panel):
    """Rows × columns of one unit."""

    kind: ClassVar[str] = "heatmap"
    columns: Sequence[str]
    rows: Sequence[HeatRow]
    unit: Unit = Unit.PERCENT


@dataclass(frozen=True, kw_only=True)
class Branch:
    """What leaves a flow at a stage, e.g. the lines that were rejected for one reason."""

    label: str
    count: int
    bad: bool = False
    link: Link | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of a flow: what comes in, and the branches that leave before the next one.

    `other_unit` says how the next stage counts where it counts something else: between the two nothing can balance.
    """

    label: str
    count: int
    branches: Sequence[Branch] = ()
    other_unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Flow(Panel):
    """A ledger as a flow: each stage's count less its branches is the next one's, or `missing` says by how much not."""

    kind: ClassVar[str] = "flow"
    stages: Sequence[Stage]

    @property
    def missing(self) -> tuple[int, ...]:
        """Return for each stage but the last what its branches and the next one lack (0: balanced, or another unit)."""
        return tuple(
            0 if stage.other_unit else stage.count - sum(branch.count for branch in stage.branches) - after.count
            for stage, after in zip(self.stages, self.stages[1:], strict=False)
        )


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    unit: Unit = Unit.COUNT


@dataclass(frozen=True, kw_only=True)
class Table(Panel):
    """Rows, a cell for each column; `shaded` names the rows (by index) that something is wrong with.

    `filter_label` offers a box over the table that shows only the rows which contain a text; `cut` says how many rows
    there are beyond those that are shown.
    """

    kind: ClassVar[str] = "table"
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    shaded: Sequence[int] = ()
    filter_label: str = ""
    cut: int = 0


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Part of a shown line: `marked` is the offending field, `masked` stands in the place of a value."""

    text: str
    marked: bool = False
    masked: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A line that was rejected, in pieces, and why."""

    reason: str
    field: str | None
    received_at: datetime
    pieces: Sequence[Piece]


@dataclass(frozen=True, kw_only=True)
class Samples(Panel):
    """Rejected lines with the offending field marked and other values masked."""

    kind: ClassVar[str] = "samples"
    samples: Sequence[Sample]


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A run of a DAG that the person may start from the page, by their own right in Airflow; `conf` fills its form.

    Offer only what is safe to start by a click: a run that changes nothing before a person has approved it.
    """

    text: str
    dag: str
    conf: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Note(Panel):
    """A sentence in the place of a picture: nothing there yet, or something is wrong; `remedy` says what to do."""

    kind: ClassVar[str] = "note"
    tone: Tone
    sentence: str
    remedy: str = ""
    link: Link | None = None
    offer: Offer | None = None


@dataclass(frozen=True, kw_only=True)
class Option:
    """A value that a control may take."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Control:
    """A choice of the person who looks, kept in the address under `name`, so that a link shows the same.

    `kind` is "choice" (one of `options`), "toggle" ("on" or "off"), "day" (a date), "steps" (several of `options`, in
    their order, comma-separated) or "text".
    """

    name: str
    label: str
    kind: str
    value: str
    options: Sequence[Option] = ()
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class View:
    """A whole view, as the browser gets it. `refresh_seconds` is how often it changes (0: only by choice).

    `provisional` is true for what is not settled yet: the browser frames it so that it cannot be taken for the rest.
    """

    id: str
    title: str
    sentence: str
    panels: Sequence[Panel]
    as_of: datetime
    controls: Sequence[Control] = ()
    refresh_seconds: int = 0
    provisional: bool = False
    currency: str = ""


def to_json(value: Any) -> Any:
    """Return a view, or a part of one, as what `json.dumps` takes; a panel also has its `kind`.

    Decimals become text, so that no digit is lost, instants end in Z, and a number that JSON has not is refused.
    """
    if is_dataclass(value) and not isinstance(value, type):
        members = {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
        if isinstance(value, Panel):
            members["kind"] = value.kind
        if isinstance(value, Flow):
            members["missing"] = list(value.missing)
        return members
    if isinstance(value, Mapping):
        return {str(name): to_json(member) for name, member in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | Decimal):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [to_json(member) for member in value]
    return value
