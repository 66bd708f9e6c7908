"""A directory as a store: objects appear whole, unfinished files are no objects, and what fails is named."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest

from contracts.raw_survey import survey_raw
from contracts.versions import RawObject
from storage.by_hour import landed_objects
from storage.directory import DirectoryStore
from storage.object_store import StorageError

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_directory_is_surveyed_folder_by_folder_without_what_is_being_written(tmp_path: Path) -> None:
    hour = tmp_path / "raw/landing_date=2026-11-22/landing_hour=10"
    for folder, name in (
        (hour, "a.gz"),
        (hour.parent, "b.gz"),
        (tmp_path / "raw/.replay-1", "c"),
        (tmp_path / "raw", ".d"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    store = DirectoryStore(directory=tmp_path / "raw")
    survey = survey_raw(store, TEN, TEN + HOUR)
    assert (survey.is_empty, survey.strays) == (False, ("raw/landing_date=2026-11-22/b.gz",))
    assert survey_raw(store, TEN + HOUR, TEN + 2 * HOUR).is_empty


def test_files_are_listed_with_a_hash_of_their_content_and_not_while_they_are_written(tmp_path: Path) -> None:
    hour = tmp_path / "raw/landing_date=2026-11-22/landing_hour=10"
    hour.mkdir(parents=True)
    (hour / "a.gz").write_bytes(b"abc")
    (hour / ".b.gz.part").write_bytes(b"abc")
    store = DirectoryStore(directory=tmp_path / "raw")
    expected = RawObject(
        key="raw/landing_date=2026-11-22/landing_hour=10/a.gz", etag="900150983cd24fb0d6963f7d28e17f72", size=3
    )
    assert landed_objects(store, [TEN]) == {TEN: (expected,)}
    assert b"".join(store.blocks(expected)) == b"abc"


def test_a_directory_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"there is no directory '.*/rwa'; --raw-uri names the one"):
        landed_objects(DirectoryStore(directory=tmp_path / "rwa"), [TEN])


def test_a_file_that_is_gone_is_named_with_the_remedy(tmp_path: Path) -> None:
    store = DirectoryStore(directory=tmp_path / "raw", remedy="try again")
    with pytest.raises(StorageError, match=r"can't read raw/x\.gz: No such file or directory; try again"):
        list(store.blocks(RawObject(key="raw/x.gz", etag="", size=0)))


def test_a_directory_holds_only_whole_objects(tmp_path: Path) -> None:
    store = DirectoryStore(directory=tmp_path / "raw")
    store.put("a/b.gz", b"one")
    store.put("a/b.gz", b"two")
    file = tmp_path / "local"
    file.write_bytes(b"three")
    store.move_in("a/c.gz", file)
    assert {path.name: path.read_bytes() for path in (tmp_path / "raw/a").iterdir()} == {
        "b.gz": b"two",
        "c.gz": b"three",
    }
    assert not file.exists()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't make the directory"):
        DirectoryStore(directory=tmp_path / "file").put("a/b.gz", b"")


def test_a_file_is_replaced_with_its_mode_and_deleted_with_its_checksum(tmp_path: Path) -> None:
    file, checksum = tmp_path / "raw/a.gz", tmp_path / "raw/.a.gz.crc"
    file.parent.mkdir()
    file.write_bytes(b"one")
    file.chmod(0o640)
    checksum.touch()
    store = DirectoryStore(directory=tmp_path / "raw")

    store.replace("raw/a.gz", BytesIO(b"two"))

    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"two", 0o640)
    stored = {version.key: version for version in store.versions()}
    assert set(stored) == {"raw/a.gz", "raw/.a.gz.crc"}, "unfinished files and checksums are stored as well"
    store.delete(stored["raw/a.gz"])
    assert list(store.versions()) == []
    with pytest.raises(StorageError, match=r"can't rewrite raw/a\.gz: No such file or directory"):
        store.replace("raw/a.gz", BytesIO(b"three"))


def test_a_location_behind_a_symbolic_link_has_the_key_that_is_listed(tmp_path: Path) -> None:
    (tmp_path / "disk/real/db").mkdir(parents=True)
    (tmp_path / "disk/real/db/a.parquet").touch()
    (tmp_path / "warehouse").symlink_to(tmp_path / "disk/real")
    store = DirectoryStore(directory=tmp_path / "warehouse")
    (listed,) = store.versions()
    assert store.key_of(f"file:{tmp_path}/disk/real/db/a.parquet") == listed.key == "warehouse/db/a.parquet"
