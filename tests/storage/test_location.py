"""A URI names a bucket or a directory, character by character, and nothing else."""

from pathlib import Path

import pytest

from storage.bucket import BucketStore
from storage.directory import DirectoryStore
from storage.location import open_store
from storage.object_store import ObjectStore, StoreUriError


@pytest.mark.parametrize(
    ("uri", "store"),
    [
        ("s3://bucket/raw", BucketStore(bucket="bucket", prefix="raw/")),
        ("s3://bucket/a/raw/", BucketStore(bucket="bucket", prefix="a/raw/")),
        ("s3://bucket", BucketStore(bucket="bucket", prefix="")),
        ("file:///data/raw", DirectoryStore(directory=Path("/data/raw"))),
        ("file:/data/raw", DirectoryStore(directory=Path("/data/raw"))),
        ("/data/raw", DirectoryStore(directory=Path("/data/raw"))),
        ("/data #1/50%20?/raw", DirectoryStore(directory=Path("/data #1/50%20?/raw"))),
        ("file:///data #1/raw", DirectoryStore(directory=Path("/data #1/raw"))),
    ],
)
def test_a_uri_names_a_bucket_or_a_directory(uri: str, store: ObjectStore) -> None:
    assert open_store(uri) == store


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("gs://bucket/raw", "neither a directory nor"),
        ("https://x/raw", "neither a directory nor"),
        ("", "neither a directory nor"),
        ("s3:///raw", "names no bucket"),
    ],
)
def test_any_other_uri_is_refused_by_name(uri: str, message: str) -> None:
    with pytest.raises(StoreUriError, match=f"'{uri}'.* {message}"):
        open_store(uri)


@pytest.mark.parametrize(
    ("uri", "beside"),
    [
        ("s3://bucket/raw", "s3://bucket/errors"),
        ("s3://bucket/a/raw", "s3://bucket/a/errors"),
        ("s3://bucket", "s3://bucket/errors"),
        ("/data/raw", "/data/errors"),
    ],
)
def test_what_lies_beside_raw_is_in_the_same_folder(uri: str, beside: str) -> None:
    assert open_store(uri).beside("errors/") == open_store(beside)


def test_a_file_is_no_directory_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    open_store(str(tmp_path / "new")).check_writable()
    with pytest.raises(StoreUriError, match=r"file is a file; name a directory"):
        open_store(str(tmp_path / "file")).check_writable()
