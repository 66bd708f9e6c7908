"""Objects appear whole, in a directory or in a bucket; what can't be written is said with its name."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from simulator.errors import BadArgumentError, RawTargetError
from simulator.raw_target import RawBucket, RawDirectory, object_name, open_raw_target


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

    def _fail(self) -> None:
        if self._error is not None:
            raise self._error


def _bucket(client: Any, prefix: str = "raw/") -> RawBucket:
    return RawBucket(client, "lake", prefix)


def test_a_name_is_firehoses_and_the_same_for_the_same_identity() -> None:
    moment = datetime(2026, 11, 20, 9, 5, 7, tzinfo=UTC)
    name = object_name("stream", moment, "one")
    assert name.startswith("landing_date=2026-11-20/landing_hour=09/stream-1-2026-11-20-09-05-07-")
    assert name.endswith(".gz")
    assert name == object_name("stream", moment, "one") != object_name("stream", moment, "two")


def test_a_directory_holds_only_whole_objects(tmp_path: Path) -> None:
    target = RawDirectory(directory=tmp_path / "raw")
    target.put("a/b.gz", b"one")
    target.put("a/b.gz", b"two")
    file = tmp_path / "local"
    file.write_bytes(b"three")
    target.adopt("a/c.gz", file)
    assert {path.name: path.read_bytes() for path in (tmp_path / "raw/a").iterdir()} == {
        "b.gz": b"two",
        "c.gz": b"three",
    }
    assert not file.exists()


def test_a_bucket_gets_objects_under_its_prefix(tmp_path: Path) -> None:
    client = FakeS3Client()
    file = tmp_path / "local"
    file.write_bytes(b"two")
    _bucket(client).put("a/b.gz", b"one")
    _bucket(client, "").adopt("a/c.gz", file)
    assert client.objects == {("lake", "raw/a/b.gz"): b"one", ("lake", "a/c.gz"): b"two"}
    assert not file.exists()


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadBucket"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_a_bucket_that_cannot_be_reached_is_named_with_what_to_check(error: Exception) -> None:
    bucket = _bucket(FakeS3Client(error))
    with pytest.raises(RawTargetError, match=r"can't reach s3://lake: .*AWS_ENDPOINT_URL"):
        bucket.check()
    with pytest.raises(RawTargetError, match=r"can't write s3://lake/raw/x\.gz: .*AWS_ENDPOINT_URL"):
        bucket.put("x.gz", b"")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RawTargetError, match="can't make the directory"):
        RawDirectory(directory=tmp_path / "file").put("a/b.gz", b"")


def test_a_uri_names_a_directory_or_a_bucket_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert open_raw_target(f"file:{tmp_path}/raw") == open_raw_target(f"{tmp_path}/raw")
    assert open_raw_target(f"file://{tmp_path}/raw") == RawDirectory(directory=tmp_path / "raw")
    for uri, message in (
        ("gs://bucket/raw", "neither a directory nor"),
        ("s3:///raw", "names no bucket"),
        (str(tmp_path / "file"), "is a file"),
    ):
        with pytest.raises(BadArgumentError, match=message):
            open_raw_target(uri)
