"""The declared tables and names hold together, and the generated pages are what they say."""

import re

import pytest

from contracts.names import EnvironmentNames, LakeLocation
from contracts.reference_docs import reference_pages
from contracts.rejections import RejectionReason
from contracts.stages import ALL_TABLES, table_named
from contracts.tables import Table


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_partitions_and_sort_order_name_columns_of_the_table(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert {partition.column for partition in table.partitions} | set(table.sort) <= set(names)
    assert all(not table.column(partition.column).nullable for partition in table.partitions)


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_every_column_is_documented_by_one_sentence(table: Table) -> None:
    for column in table.columns:
        assert re.fullmatch(r"[A-Z`(].*[.]", column.description), column
        assert column.description in reference_pages()["docs/tables.md"]


def test_every_rejection_reason_is_documented() -> None:
    for reason in RejectionReason:
        assert f"| `{reason}` | {reason.sentence} |" in reference_pages()["docs/event.md"]


def test_an_unknown_table_or_column_is_named_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"no table is named 'clicks'.*clean_events"):
        table_named("clicks")
    with pytest.raises(KeyError, match=r"has no column 'colour'.*user_id"):
        table_named("clean_events").column("colour")


@pytest.mark.parametrize("environment", ["", "Prod", "a-b", "1a", "abcdefghijklm"])
def test_an_environment_is_a_short_lower_case_name(environment: str) -> None:
    with pytest.raises(ValueError, match="is not 1–12 lower-case"):
        EnvironmentNames(environment=environment)


def test_bucket_names_are_valid_and_carry_account_and_region() -> None:
    names = EnvironmentNames(environment="abcdefghijkl")
    for bucket in (names.raw_bucket("123456789012", "ap-northeast-1"), names.warehouse_bucket("1", "eu-west-1")):
        assert re.fullmatch(r"[a-z0-9-]{3,63}", bucket)


def test_a_table_has_its_full_name_in_the_catalog() -> None:
    lake = LakeLocation(raw_uri="s3://r/raw", warehouse_uri="s3://w/warehouse", database="clickstream_dev")
    assert lake.table("clean_events") == "glue.clickstream_dev.clean_events"
