"""A bucket as a store: what it asks of S3, and what it says of an answer that is an error."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber

from contracts.raw_survey import survey_raw
from contracts.versions import RawObject
from storage import bucket
from storage.bucket import BucketStore
from storage.by_hour import landed_between, landed_objects
from storage.object_store import StorageError

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PREFIX = "raw/landing_date=2026-11-22/landing_hour=10/"
LAKE = BucketStore(bucket="lake", prefix="raw/")


class FakeS3Client:
    """Keeps objects in memory; with `error`, every call fails with it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self._error = error

    def head_bucket(self, **_: str) -> None:
        self._fail()

    def put_object(self, **given: Any) -> None:
        self._fail()
        self.objects[given["Bucket"], given["Key"]] = given["Body"]

    def upload_file(self, file: str, bucket: str, key: str) -> None:
        self._fail()
        self.objects[bucket, key] = Path(file).read_bytes()

    def get_object(self, **_: str) -> None:
        self._fail()

    def _fail(self) -> None:
        if self._error is not None:
            raise self._error


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    monkeypatch.setattr(bucket, "s3_client", lambda: client)
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    client.close()


def fake(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> FakeS3Client:
    client = FakeS3Client(error)
    monkeypatch.setattr(bucket, "s3_client", lambda: client)
    return client


def answer(*keys: str) -> dict[str, Any]:
    return {"Contents": [{"Key": key, "ETag": '"e1"', "Size": 5} for key in keys], "IsTruncated": False}


def test_one_hour_is_one_listing_of_its_prefix(s3: Stubber) -> None:
    s3.add_response("list_objects_v2", answer(f"{PREFIX}a.gz"), {"Bucket": "lake", "Prefix": PREFIX})

    assert landed_between(LAKE, TEN, TEN + HOUR) == {TEN: (RawObject(key=f"{PREFIX}a.gz", etag="e1", size=5),)}


def test_an_hour_without_objects_is_not_in_the_listing_of_a_range(s3: Stubber) -> None:
    s3.add_response("list_objects_v2", {"IsTruncated": False}, {"Bucket": "lake", "Prefix": PREFIX})

    assert landed_between(LAKE, TEN, TEN + HOUR) == {}


def test_a_long_range_is_listed_day_by_day_and_cut_to_its_hours(s3: Stubber) -> None:
    inside, outside = f"{PREFIX}a.gz", "raw/landing_date=2026-11-22/landing_hour=20/b.gz"
    marker, stray = PREFIX, "raw/landing_date=2026-11-22/note.txt"
    s3.add_response(
        "list_objects_v2",
        answer(inside, outside, marker, stray),
        {"Bucket": "lake", "Prefix": "raw/landing_date=2026-11-22/"},
    )

    assert list(landed_between(LAKE, TEN - 9 * HOUR, TEN + HOUR)) == [TEN]


def test_folders_are_surveyed_without_listing_what_lies_in_other_days(s3: Stubber) -> None:
    folders = ["raw/landing_date=2026-11-21/", "raw/landing_date=2026-11-22/"]
    top = {**answer("raw/", "raw/README"), "CommonPrefixes": [{"Prefix": folder} for folder in folders]}
    s3.add_response("list_objects_v2", top, {"Bucket": "lake", "Prefix": "raw/", "Delimiter": "/"})
    day = {"CommonPrefixes": [{"Prefix": PREFIX}], "IsTruncated": False}
    s3.add_response("list_objects_v2", day, {"Bucket": "lake", "Prefix": folders[1], "Delimiter": "/"})
    s3.add_response("list_objects_v2", answer(f"{PREFIX}a.gz"), {"Bucket": "lake", "Prefix": PREFIX})

    found = survey_raw(LAKE, TEN, TEN + HOUR)

    assert (found.is_empty, found.strays, found.stray_count) == (False, ("raw/README",), 1)


def test_a_bucket_gets_objects_under_its_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake(monkeypatch)
    file = tmp_path / "local"
    file.write_bytes(b"two")
    LAKE.put("a/b.gz", b"one")
    BucketStore(bucket="lake", prefix="").move_in("a/c.gz", file)
    assert client.objects == {("lake", "raw/a/b.gz"): b"one", ("lake", "a/c.gz"): b"two"}
    assert not file.exists()


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadBucket"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
        S3UploadFailedError("Failed to upload"),
        ValueError("Invalid endpoint: http//127.0.0.1:9"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_named_with_what_to_check(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch, error)
    file = tmp_path / "local"
    file.touch()
    with pytest.raises(StorageError, match=r"can't reach s3://lake: .*AWS_ENDPOINT_URL"):
        LAKE.check_writable()
    with pytest.raises(StorageError, match=r"can't write s3://lake/raw/x\.gz: .*AWS_ENDPOINT_URL"):
        LAKE.put("x.gz", b"")
    with pytest.raises(StorageError, match=r"can't write s3://lake/raw/x\.gz: .*AWS_ENDPOINT_URL"):
        LAKE.move_in("x.gz", file)
    assert file.exists()


def test_a_bucket_that_can_not_be_listed_is_named(s3: Stubber) -> None:
    s3.add_client_error("list_objects_v2", "AccessDenied")
    with pytest.raises(StorageError, match=r"can't list s3://lake/raw/landing_date=2026-11-22/.*AccessDenied"):
        landed_objects(LAKE, [TEN])


def test_a_page_is_stored_as_one_so_that_a_browser_shows_it(s3: Stubber) -> None:
    s3.add_response(
        "put_object", {}, {"Bucket": "lake", "Key": "raw/day.html", "Body": b"<p>", "ContentType": "text/html"}
    )
    s3.add_response("put_object", {}, {"Bucket": "lake", "Key": "raw/lines.gz", "Body": b"1"})
    LAKE.put("day.html", b"<p>")
    LAKE.put("lines.gz", b"1")


def test_an_object_is_read_as_it_was_listed_or_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, ClientError({"Error": {"Code": "PreconditionFailed", "Message": ""}}, "GetObject"))
    store = BucketStore(bucket="lake", prefix="raw/", remedy="try again")
    with pytest.raises(StorageError, match=r"can't read s3://lake/raw/a\.gz as it was listed: .*; try again"):
        list(store.blocks(RawObject(key="raw/a.gz", etag="e1", size=5)))
