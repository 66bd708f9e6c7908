"""Views of the pipeline itself: what arrives, what was rejected, where each line went, and the stream."""

from datetime import timedelta
from decimal import Decimal

from pages.panels import (
    Bar,
    Bars,
    Branch,
    Column,
    Control,
    Figure,
    Figures,
    Flow,
    Kind,
    Line,
    Link,
    Mark,
    Note,
    Offer,
    Piece,
    Sample,
    Samples,
    Series,
    Stage,
    Table,
    Tone,
    Unit,
    View,
)
from tests.plugins.pages.browser.drawn import BROKEN, DAY, DAY_CONTROL, NAMES, NOW, hours, wave


def live() -> View:
    minutes = [NOW.replace(minute=0, second=0) - timedelta(minutes=22) + timedelta(minutes=at) for at in range(60)]
    lines = [
        Line(label=name, values=wave(60, 900 / (place + 1), shift=place * 3, period=60))
        for place, name in enumerate(NAMES)
    ]
    rows = [
        [
            NOW - timedelta(seconds=at * 2),
            NAMES[at % 5],
            f"user-{at % 17}",
            f"c-{at:06d}",
            "203.0.113.0",
            "accepted" if at % 9 else "price_is_negative",
        ]
        for at in range(40)
    ]
    return View(
        id="live",
        title="Live",
        sentence="The last 60 minutes by when lines arrived, judged by the rules of the hourly tables.",
        as_of=NOW,
        refresh_seconds=5,
        provisional=True,
        currency="EUR",
        panels=[
            Figures(
                id="now",
                title="This minute",
                figures=[
                    Figure(label="Events a minute", value=2_318, before=2_101, before_label="the minute before"),
                    Figure(label="Users", value=412),
                    Figure(label="Purchases", value=31),
                    Figure(label="Revenue", value=Decimal("2871.40"), unit=Unit.MONEY),
                    Figure(
                        label="Rejected",
                        value=0.0031,
                        unit=Unit.PERCENT,
                        before=0.0012,
                        before_label="an hour ago",
                        more_is_better=False,
                    ),
                    Figure(label="Behind", value=4.2, unit=Unit.SECONDS, note="from event to this page"),
                ],
            ),
            Series(
                id="minutes",
                title="Events per minute",
                about="By minute of arrival and event name.",
                step="minute",
                instants=minutes,
                lines=lines,
                stacked=True,
                provisional_from=minutes[-3],
            ),
            Series(
                id="rejections",
                title="Rejections per minute",
                step="minute",
                instants=minutes,
                lines=[Line(label="rejected", values=[at % 7 for at in range(60)], bad=True)],
            ),
            Bars(
                id="reasons",
                title="Why lines were rejected",
                bars=[
                    Bar(
                        label="price_is_negative",
                        value=121,
                        link=Link(text="price_is_negative", view="rejected", query={"reason": "price_is_negative"}),
                    ),
                    Bar(label="event_time_is_missing", value=48),
                    Bar(label="all others", value=9, rest=True),
                ],
                total=178,
            ),
            Table(
                id="lines",
                title="The last lines",
                about="Addresses are truncated.",
                filter_label="User or click id",
                cut=12,
                columns=[
                    Column(name="at", label="Received", kind=Kind.TIME),
                    Column(name="name", label="Event"),
                    Column(name="user", label="User"),
                    Column(name="click", label="Click id"),
                    Column(name="ip", label="Address"),
                    Column(name="verdict", label="Verdict", kind=Kind.VERDICT),
                ],
                rows=rows,
                shaded=[at for at in range(40) if at % 9 == 0],
            ),
        ],
    )


def trust() -> View:
    stages = [
        Stage(label="Records in the stream", count=60_412, other_unit="6.84 lines for each record"),
        Stage(label="Lines arrived", count=413_220, branches=[Branch(label="on their way", count=313)]),
        Stage(
            label="Received",
            count=412_907,
            branches=[
                Branch(label="copies", count=12_904),
                Branch(label="rejected", count=1_202, bad=True, link=Link(text="rejected", view="rejected")),
                Branch(label="late", count=670),
            ],
        ),
        Stage(label="Clean", count=398_114, branches=[Branch(label="bots", count=24_301)]),
        Stage(label="In the figures", count=373_813),
    ]
    run = Link(text="run", airflow="dags/transform_events/runs/scheduled__2026-11-27T09%3A00")
    rows = [
        [
            at,
            30_000 + hour,
            29_100 + hour,
            900 - (17 if hour == 9 else 0),
            ("ok", "warning", "broken")[(hour == 9) + (hour == 9)] if hour != 5 else "warning",
            run,
        ]
        for hour, at in enumerate(hours(15))
    ]
    return View(
        id="trust",
        title="Trust",
        sentence="Where every line of the day went.",
        as_of=NOW,
        controls=[DAY_CONTROL],
        panels=[
            Flow(
                id="ledger",
                title="The ledger of the day",
                about="From the API to the figures: each line is in one place.",
                stages=stages,
                trust=BROKEN,
            ),
            Table(
                id="hours",
                title="Hour by hour",
                shaded=[9],
                columns=[
                    Column(name="hour", label="Landing hour", kind=Kind.HOUR),
                    Column(name="received", label="Received", kind=Kind.NUMBER),
                    Column(name="clean", label="Clean", kind=Kind.NUMBER),
                    Column(name="left", label="Left out", kind=Kind.NUMBER),
                    Column(name="state", label="Balance", kind=Kind.STATE),
                    Column(name="run", label="Written by", kind=Kind.LINK),
                ],
                rows=rows,
            ),
            Note(
                id="checks",
                title="Data checks",
                tone=Tone.INFO,
                sentence="All 23 checks of the day held.",
                remedy="",
                link=Link(text="Their table", view="trust"),
            ),
            Note(
                id="extra",
                title="New keys",
                tone=Tone.WARNING,
                sentence="The key “coupon” came in 3 % of events for the first time.",
                remedy="Add it to the contract if it is meant: docs/schema-change.md.",
            ),
        ],
    )


