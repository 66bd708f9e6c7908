"""Rules of the table of decisions: a row for each decision, whoever writes it twice, and one commit for a write."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import CommitTableResponse
from pyiceberg.types import StringType

from contracts.names import LakeLocation
from contracts.tables import SCALING_DECISIONS, Column, Table
from kinesis_scaling.decisions import store as store_module
from kinesis_scaling.decisions.record import DecisionRecord, Outcome
from kinesis_scaling.decisions.store import DecisionStore, open_decision_store
from kinesis_scaling.errors import DecisionStoreError
from tests.plugins.kinesis_scaling.decisions.records import TEN, record

HOUR = timedelta(hours=1)
TABLE = ("lake", "scaling_decisions")


class InterruptedCatalog(SqlCatalog):
    """A catalog in which something happens just before, or just after, a commit is made."""

    before: Callable[[], None] = staticmethod(lambda: None)
    after: Callable[[], None] = staticmethod(lambda: None)

    def commit_table(self, *given: Any, **named: Any) -> CommitTableResponse:
        self.before()
        answer = super().commit_table(*given, **named)
        self.after()
        return answer


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InterruptedCatalog]:
    monkeypatch.setattr(store_module, "FIRST_WAIT_SECONDS", 0.0)
    catalog = InterruptedCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri())
    yield catalog
    catalog.engine.dispose()


def opened(catalog: SqlCatalog) -> DecisionStore:
    return DecisionStore(catalog=catalog, database="lake")


def rows(catalog: SqlCatalog) -> list[DecisionRecord]:
    return opened(catalog).read(None, TEN - 1000 * HOUR, TEN + 1000 * HOUR)


def without(name: str) -> Table:
    """Return the declaration of the table as it was before a column came."""
    columns = tuple(column for column in SCALING_DECISIONS.columns if column.name != name)
    return replace(SCALING_DECISIONS, columns=columns)


def test_a_record_has_the_columns_that_are_declared() -> None:
    declared = {column.name: column.nullable for column in SCALING_DECISIONS.columns}
    assert {field.name: field.default is None for field in fields(DecisionRecord)} == declared


def test_what_is_written_comes_back_in_the_order_of_time(catalog: InterruptedCatalog) -> None:
    later = record(TEN + HOUR, outcome=Outcome.REFUSED, outcome_detail="LimitExceededException: no", finished_at=None)
    other = record(TEN, stream_name="others", planned_steps=None, consumer_lag_seconds=12.5)
    opened(catalog).write([later, other, record()])
    assert rows(catalog) == [record(), other, later]
    assert opened(catalog).read("events", TEN, TEN + HOUR) == [record()]
    assert opened(catalog).read("events' or 'a' = 'a", TEN, TEN + HOUR) == []
    assert opened(catalog).decided() == [("events", TEN), ("events", TEN + HOUR), ("others", TEN)]


def test_a_table_that_was_never_made_is_an_empty_one(catalog: InterruptedCatalog) -> None:
    assert rows(catalog) == []
    assert opened(catalog).decided() is None
    opened(catalog).write([])
    assert opened(catalog).decided() is None


def test_a_task_that_is_tried_again_writes_no_second_row_and_commits_nothing(catalog: InterruptedCatalog) -> None:
    opened(catalog).write([record(), record(TEN + HOUR)])
    opened(catalog).write([record(), record(TEN + HOUR)])
    assert rows(catalog) == [record(), record(TEN + HOUR)]
    assert len(catalog.load_table(TABLE).history()) == 1


def test_a_row_becomes_what_the_same_decision_came_to_later_and_its_neighbours_stay(
    catalog: InterruptedCatalog,
) -> None:
    failed = record(outcome=Outcome.FAILED, finished_at=None, resulting_shards=None)
    opened(catalog).write([failed, record(TEN + HOUR)])
    before = catalog.load_table(TABLE).metadata_location
    opened(catalog).write([record(), record(TEN + 2 * HOUR)])
    assert rows(catalog) == [record(TEN + n * HOUR) for n in range(3)]
    assert before in {entry.metadata_file for entry in catalog.load_table(TABLE).metadata.metadata_log[-1:]}


def test_one_decision_given_twice_is_one_row(catalog: InterruptedCatalog) -> None:
    opened(catalog).write([record(times=1), record(times=7)])
    assert [row.times for row in rows(catalog)] == [7]


@pytest.mark.parametrize("first", [True, False], ids=["first row", "later row"])
def test_two_writers_of_one_decision_at_the_same_time_leave_one_row(catalog: InterruptedCatalog, first: bool) -> None:
    """The second commits between the first one's look and its commit; what else it wrote stays."""
    if not first:
        opened(catalog).write([record(TEN - HOUR)])

    def overtake() -> None:
        catalog.before = lambda: None
        opened(catalog).write([record(), record(TEN + HOUR)])

    catalog.before = overtake
    opened(catalog).write([record()])
    assert rows(catalog) == [*([] if first else [record(TEN - HOUR)]), record(), record(TEN + HOUR)]


