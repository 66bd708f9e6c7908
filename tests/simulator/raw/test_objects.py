"""Raw objects have Firehose's names; a place where they can't be written is refused by name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator.errors import BadArgumentError, RawTargetError
from simulator.raw.objects import object_name, open_raw_store
from storage.bucket import s3_client
from storage.directory import DirectoryStore


def test_a_name_is_firehoses_and_the_same_for_the_same_identity() -> None:
    moment = datetime(2026, 11, 20, 9, 5, 7, tzinfo=UTC)
    name = object_name("stream", moment, "one")
    assert name.startswith("landing_date=2026-11-20/landing_hour=09/stream-1-2026-11-20-09-05-07-")
    assert name.endswith(".gz")
    assert name == object_name("stream", moment, "one") != object_name("stream", moment, "two")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RawTargetError, match="can't make the directory"):
        open_raw_store(f"{tmp_path}/file/raw").put("a/b.gz", b"")


def test_a_bucket_that_cannot_be_reached_is_named_with_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "no address")
    s3_client.cache_clear()
    with pytest.raises(RawTargetError, match=r"can't reach s3://lake: .*no address.*AWS_ENDPOINT_URL"):
        open_raw_store("s3://lake/raw")


def test_a_uri_names_a_directory_or_a_bucket_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert open_raw_store(f"file:{tmp_path}/raw") == open_raw_store(f"{tmp_path}/raw")
    assert open_raw_store(f"file://{tmp_path}/raw") == DirectoryStore(directory=tmp_path / "raw")
    for uri, message in (
        ("gs://bucket/raw", "neither a directory nor"),
        ("s3:///raw", "names no bucket"),
        (str(tmp_path / "file"), "is a file"),
    ):
        with pytest.raises(BadArgumentError, match=message):
            open_raw_store(uri)