def scaling() -> View:
    at = hours(48, DAY - timedelta(days=1))
    demand = [Decimal(one) / 10 for one in wave(48, 16_000)]
    return View(
        id="scaling",
        title="Scaling",
        sentence="What the stream was asked for, and what it had.",
        as_of=NOW,
        panels=[
            Figures(
                id="cost",
                title="Today",
                figures=[
                    Figure(label="Shards", value=3, before=2, before_label="this morning"),
                    Figure(label="Calls left today", value=7, note="of 10 that AWS allows"),
                    Figure(
                        label="Cost",
                        value=Decimal("1.0350"),
                        unit=Unit.DOLLARS,
                        before=Decimal("2.16"),
                        before_label="with fixed shards",
                        more_is_better=False,
                    ),
                    Figure(label="On demand", value=Decimal("9.8412"), unit=Unit.DOLLARS),
                    Figure(label="Throttled", value=0.00004, unit=Unit.PERCENT),
                ],
            ),
            Series(
                id="demand",
                title="Demand and capacity",
                step="hour",
                instants=at,
                lines=[
                    Line(label="Demand", values=demand, unit=Unit.RATE),
                    Line(
                        label="Capacity",
                        values=[1_000 * (2 if hour < 30 else 3) for hour in range(48)],
                        unit=Unit.RATE,
                        dashed=True,
                    ),
                    Line(
                        label="Throttled",
                        values=[40 if hour in (29, 30) else 0 for hour in range(48)],
                        unit=Unit.RATE,
                        bad=True,
                    ),
                ],
                marks=[
                    Mark(at=at[6], label="kept 2 shards", detail="61 % of capacity in the last 10 minutes"),
                    Mark(
                        at=at[30],
                        label="2 → 3 shards",
                        detail="demand grew by 9 % a minute: 2 shards would last 7 minutes",
                    ),
                ],
            ),
            Table(
                id="decisions",
                title="Decisions",
                columns=[
                    Column(name="at", label="At", kind=Kind.TIME),
                    Column(name="from", label="From", kind=Kind.NUMBER),
                    Column(name="to", label="To", kind=Kind.NUMBER),
                    Column(name="reason", label="Reason"),
                ],
                rows=[[at[30], 2, 3, "demand grew by 9 % a minute"], [at[6], 2, None, "61 % of capacity"]],
            ),
        ],
    )


def rejected() -> View:
    pieces = [
        Piece(text='{"event_name": '),
        Piece(text='"•••"', masked=True),
        Piece(text=', "price": '),
        Piece(text="-12.50", marked=True),
        Piece(text=', "user_id": '),
        Piece(text='"•••••"', masked=True),
        Piece(text="}"),
    ]
    return View(
        id="rejected",
        title="Rejected",
        sentence="Lines that break the contract, kept byte for byte until they can be replayed.",
        as_of=NOW,
        controls=[DAY_CONTROL, Control(name="find", label="Find", kind="text", value="", hint="A user or a click id.")],
        panels=[
            Series(
                id="reasons",
                title="Reasons over time",
                step="hour",
                instants=hours(15),
                stacked=True,
                lines=[
                    Line(label="price_is_negative", values=wave(15, 60), bad=False),
                    Line(label="event_time_is_missing", values=wave(15, 20)),
                    Line(label="not_json", values=wave(15, 9)),
                ],
            ),
            Samples(
                id="samples",
                title="Samples",
                samples=[
                    Sample(
                        reason="price_is_negative",
                        field="price",
                        received_at=NOW - timedelta(minutes=at),
                        pieces=pieces,
                    )
                    for at in range(3)
                ],
            ),
            Note(
                id="replay",
                title="Replay",
                tone=Tone.INFO,
                sentence="1,202 lines wait to be replayed.",
                remedy="When the rule or the tracker is mended, replay them: first an estimate, then you approve it.",
                link=Link(text="Open the replay", airflow="dags/replay_rejected/trigger"),
                offer=Offer(text="Count them, and ask", dag="replay_rejected", conf={"from": "2026-11-27T08"}),
            ),
        ],
    )
