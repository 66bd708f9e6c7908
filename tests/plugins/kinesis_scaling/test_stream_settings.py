"""The file of streams: what it means, and what is said of one that cannot be used."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinesis_scaling import stream_settings
from kinesis_scaling.errors import ScalingSettingsError
from kinesis_scaling.scaling_settings import ScheduledFloor, Settings
from kinesis_scaling.stream_settings import Mode, ScaledStream, scaled_streams

FRIDAY = datetime(2026, 11, 27, 6, tzinfo=UTC)
WHOLE_FILE = """
[streams.clickstream-prod-events]
mode = "on"
minimum_shards = 4
maximum_shards = 200
fresh_margin = 2
patience_minutes = 240
ask_every_seconds = 10
run_length_minutes = 30
points_come_within_minutes = 2

[[streams.clickstream-prod-events.floors]]
shards = 40
start = 2026-11-27T06:00:00Z
hours = 18
repeat_days = 7

[streams."other.stream"]
"""


def read(tmp_path: Path, text: str) -> tuple[ScaledStream, ...]:
    path = tmp_path / "scaling.toml"
    path.write_text(text)
    return scaled_streams({"CLICKSTREAM_SCALING": str(path)}, "own")


def test_without_a_file_the_own_stream_is_watched_and_not_changed() -> None:
    assert scaled_streams({}, "own") == (ScaledStream(name="own", mode=Mode.ADVISE, settings=Settings()),)


def test_without_a_file_mode_and_bounds_are_those_of_the_deployed_stack() -> None:
    stack = {
        "CLICKSTREAM_SCALING_MODE": "on",
        "CLICKSTREAM_MINIMUM_SHARDS": "8",
        "CLICKSTREAM_MAXIMUM_SHARDS": "200",
    }
    settings = Settings(minimum_shards=8, maximum_shards=200)
    assert scaled_streams(stack, "own") == (ScaledStream(name="own", mode=Mode.ON, settings=settings),)
    for name, wrong in (("MINIMUM_SHARDS", "few"), ("MINIMUM_SHARDS", "300"), ("SCALING_MODE", "yes")):
        with pytest.raises(ScalingSettingsError, match=f"CLICKSTREAM_{name}.*{wrong}"):
            scaled_streams(stack | {f"CLICKSTREAM_{name}": wrong}, "own")


def test_a_file_names_streams_and_any_of_their_settings(tmp_path: Path) -> None:
    floor = ScheduledFloor(shards=40, start=FRIDAY, duration=timedelta(hours=18), repeat=timedelta(days=7))
    settings = Settings(
        minimum_shards=4, maximum_shards=200, fresh_margin=2.0, patience=timedelta(hours=4), floors=(floor,)
    )
    assert read(tmp_path, WHOLE_FILE) == (
        ScaledStream(
            name="clickstream-prod-events",
            mode=Mode.ON,
            settings=settings,
            ask_every=timedelta(seconds=10),
            run_length=timedelta(minutes=30),
            points_come_within=timedelta(minutes=2),
        ),
        ScaledStream(name="other.stream"),
    )


def test_the_example_in_the_module_is_a_file_that_can_be_used(tmp_path: Path) -> None:
    _, _, example = (stream_settings.__doc__ or "").partition("\n")
    [stream] = read(tmp_path, example)
    assert (stream.mode, stream.settings.floors[0].shards) == (Mode.ON, 40)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("x = ", "is no TOML", id="no-toml"),
        pytest.param("", "must have tables .streams", id="empty"),
        pytest.param("[stream.s]", "at least one, not stream", id="misspelt"),
        pytest.param("streams = 3", "must have tables .streams", id="no-table"),
        pytest.param("[streams]\ns = 3", "stream s: 3 is no table of settings", id="no-settings"),
        pytest.param('[streams.s]\nmode = "ON"', "mode is 'ON'; it must be one of 'off', 'advise', 'on'", id="mode"),
        pytest.param(
            "[streams.s]\nmin_shards = 3", "no setting min_shards; the settings are .*minimum_shards", id="unknown"
        ),
        pytest.param(
            "[streams.s]\npatience = 3", "no setting patience; the settings are .*patience_minutes", id="unit"
        ),
        pytest.param(
            "[streams.s]\nminimum_shards = 1.5", "minimum_shards is 1.5; it must be a whole number", id="part"
        ),
        pytest.param("[streams.s]\nfresh_margin = true", "fresh_margin is True; it must be a number", id="bool"),
        pytest.param("[streams.s]\nfresh_margin = nan", "fresh_margin is nan; it must be a number", id="nan"),
        pytest.param("[streams.s]\npatience_minutes = -1", "patience_minutes is -1; it must be", id="negative"),
        pytest.param("[streams.s]\nminimum_shards = 0", r"minimum_shards \(0\) and maximum_shards", id="bound"),
        pytest.param("[streams.s]\nask_every_seconds = 0", "ask_every_seconds is 0; it must be at least 1", id="hot"),
        pytest.param("[streams.s]\nrun_length_minutes = 0", "run_length_minutes is 0, shorter", id="run"),
        pytest.param("[streams.s]\nfloors = 40", "floors is 40; write each as a table", id="floor-no-table"),
        pytest.param("[[streams.s.floors]]\nshards = 4", "a floor has shards; it needs shards, start and", id="floor"),
        pytest.param(
            "[[streams.s.floors]]\nshards = 4\nstart = 'soon'\nhours = 1", "start is 'soon'; it must be a", id="start"
        ),
        pytest.param(
            "[[streams.s.floors]]\nshards = 4\nstart = 2026-11-27T06:00:00\nhours = 1", "has no time zone", id="zone"
        ),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ScalingSettingsError, match=f"scaling.toml.*{message}"):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScalingSettingsError, match=r"CLICKSTREAM_SCALING names .*gone.toml, which cannot be read: No"):
        scaled_streams({"CLICKSTREAM_SCALING": str(tmp_path / "gone.toml")}, "own")


@given(
    mode=st.sampled_from(Mode),
    minimum=st.integers(1, 50),
    margin=st.floats(1.8, 9),
    seconds=st.integers(1, 900),
    floors=st.lists(st.integers(1, 100), max_size=3),
)
def test_a_stream_goes_through_text_unchanged(
    mode: Mode, minimum: int, margin: float, seconds: int, floors: list[int]
) -> None:
    stream = ScaledStream(
        name="any name",
        mode=mode,
        settings=Settings(
            minimum_shards=minimum,
            fresh_margin=margin,
            settling_time=timedelta(seconds=seconds),
            floors=tuple(ScheduledFloor(shards=n, start=FRIDAY, duration=timedelta(hours=n)) for n in floors),
        ),
        ask_every=timedelta(seconds=seconds),
    )
    assert ScaledStream.from_text(stream.to_text()) == stream


def test_every_setting_can_be_written_in_the_file() -> None:
    assert {field.type for field in fields(Settings)} <= {int, float, timedelta, tuple[ScheduledFloor, ...]}
