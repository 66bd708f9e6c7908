"""History is written as Firehose would have, and its manifest is what an independent judge counts."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from contracts.partitions import hour_key
from contracts.rejections import FORMER_REASONS, RejectionReason
from simulator.errors import BadArgumentError
from simulator.raw.history import HistorySettings, SliceWriter, slice_plans, write_history
from simulator.world.defects import DEFAULT_SHARES, REASONS, Channel, Defect, DefectShares
from simulator.world.manifest import Manifest, Tally, manifest_of
from simulator.world.shop import World
from simulator.world.traffic import Shape
from storage.directory import DirectoryStore
from tests.simulator.judge import Recount
from tests.simulator.raw_reader import raw_lines, raw_objects, tree_digest

_START = datetime(2026, 11, 20, 22, tzinfo=UTC)
_NAME = re.compile(
    r"landing_date=\d{4}-\d\d-\d\d/landing_hour=\d\d/"
    r"clickstream-local-raw-1-(\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\.gz"
)


def _settings(raw: Path) -> HistorySettings:
    return HistorySettings(
        raw_uri=str(raw),
        start=_START,
        end=_START + timedelta(hours=3),
        delivery_stream="clickstream-local-raw",
        events=6_000,
        shares=replace(DEFAULT_SHARES, malformed=0.05, duplicates=0.05, late=0.03, too_late=0.02, from_the_future=0.02),
        processes=1,
    )


def _write(settings: HistorySettings) -> Manifest:
    tally = Tally()
    for part in write_history(settings, slice_plans(settings)):
        tally.merge(part)
    return manifest_of(tally)


def test_the_manifest_is_what_an_independent_judge_counts_in_the_objects(tmp_path: Path) -> None:
    manifest = _write(_settings(tmp_path))
    recount, landed = Recount(), Counter[str]()
    for hour, line in raw_lines(tmp_path):
        recount.take(line)
        landed[hour] += 1
    assert manifest.lines == recount.lines == manifest.received + sum(manifest.rejected.values())
    assert manifest.rejected == dict(recount.rejected)
    assert manifest.received == manifest.clean + manifest.duplicates
    assert {key: hour.clean for key, hour in manifest.event_hours.items()} == recount.clean_by_hour()
    assert {key: hour.duplicates for key, hour in manifest.event_hours.items() if hour.duplicates} == recount.duplicates
    assert manifest.by_name == dict(Counter(name for name, _ in recount.seen.values()))
    assert Decimal(manifest.revenue) == recount.revenue() > 0
    assert Decimal(manifest.refunded) == recount.refunded() > 0
    assert Decimal(manifest.refunded) == sum(Decimal(hour.refunded) for hour in manifest.event_hours.values())
    assert {key: hour.lines for key, hour in manifest.landing_hours.items()} == landed
    assert manifest.objects == len(raw_objects(tmp_path))


def test_every_reason_that_a_raw_line_can_have_is_made(tmp_path: Path) -> None:
    settings = replace(_settings(tmp_path), events=4_000, shares=DefectShares(malformed=0.9))
    manifest = _write(settings)
    assert set(manifest.rejected) == {reason.value for reason in REASONS[Channel.RAW]}
    not_by_a_line_alone = {
        RejectionReason.TOO_LATE,
        RejectionReason.FROM_THE_FUTURE,
        RejectionReason.UNREADABLE_OBJECT,
        RejectionReason.ERASED_USER,
        *FORMER_REASONS,
    }
    assert set(RejectionReason) == set(REASONS[Channel.RAW]) | not_by_a_line_alone


def test_all_events_land_within_the_hours_asked_for_and_are_as_many_as_asked_for(tmp_path: Path) -> None:
    manifest = _write(_settings(tmp_path))
    assert manifest.lines == 6_000 + manifest.defects[Defect.DUPLICATE]
    assert list(manifest.landing_hours) == ["2026-11-20T22", "2026-11-20T23", "2026-11-21T00"]


def test_objects_lie_and_are_named_as_firehose_leaves_them(tmp_path: Path) -> None:
    _write(_settings(tmp_path))
    for path in raw_objects(tmp_path):
        match = _NAME.fullmatch(path.relative_to(tmp_path).as_posix())
        assert match is not None, path
        received = [json.loads(line)["received_at"] for line in _sound_lines(path)]
        oldest = datetime.fromtimestamp(min(received) / 1_000, UTC)
        assert abs(datetime.strptime(match[1], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC) - oldest) < timedelta(
            seconds=60
        )
        assert hour_key(oldest) == path.parent.parent.name[-10:] + "T" + path.parent.name[-2:]


def _sound_lines(path: Path) -> list[bytes]:
    """Return the lines whose envelope can be read."""
    import gzip

    lines = gzip.decompress(path.read_bytes()).splitlines()
    return [line for line in lines if re.match(rb'\{"received_at": ?\d+,.*"additional_data".*\}\}$', line)]


def test_the_same_settings_write_the_same_bytes_under_the_same_names_in_any_number_of_processes(tmp_path: Path) -> None:
    digests = []
    for name, processes in (("one", 1), ("again", 1), ("two", 2)):
        settings = replace(_settings(tmp_path / name), events=60_000 if name == "two" else 6_000, processes=processes)
        _write(settings)
        digests.append(tree_digest(tmp_path / name))
    _write(replace(_settings(tmp_path / "large"), events=60_000, processes=1))
    assert digests[0] == digests[1]
    assert digests[2] == tree_digest(tmp_path / "large")


def test_writing_twice_into_one_place_changes_nothing(tmp_path: Path) -> None:
    _write(_settings(tmp_path))
    before = tree_digest(tmp_path)
    _write(_settings(tmp_path))
    assert tree_digest(tmp_path) == before


def test_other_settings_add_objects_and_replace_none(tmp_path: Path) -> None:
    _write(_settings(tmp_path))
    before = raw_objects(tmp_path)
    _write(replace(_settings(tmp_path), events=5_000))
    after = raw_objects(tmp_path)
    assert set(before) < set(after)
    assert len(after) == 2 * len(before)


def test_objects_are_cut_at_the_size_asked_for(tmp_path: Path) -> None:
    settings = replace(_settings(tmp_path), events=20_000, object_bytes=300_000, shares=DefectShares())
    manifest = _write(settings)
    sizes = [len(b"\n".join(_sound_lines(path))) for path in raw_objects(tmp_path)]
    assert manifest.objects == len(sizes) > 20
    # A chunk of 512 lines is the unit in which objects grow.
    assert max(sizes) < 300_000 + 512 * 800


def test_unreadable_objects_come_on_top_of_the_lines(tmp_path: Path) -> None:
    import gzip

    plain = _write(_settings(tmp_path / "plain"))
    manifest = _write(replace(_settings(tmp_path / "cut"), unreadable_objects=4))
    assert manifest.unreadable_objects == 4
    assert (manifest.lines, manifest.clean) == (plain.lines, plain.clean)
    assert [hour.unreadable_objects for hour in manifest.landing_hours.values()] == [2, 1, 1]
    damaged = 0
    for path in raw_objects(tmp_path / "cut"):
        try:
            gzip.decompress(path.read_bytes())
        except EOFError:
            damaged += 1
    assert damaged == 4


def test_a_rate_is_the_mean_over_a_day_of_the_wave(tmp_path: Path) -> None:
    settings = replace(_settings(tmp_path), end=_START + timedelta(days=1), events=None, rate=2.0)
    assert sum(sum(plan.events) for plan in slice_plans(settings)) == 2 * 86_400


def test_a_spike_shows_in_the_middle_of_the_range(tmp_path: Path) -> None:
    settings = replace(_settings(tmp_path), shape=Shape.SPIKE, events=19_000)
    per_minute = [count for plan in slice_plans(settings) for count in plan.events]
    assert sum(per_minute) == 19_000
    assert max(per_minute[:80]) * 9 < max(per_minute[85:95])


def test_busy_hours_are_cut_into_small_slices_and_quiet_ones_are_not(tmp_path: Path) -> None:
    busy = slice_plans(replace(_settings(tmp_path), events=100_000_000))
    quiet = slice_plans(_settings(tmp_path))
    assert (len(busy), len(quiet)) == (180, 12)
    assert sum(sum(plan.events) for plan in busy) == 100_000_000


def test_a_slice_is_a_function_of_its_plan(tmp_path: Path) -> None:
    plan = slice_plans(_settings(tmp_path))[5]
    tallies = [
        SliceWriter(plan, World(1), DirectoryStore(directory=tmp_path / name)).write() for name in ("first", "second")
    ]
    assert tallies[0] == tallies[1]
    assert tree_digest(tmp_path / "first") == tree_digest(tmp_path / "second")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": _START}, "--from 2026-11-20T22 is not before --to 2026-11-20T22"),
        ({"events": None}, "either --rate"),
        ({"rate": 5.0}, "either --rate"),
        ({"events": None, "rate": 0.0}, "--rate 0 is not above 0"),
        ({"events": 0}, "--events 0 is not at least 1"),
    ],
)
def test_settings_without_sense_are_refused_with_the_value(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(BadArgumentError, match=re.escape(message)):
        replace(_settings(tmp_path), **change)  # type: ignore[arg-type]
