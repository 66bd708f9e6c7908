"""What the page shows: one scale for all, no spike lost, what is cut off is said, and why each move was made."""

from datetime import timedelta
from xml.etree import ElementTree as ET

from benchmarks.scaling.picture import LEFT, TOP, WIDTH, Interval, chart, picture
from benchmarks.scaling.report import Row
from benchmarks.scaling.stream_model import Move, StreamModel, simulate
from benchmarks.scaling.traces import Trace
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream_state import StreamState
from tests.benchmarks.scaling.traces import START, trace

SPIKE = trace([1.0] * 1_001 + [8.0] + [1.0] * 1_998)


def doubles_once(state: StreamState) -> Move | None:
    if state.now == START + timedelta(minutes=10):
        return Move(action=Action.UPDATE_SHARD_COUNT, target=8, why="because 1 < 2 & so on")
    return None


def row_of(made: Trace, open_shards: int = 4, policy: str = "ours") -> Row:
    outcome = simulate(made, doubles_once, StreamModel(), open_shards=open_shards)
    return Row(
        policy=policy,
        throttled_share=outcome.throttled_share,
        lost_share=None,
        shard_hours=outcome.shard_hours,
        dollars=1.5,
        update_calls=1,
        splits_and_merges=0,
        reaction_seconds=None,
        capacity=tuple((float(second), float(shards)) for second, shards in outcome.capacity),
        throttled=outcome.throttled,
        outcome=outcome,
    )


def drawn(made: Trace, row: Row, interval: Interval) -> ET.Element:
    return ET.fromstring(chart(made, row, interval, "label"))


def heights(svg: ET.Element, kind: str) -> list[float]:
    """Return how far below the top each point of an area or a line stands."""
    (shape,) = svg.findall(f"*[@class='{kind}']")
    return [float(point.split(",")[1]) - TOP for point in shape.attrib["points"].split()]


def test_a_spike_of_one_interval_is_as_high_as_it_was_though_three_share_a_pixel() -> None:
    svg = drawn(SPIKE, row_of(SPIKE), Interval(first=0, end=3_000, top=10.0, height=100))
    assert min(heights(svg, "demand")) == 20.0


def test_capacity_is_drawn_from_what_was_open_when_the_interval_begins() -> None:
    svg = drawn(SPIKE, row_of(SPIKE), Interval(first=1, end=25, top=10.0, height=100))
    line = heights(svg, "capacity")
    assert (line[0], line[-1]) == (60.0, 20.0)
    changed = next(x for x in range(WIDTH) if line[2 * x + 1] == 20.0)
    # Ordered at 600 s, done 68 s later: 368 of the interval's 7,200 seconds.
    assert changed == int((600 + 68 - 300) / 7_200 * WIDTH)
    later = drawn(SPIKE, row_of(SPIKE), Interval(first=4, end=25, top=10.0, height=100))
    assert set(heights(later, "capacity")) == {20.0}


def test_what_was_throttled_hangs_down_from_the_demand() -> None:
    short = trace([1.0, 6.0, 1.0])
    svg = drawn(short, row_of(short), Interval(first=0, end=3, top=10.0, height=100))
    bars = svg.findall("rect[@class='throttled']")
    assert len(bars) == WIDTH // 3
    assert {(bar.attrib["y"], bar.attrib["height"]) for bar in bars} == {(str(TOP + 40.0), "20.0")}


def test_a_move_is_a_tick_at_its_time_that_says_why() -> None:
    svg = drawn(SPIKE, row_of(SPIKE), Interval(first=0, end=4, top=10.0))
    (tick,) = svg.findall("path[@class='call']")
    assert tick.attrib["d"].startswith(f"M{LEFT + WIDTH / 2} ")
    assert tick.findtext("title") == "2026-03-02 00:10:00 4 → 8: because 1 < 2 & so on"
    assert not drawn(SPIKE, row_of(SPIKE), Interval(first=4, end=9, top=10.0)).findall("path[@class='call']")


def test_capacity_above_the_top_is_cut_off_and_the_chart_says_so() -> None:
    cut = drawn(SPIKE, row_of(SPIKE), Interval(first=0, end=9, top=5.0))
    assert min(heights(cut, "capacity")) == 0.0
    assert "cut off: capacity up to 8 shards" in [text.text for text in cut.findall("text")]
    whole = drawn(SPIKE, row_of(SPIKE), Interval(first=0, end=9, top=8.0))
    assert not [text.text for text in whole.findall("text") if "cut off" in str(text.text)]


def test_times_are_marked_in_whole_hours_or_days() -> None:
    def marks(interval: Interval) -> list[str | None]:
        svg = drawn(SPIKE, row_of(SPIKE), interval)
        return [text.text for text in svg.findall("text[@text-anchor='middle']")]

    assert marks(Interval(first=0, end=48, top=9.0)) == [
        "02 Mar",
        "00:30",
        "01:00",
        "01:30",
        "02:00",
        "02:30",
        "03:00",
        "03:30",
    ]
    assert marks(Interval(first=3, end=15, top=9.0)) == [f"00:{minute}" for minute in range(15, 60, 5)] + [
        "01:00",
        "01:05",
        "01:10",
    ]
    assert marks(Interval(first=0, end=3_000, top=9.0)) == [f"{day:02} Mar" for day in range(2, 13)]


def test_all_policies_are_drawn_on_one_scale_with_the_hours_of_the_steepest_rise_below() -> None:
    rows = [row_of(SPIKE, policy=name) for name in ("ours", "a <policy>")]
    page = picture(SPIKE, rows, "| table |", "The worst jump & so on.")
    svgs = ET.fromstring(page.removeprefix("<!doctype html>").replace('<meta charset="utf-8">', "")).iter("svg")
    lowest_demand = {(svg.attrib["aria-label"], min(heights(svg, "demand"))) for svg in svgs}
    whole, worst = 220 * (1 - 8 / 10.4), 130 * (1 - 8 / 10.4)
    assert lowest_demand == {
        (f"{policy}, {what}", round(TOP + height, 1) - TOP)
        for policy in ("ours", "a <policy>")
        for what, height in (("the whole trace", whole), ("around the steepest rise", worst))
    }
    assert "The worst jump &amp; so on." in page
