"""What fails in a lake's stores is an error of the jobs, with what to do about it."""

from pathlib import Path

import pytest

from contracts.names import LakeLocation
from contracts.versions import RawObject
from spark_jobs.errors import RawStoreError
from spark_jobs.raw.lake_stores import lake_stores, raw_store
from storage.location import open_store


@pytest.mark.parametrize("uri", ["gs://bucket/raw", "s3:///raw", "https://x/raw"])
def test_a_uri_that_names_no_store_is_refused_by_name(uri: str) -> None:
    with pytest.raises(RawStoreError, match=uri):
        raw_store(uri)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RawStoreError, match=r"there is no directory '.*/rwa'; --raw-uri names the one"):
        list(raw_store(str(tmp_path / "rwa")).keys(""))


def test_a_file_that_is_gone_is_named_with_what_to_do(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    gone = RawObject(key="raw/x.gz", etag="", size=0)
    with pytest.raises(RawStoreError, match=r"raw/x\.gz.*; transform its hour again"):
        list(raw_store(str(raw)).blocks(gone))
    lake = LakeLocation(raw_uri=str(raw), warehouse_uri=str(tmp_path / "warehouse"), database="lake")
    with pytest.raises(RawStoreError, match=r"raw/x\.gz.*; run the erasure again"):
        list(lake_stores(lake).raw.blocks(gone))


def test_error_objects_lie_beside_the_raw_ones() -> None:
    lake = LakeLocation(raw_uri="s3://lake/raw", warehouse_uri="s3://lake/warehouse", database="lake")
    assert lake_stores(lake).errors == open_store("s3://lake/errors")
