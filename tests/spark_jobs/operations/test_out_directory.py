"""Which directory `make run` may take: never one with somebody's files in it."""

from pathlib import Path

import pytest

from spark_jobs.operations.out_directory import OutDirectory, OutDirectoryError


@pytest.fixture
def input_file(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("{}\n")
    return path


def test_a_new_directory_is_made_with_its_parents(tmp_path: Path, input_file: Path) -> None:
    OutDirectory(root=tmp_path / "a" / "b").prepare(input_file)
    assert (tmp_path / "a" / "b").is_dir()


def test_an_earlier_runs_results_are_replaced(tmp_path: Path, input_file: Path) -> None:
    out = OutDirectory(root=tmp_path / "out")
    out.prepare(input_file)
    for directory in (out.raw, out.warehouse, out.tables / "clean_events"):
        directory.mkdir(parents=True)
        (directory / "old").write_text("")
    out.summary.write_text("{}")
    out.prepare(input_file)
    assert [path.name for path in out.root.iterdir()] == [".clickstream-run"]


@pytest.mark.parametrize("ours", [False, True])
def test_a_directory_with_somebodys_files_is_refused_and_left_as_it_is(
    tmp_path: Path, input_file: Path, ours: bool
) -> None:
    out = OutDirectory(root=tmp_path / "out")
    out.root.mkdir()
    if ours:
        out.prepare(input_file)
    (out.root / "thesis.txt").write_text("years of work")
    with pytest.raises(OutDirectoryError, match=r"thesis\.txt"):
        out.prepare(input_file)
    assert (out.root / "thesis.txt").read_text() == "years of work"


def test_raw_and_warehouse_that_no_run_of_ours_left_are_somebodys(tmp_path: Path, input_file: Path) -> None:
    out = OutDirectory(root=tmp_path / "out")
    out.raw.mkdir(parents=True)
    with pytest.raises(OutDirectoryError, match="raw"):
        out.prepare(input_file)


def test_a_file_in_the_directorys_place_is_refused(input_file: Path) -> None:
    with pytest.raises(OutDirectoryError, match="is a file"):
        OutDirectory(root=input_file).prepare(input_file)


def test_a_directory_that_cannot_be_made_is_refused(input_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutDirectoryError, match="Not a directory; name another directory"):
        OutDirectory(root=tmp_path / "file" / "out").prepare(input_file)


def test_the_input_must_not_lie_in_the_directory_that_is_emptied(tmp_path: Path) -> None:
    out = OutDirectory(root=tmp_path / "out")
    out.prepare(tmp_path / "x")
    out.raw.mkdir()
    (out.raw / "events.jsonl").write_text("{}\n")
    with pytest.raises(OutDirectoryError, match="lies in"):
        out.prepare(out.raw / "events.jsonl")
    assert (out.raw / "events.jsonl").exists()
