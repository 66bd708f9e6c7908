"""Which folder a demo may empty, and what it leaves: a connection, and commands that can be pasted as they are."""

import fcntl
import io
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from local.cloud.errors import FolderError, StateInUseError
from local.demo.folder import DEFAULT_FOLDER, DemoCommands, prepare, print_box, write_connection
from local.demo.pipeline import StackOutputs

EIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def commands_for(folder: Path) -> DemoCommands:
    return DemoCommands.of(folder, first_hour=EIGHT, open_hour=TEN)


@pytest.mark.parametrize("width", [60, 200])
def test_every_line_of_a_command_is_printed_as_it_stands(width: int) -> None:
    commands, printed = commands_for(Path("elsewhere/demo")), io.StringIO()

    print_box(
        Console(file=printed, width=width),
        airflow_url="http://127.0.0.1:1",
        api_url="http://127.0.0.1:2/restapis/a/v1/_user_request_",
        shop_url="http://127.0.0.1:3/",
        endpoint_url="http://127.0.0.1:2",
        commands=commands,
        open_hour=TEN,
    )

    lines = {line.strip() for line in printed.getvalue().splitlines()}
    for command in (commands.select, commands.live, commands.spark_submit, commands.own_event):
        assert {line.strip() for line in command.splitlines()} <= lines


def test_the_job_gets_the_hours_of_the_demo() -> None:
    assert "--from 2026-11-22T08 --to 2026-11-22T10" in commands_for(DEFAULT_FOLDER).spark_submit


def test_the_default_demo_is_found_without_its_environment() -> None:
    assert commands_for(DEFAULT_FOLDER).select.startswith("make sql QUERY=")
    assert commands_for(Path("x")).select.startswith(". x/environment.sh && make sql QUERY=")


def test_the_environment_is_read_by_a_shell(tmp_path: Path) -> None:
    outputs = StackOutputs(
        api_url="http://127.0.0.1:2/it's", stream_name="s", raw_bucket="b", raw_uri="s3://b/raw", warehouse_uri="w",
        database="d", buffer_seconds=5,
    )  # fmt: skip
    write_connection(
        tmp_path,
        outputs=outputs,
        cloud_environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:2", "AWS_REGION": "us-east-1"},
        airflow_url="http://127.0.0.1:1",
    )

    read = '. ./environment.sh && printf \'%s %s\' "$API_URL" "$CLICKSTREAM_RAW_URI"'
    done = subprocess.run(["sh", "-c", read], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout == "http://127.0.0.1:2/it's s3://b/raw"


def test_somebodys_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderError, match="--folder"):
        prepare(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_ended_demos_folder_is_emptied(tmp_path: Path) -> None:
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


def test_a_folder_that_cannot_be_created_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="is a file; name a folder"):
        prepare(tmp_path / "file")
    with pytest.raises(FolderError, match="Not a directory; choose another with --folder"):
        prepare(tmp_path / "file" / "demo")
