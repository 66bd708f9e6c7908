"""Which raw objects lie under landing hours, in a directory as in a bucket."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.raw_survey import Level, survey_raw
from contracts.versions import RawObject
from spark_jobs.errors import RawStoreError
from spark_jobs.raw import raw_objects
from spark_jobs.raw.raw_objects import (
    RawBucket,
    RawDirectory,
    all_landed_objects,
    landed_hours,
    landed_objects,
    raw_store,
)

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class ListedStore:
    """A store of objects in memory that remembers which prefixes were listed."""

    def __init__(self, *keys: str) -> None:
        self.objects = [RawObject(key=key, etag=key, size=1) for key in keys]
        self.prefixes: list[str] = []

    def keys(self, prefix: str) -> Iterator[str]:
        return (entry.key for entry in self.listed(prefix))

    def listed(self, prefix: str) -> Iterator[RawObject]:
        self.prefixes.append(prefix)
        return (entry for entry in self.objects if entry.key.startswith(f"raw/{prefix}"))

    def level(self, prefix: str) -> Level:
        raise NotImplementedError

    def blocks(self, raw_object: RawObject) -> Iterator[bytes]:
        raise NotImplementedError


def keys(objects: tuple[RawObject, ...]) -> list[str]:
    return [raw_object.key for raw_object in objects]


def test_an_hour_has_exactly_the_objects_under_its_prefix_sorted() -> None:
    at = "raw/landing_date=2026-11-22/landing_hour="
    store = ListedStore(f"{at}10/b.gz", f"{at}10/a.gz", f"{at}11/c.gz")
    landed = landed_objects(store, [TEN])
    assert {hour: keys(objects) for hour, objects in landed.items()} == {TEN: [f"{at}10/a.gz", f"{at}10/b.gz"]}
    assert store.prefixes == ["landing_date=2026-11-22/landing_hour=10/"]


def test_an_hour_without_objects_is_an_hour_all_the_same() -> None:
    assert landed_objects(ListedStore(), [TEN, TEN + HOUR]) == {TEN: (), TEN + HOUR: ()}


def test_hours_of_one_day_cost_one_listing() -> None:
    store = ListedStore()
    landed_objects(store, [TEN + n * HOUR for n in range(20)])
    assert store.prefixes == ["landing_date=2026-11-22/", "landing_date=2026-11-23/"]


def test_what_lies_under_no_landing_hour_is_not_ours() -> None:
    at = "raw/landing_date=2026-11-22/landing_hour="
    store = ListedStore("raw/README", f"{at}99/x.gz", f"{at}10/a.gz")
    assert list(all_landed_objects(store)) == landed_hours(store) == [TEN]


def test_a_directory_is_surveyed_folder_by_folder_without_what_is_being_written(tmp_path: Path) -> None:
    hour = tmp_path / "raw/landing_date=2026-11-22/landing_hour=10"
    for folder, name in (
        (hour, "a.gz"),
        (hour.parent, "b.gz"),
        (tmp_path / "raw/.lay-down-1", "c"),
        (tmp_path / "raw", ".d"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    survey = survey_raw(raw_store(str(tmp_path / "raw")), TEN, TEN + HOUR)
    assert (survey.is_empty, survey.strays) == (False, ("raw/landing_date=2026-11-22/b.gz",))
    assert survey_raw(raw_store(str(tmp_path / "raw")), TEN + HOUR, TEN + 2 * HOUR).is_empty


def test_files_are_listed_with_a_hash_of_their_content_and_not_while_they_are_written(tmp_path: Path) -> None:
    hour = tmp_path / "raw/landing_date=2026-11-22/landing_hour=10"
    hour.mkdir(parents=True)
    (hour / "a.gz").write_bytes(b"abc")
    (hour / ".b.gz.part").write_bytes(b"abc")
    store = raw_store(str(tmp_path / "raw"))
    expected = RawObject(
        key="raw/landing_date=2026-11-22/landing_hour=10/a.gz", etag="900150983cd24fb0d6963f7d28e17f72", size=3
    )
    assert landed_objects(store, [TEN]) == {TEN: (expected,)}
    assert b"".join(store.blocks(expected)) == b"abc"


def test_a_directory_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(RawStoreError, match=r"there is no directory '.*/rwa'; --raw-uri names the one"):
        landed_objects(raw_store(str(tmp_path / "rwa")), [TEN])


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(RawStoreError, match=r"raw/x\.gz"):
        list(RawDirectory(directory=tmp_path / "raw").blocks(RawObject(key="raw/x.gz", etag="", size=0)))


@pytest.mark.parametrize(
    ("uri", "store"),
    [
        ("s3://bucket/raw", RawBucket(bucket="bucket", prefix="raw/")),
        ("s3://bucket/a/raw/", RawBucket(bucket="bucket", prefix="a/raw/")),
        ("s3://bucket", RawBucket(bucket="bucket", prefix="")),
        ("file:///data/raw", RawDirectory(directory=Path("/data/raw"))),
        ("/data/raw", RawDirectory(directory=Path("/data/raw"))),
        ("/data #1/50%20?/raw", RawDirectory(directory=Path("/data #1/50%20?/raw"))),
        ("file:///data #1/raw", RawDirectory(directory=Path("/data #1/raw"))),
    ],
)
def test_a_uri_names_a_bucket_or_a_directory(uri: str, store: raw_objects.RawStore) -> None:
    assert raw_store(uri) == store


@pytest.mark.parametrize("uri", ["gs://bucket/raw", "s3:///raw", "https://x/raw"])
def test_any_other_uri_is_refused_by_name(uri: str) -> None:
    with pytest.raises(RawStoreError, match=uri):
        raw_store(uri)
