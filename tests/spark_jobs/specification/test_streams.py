"""The jobs make of generated streams exactly the rows that the specification says, in every table."""

from dataclasses import replace

import pytest

from contracts.event_settings import EventSettings
from contracts.tables import USER_DAYS
from spark_jobs.lake.lake import Lake
from tests.spark_jobs.specification.comparison import UNSPECIFIED, specified_columns, specified_tables, stored_rows
from tests.spark_jobs.specification.packed_run import drawn_streams, run_packed

pytestmark = pytest.mark.spark

#: A thousand of them: `python -m tests.proofs.thousand_streams`.
STREAMS = 25


def test_no_row_of_any_table_differs_from_the_specification(lake_with_tables: Lake) -> None:
    run = run_packed(lake_with_tables, drawn_streams(STREAMS, number=2026))
    assert run.streams == STREAMS
    assert run.differences == []


@pytest.mark.slow
def test_no_row_differs_in_a_shop_that_has_named_its_currency(lake: Lake) -> None:
    shop = replace(lake, events=EventSettings(currency="EUR"))
    assert run_packed(shop, drawn_streams(STREAMS // 2, number=978)).differences == []


@pytest.mark.slow
def test_no_row_differs_where_ids_are_per_site(lake: Lake) -> None:
    """Users of the streams come to two sites and to none, with the same ids."""
    shop = replace(lake, events=EventSettings(ids_per_site=True))
    assert run_packed(shop, drawn_streams(STREAMS // 2, number=2027)).differences == []
    assert {row["site"] for row in stored_rows(lake, USER_DAYS)} == {None, "pixel-0", "pixel-1"}


def test_the_specification_has_every_column_of_its_tables() -> None:
    for table in specified_tables():
        columns = {column.name for column in table.columns}
        assert columns - UNSPECIFIED.get(table.name, frozenset()) == specified_columns(table)
