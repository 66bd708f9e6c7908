"""A day that is cut into parts is what one task makes of it, row by row and figure by figure; and how days are cut."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.event import FUNNEL_EVENTS
from contracts.partitions import DAY, day_number, hour_of, ordinal
from contracts.rules import EVENTS_OF_A_TASK
from contracts.tables import CLEAN_EVENTS, SESSIONS
from contracts.tables.daily import SESSION_START
from spark_jobs.checks.id_samples import repeated_ids
from spark_jobs.daily import cut_days
from spark_jobs.daily.computed_days import day_figures
from spark_jobs.daily.cut_days import CutDay, DaySurvey, buckets_over, day_cut, is_large, told_apart
from spark_jobs.daily.daily_tables import DayFigures, transition_rows
from spark_jobs.daily.day_task import DAY_TABLES, TRANSITIONS, DayTask, day_batches
from spark_jobs.lake import duckdb_tasks
from spark_jobs.lake.data_files import written_files
from spark_jobs.lake.duckdb_tasks import BATCH_ROWS, StoredFiles, TaskResults, TaskShare
from spark_jobs.lake.table_files import StoredFile
from spark_jobs.lake.user_keys import UserKeys
from tests.spark_jobs.daily.clean_rows import CleanEvent, at, clean_table
from tests.spark_jobs.exchanged import Exchange
from tests.spark_jobs.hourly.test_hour_task import content, target

MONDAY = date(2026, 11, 23)
SUNDAY, TUESDAY = MONDAY - DAY, MONDAY + DAY
SHARE = TaskShare(threads=1, megabytes=512)

#: A few users at few times, so that many of their events are ties, or lie half an hour apart, or around a midnight.
EVENT = st.builds(
    CleanEvent,
    event_time=st.integers(0, 287).map(lambda step: at(SUNDAY, "00:00:00") + step * timedelta(minutes=15)),
    user_id=st.sampled_from(["ann", "bob", "eve", "dan", "zoë"]),
    click_id=st.sampled_from(["1", "2", "3"]),
    anonymous_id=st.sampled_from(["phone", "bob", None]),
    event_name=st.sampled_from([*FUNNEL_EVENTS, *FUNNEL_EVENTS, *(f"custom {n}" for n in range(22)), SESSION_START]),
    pixel_id=st.sampled_from(["shop", "blog", None]),
    page_url=st.sampled_from(["https://shop.example/", None]),
    referrer=st.sampled_from(["https://search.example/", "https://shop.example/", None]),
    utm_source=st.sampled_from([None, None, "mail", "direct"]),
    utm_medium=st.sampled_from([None, "email"]),
    product_id=st.sampled_from(["p", "q", "r", None]),
    price=st.sampled_from([None, Decimal("0.10"), Decimal("2.50")]),
    currency=st.sampled_from([None, "EUR", "USD"]),
    is_bot=st.booleans(),
)


def stored(events: Sequence[CleanEvent], directory: Path) -> StoredFiles:
    """Write the events as job 2 would, several files for some hours; return the files of each day."""
    to = target(str(directory), CLEAN_EVENTS)
    by_hour = defaultdict(list)
    for number, event in enumerate(events):
        by_hour[hour_of(event.event_time), number % 2].append(event)
    files = defaultdict(list)
    for (hour, _), own in by_hour.items():
        rows = clean_table(own).append_column("bot_reasons", pa.array([[]] * len(own), pa.list_(pa.string())))
        for file in written_files([rows.sort_by([(name, "ascending") for name in CLEAN_EVENTS.sort])], to):
            read = StoredFile(location=file.location, rows=file.rows, partition=(str(ordinal(hour)),))
            files[day_number(hour.date())].append(read)
    return files


def day_task(directory: str, *, currency: str | None, per_site: bool) -> DayTask:
    return DayTask(
        batches=(),
        targets={table: target(directory, table) for table in DAY_TABLES},
        users=UserKeys(per_site=per_site),
        currency=currency,
        share=SHARE,
    )


def whole(task: DayTask, files: StoredFiles, directory: Path) -> TaskResults:
    exchange = Exchange(directory)
    in_one = replace(task, batches=tuple(day_batches([day_number(MONDAY)], files, cores=1)))
    for number in range(len(in_one.batches)):
        exchange.take(in_one.results(number))
    return exchange.results()


def in_parts(task: DayTask, files: StoredFiles, directory: Path, cores: int) -> TaskResults:
    """Run the steps of Monday as Spark would."""
    cut = day_cut(day_number(MONDAY), files, cores=cores)
    looks = Exchange(directory)
    survey = DaySurvey(cut=cut, task=task, share=SHARE)
    for number in range(survey.looks):
        looks.take(survey.look(number))
    looks.run(survey.steps())
    found = looks.results()
    names, buckets = told_apart(found), buckets_over(found)
    day = CutDay(
        cut=cut, task=task, names=names, buckets=buckets, read_share=SHARE, part_share=SHARE, totals_share=SHARE
    )
    exchange = Exchange(directory)
    for number in range(day.reads):
        exchange.take(day.dealt(number))
    exchange.run(day.steps())
    return exchange.results()


def rows_by_table(results: TaskResults) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """Return the rows of all files; a file's are in its table's order."""
    found = {"transitions": sorted(transition_rows(results.rows(TRANSITIONS)))}
    for table in DAY_TABLES:
        files = [content(file.location) for file in results.files_of(table.name)]
        for rows in files:
            keys = [tuple(row[name] for name in table.sort) for row in rows]
            assert keys == sorted(keys), table.name
        found[table.name] = sorted((tuple(row.values()) for rows in files for row in rows), key=repr)
    return found


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(EVENT, max_size=80),
    cores=st.integers(1, 3),
    currency=st.sampled_from([None, "EUR"]),
    per_site=st.booleans(),
)
def test_parts_of_a_day_add_up_to_the_day(
    events: list[CleanEvent], cores: int, currency: str | None, per_site: bool
) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut_days, "EVENTS_OF_A_TASK", 10)
        patch.setattr(cut_days, "SMALLEST_BATCH", 1)
        patch.setattr(duckdb_tasks, "PARTS_ADDED_UP", 2)
        files = stored(events, Path(directory))
        if not files.get(day_number(MONDAY)):
            return
        task = day_task(directory, currency=currency, per_site=per_site)
        expected = whole(task, files, Path(directory))
        made = in_parts(task, files, Path(directory), cores)
        assert rows_by_table(made) == rows_by_table(expected)
        assert day_figures(made) == day_figures(expected)
        figures = day_figures(made).get(MONDAY, DayFigures())
        mondays = Counter(event.click_id for event in events if event.event_time.date() == MONDAY)
        repeated = sum(times for times in mondays.values() if times > 1)
        assert repeated_ids(figures.ids, [], figures.events).value == repeated / mondays.total()


def test_a_machine_that_never_pauses_is_in_every_part_what_it_is_in_the_whole(tmp_path: Path) -> None:
    """Its sessions are cut at midnight, which only its events of all of the day before can say."""
    first = at(SUNDAY, "00:00:00")
    machine = [CleanEvent(event_time=first + n * timedelta(minutes=20), click_id=str(n)) for n in range(3 * 72)]
    visitors = [CleanEvent(event_time=at(MONDAY, "12:00:00"), user_id=f"user {n}") for n in range(50)]
    files, task = stored([*machine, *visitors], tmp_path), day_task(str(tmp_path), currency=None, per_site=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut_days, "EVENTS_OF_A_TASK", 40)
        made = in_parts(task, files, tmp_path, cores=1)
    assert rows_by_table(made) == rows_by_table(whole(task, files, tmp_path))
    (session,) = (row for row in rows_by_table(made)[SESSIONS.name] if "ann" in row)
    assert session[:2] == (at(MONDAY, "00:00:00"), at(MONDAY, "23:40:00"))


def test_the_first_of_events_at_one_time_keeps_its_page_wherever_its_file_has_it(tmp_path: Path) -> None:
    noon = at(MONDAY, "12:00:00")
    later = CleanEvent(event_time=noon, received_at=noon + timedelta(minutes=1), page_url="https://shop.example/later")
    first = CleanEvent(event_time=noon, click_id="d", page_url="https://shop.example/first")
    of_other_file = CleanEvent(event_time=noon, user_id="bob")
    files, task = (
        stored([later, of_other_file, first], tmp_path),
        day_task(str(tmp_path), currency=None, per_site=False),
    )
    (session,) = (row for row in rows_by_table(in_parts(task, files, tmp_path, cores=1))[SESSIONS.name] if "ann" in row)
    assert "https://shop.example/first" in session


def test_a_day_without_a_name_to_tell_apart_has_transitions_all_the_same(tmp_path: Path) -> None:
    events = [CleanEvent(event_time=at(MONDAY, "12:00:00"), event_name=SESSION_START)]
    files, task = stored(events, tmp_path), day_task(str(tmp_path), currency=None, per_site=False)
    made = in_parts(task, files, tmp_path, cores=1)
    assert rows_by_table(made) == rows_by_table(whole(task, files, tmp_path))
    assert rows_by_table(made)["transitions"]


FEW = StoredFile(location="few", rows=EVENTS_OF_A_TASK // 20)


def test_a_day_is_large_by_its_own_events() -> None:
    assert not is_large(10, {9: [FEW] * 40, 10: [FEW] * 20, 11: [FEW] * 40})
    assert is_large(10, {10: [FEW] * 21})


@pytest.mark.parametrize("cores", [1, 64, 1000])
@pytest.mark.parametrize("files_of_hour", [1, 20])
def test_every_file_is_read_once_and_no_task_takes_more_than_it_may(files_of_hour: int, cores: int) -> None:
    files = {
        day: [
            replace(FEW, location=f"{hour} {number}", partition=(str(hour),))
            for hour in range(24 * day, 24 * (day + 1))
            for number in range(files_of_hour)
        ]
        for day in (8, 9, 10, 11)
    }
    cut = day_cut(10, files, cores=cores)
    assert [file for read in cut.reads for file in read] == files[10]
    assert [file for read in cut.reads_beside for file in read] == [*files[9], *files[11]]
    assert [file for read in cut.near for file in read] == [*files[9][-files_of_hour:], *files[11][:files_of_hour]]
    reads = (*cut.reads, *cut.reads_beside, *cut.near)
    assert all(len(read) * FEW.rows <= 1.5 * BATCH_ROWS for read in reads)
    rows = 24 * files_of_hour * FEW.rows
    assert rows / cut.parts <= EVENTS_OF_A_TASK
    assert cut.parts == -(-rows // EVENTS_OF_A_TASK) or cut.parts <= cores, "only idle cores are a reason for more"
    assert 16 * (cut.totals - 1) < cut.parts <= 16 * cut.totals
