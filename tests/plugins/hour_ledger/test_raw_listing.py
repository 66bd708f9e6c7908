"""A listing gives each landing hour its objects, for one hour as for many days."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from contracts.versions import RawObject
from hour_ledger.raw_listing import list_landing_hours, survey

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PREFIX = "raw/landing_date=2026-11-22/landing_hour=10/"


@pytest.fixture
def s3() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()
    client.close()


def answer(*keys: str) -> dict[str, Any]:
    return {"Contents": [{"Key": key, "ETag": '"e1"', "Size": 5} for key in keys], "IsTruncated": False}


def test_one_hour_is_one_listing_of_its_prefix(s3: tuple[Any, Stubber]) -> None:
    client, stubber = s3
    stubber.add_response("list_objects_v2", answer(f"{PREFIX}a.gz"), {"Bucket": "lake", "Prefix": PREFIX})

    assert list_landing_hours("s3://lake/raw", TEN, TEN + HOUR, client) == {
        TEN: [RawObject(key=f"{PREFIX}a.gz", etag="e1", size=5)]
    }


def test_an_hour_without_objects_is_not_in_the_listing(s3: tuple[Any, Stubber]) -> None:
    client, stubber = s3
    stubber.add_response("list_objects_v2", {"IsTruncated": False}, {"Bucket": "lake", "Prefix": PREFIX})

    assert list_landing_hours("s3://lake/raw", TEN, TEN + HOUR, client) == {}


def test_a_long_range_is_listed_day_by_day_and_cut_to_its_hours(s3: tuple[Any, Stubber]) -> None:
    client, stubber = s3
    inside, outside = f"{PREFIX}a.gz", "raw/landing_date=2026-11-22/landing_hour=20/b.gz"
    marker, stray = PREFIX, "raw/landing_date=2026-11-22/note.txt"
    stubber.add_response(
        "list_objects_v2",
        answer(inside, outside, marker, stray),
        {"Bucket": "lake", "Prefix": "raw/landing_date=2026-11-22/"},
    )

    assert list(list_landing_hours("s3://lake/raw", TEN - 9 * HOUR, TEN + HOUR, client)) == [TEN]


def test_folders_are_surveyed_without_listing_what_lies_in_other_days(s3: tuple[Any, Stubber]) -> None:
    client, stubber = s3
    folders = ["raw/landing_date=2026-11-21/", "raw/landing_date=2026-11-22/"]
    top = {**answer("raw/", "raw/README"), "CommonPrefixes": [{"Prefix": folder} for folder in folders]}
    stubber.add_response("list_objects_v2", top, {"Bucket": "lake", "Prefix": "raw/", "Delimiter": "/"})
    day = {"CommonPrefixes": [{"Prefix": PREFIX}], "IsTruncated": False}
    stubber.add_response("list_objects_v2", day, {"Bucket": "lake", "Prefix": folders[1], "Delimiter": "/"})
    stubber.add_response("list_objects_v2", answer(f"{PREFIX}a.gz"), {"Bucket": "lake", "Prefix": PREFIX})

    found = survey("s3://lake/raw", TEN, TEN + HOUR, client)

    assert (found.is_empty, found.strays, found.stray_count) == (False, ("raw/README",), 1)
