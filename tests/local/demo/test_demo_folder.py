"""Which folder a demo may empty: never one with somebody's files, nor the one of a demo that is up."""

import fcntl
from pathlib import Path

import pytest

from local.cloud.errors import FolderError, StateInUseError
from local.demo.folder import prepare


def test_somebodys_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderError, match="--folder"):
        prepare(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_ended_demos_folder_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "demo"
    prepare(folder)
    (folder / "summary.json").write_text("{}")
    prepare(folder)
    assert [path.name for path in folder.iterdir()] == [".clickstream-demo"]


def test_a_running_demos_folder_is_refused(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "cloud").mkdir()
    with (tmp_path / "cloud" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StateInUseError, match="--folder"):
            prepare(tmp_path)
    assert (tmp_path / "cloud" / "lock").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="is a file; name a folder"):
        prepare(tmp_path / "file")
    with pytest.raises(FolderError, match="Not a directory; choose another with --folder"):
        prepare(tmp_path / "file" / "demo")