def test_a_commit_whose_answer_was_lost_is_not_made_twice_and_stays_readable(catalog: InterruptedCatalog) -> None:
    """Glue's client sends a call again, and is told that the table has changed: by itself."""

    def lose() -> None:
        catalog.after = lambda: None
        raise CommitFailedException("the table has changed")

    catalog.after = lose
    opened(catalog).write([record()])
    assert rows(catalog) == [record()]


def test_a_writer_that_is_always_overtaken_gives_up_and_says_so(catalog: InterruptedCatalog) -> None:
    def refuse() -> None:
        raise CommitFailedException("the table has changed")

    catalog.before = refuse
    with pytest.raises(DecisionStoreError, match=r"lake.scaling_decisions: others .* 10 times .* run the task again"):
        opened(catalog).write([record()])


def test_a_column_that_is_declared_and_not_there_is_added_with_its_sentence(
    catalog: InterruptedCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows from before have null in it, and read as before."""
    monkeypatch.setattr(store_module, "SCALING_DECISIONS", without("shard_id"))
    opened(catalog).write([record()])
    monkeypatch.undo()
    assert rows(catalog) == [record()]
    opened(catalog).write([record(TEN + HOUR, shard_id="shardId-000000000007")])
    assert [row.shard_id for row in rows(catalog)] == [None, "shardId-000000000007"]
    added = catalog.load_table(TABLE).schema().find_field("shard_id")
    assert (added.required, added.doc) == (False, SCALING_DECISIONS.column("shard_id").description)


def test_a_column_that_only_the_table_has_is_left_alone(catalog: InterruptedCatalog) -> None:
    """A DAG of yesterday's code writes on, though today's has run already."""
    opened(catalog).write([record()])
    with catalog.load_table(TABLE).update_schema() as schema:
        schema.add_column("since_then", StringType())
    opened(catalog).write([record(times=3), record(TEN + HOUR)])
    assert rows(catalog) == [record(times=3), record(TEN + HOUR)]


def test_a_table_of_other_types_is_refused_by_the_names_of_its_columns(
    catalog: InterruptedCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(catalog).write([record()])
    new = Column(name="needed", type="string", nullable=False, description="Cannot be added.")
    changed = replace(SCALING_DECISIONS.column("times"), type="string")
    other = replace(SCALING_DECISIONS, columns=(*without("times").columns, changed, new))
    monkeypatch.setattr(store_module, "SCALING_DECISIONS", other)
    with pytest.raises(DecisionStoreError, match=r"differs from contracts/tables/scaling.py in times, needed: only"):
        opened(catalog).write([record(TEN + HOUR)])


def test_a_catalog_that_does_not_answer_is_one_sentence_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    lake = LakeLocation(raw_uri="", warehouse_uri="s3://warehouse", database="lake")
    with pytest.raises(DecisionStoreError, match=r"lake.scaling_decisions cannot be reached: .*check the warehouse"):
        open_decision_store(lake).decided()
