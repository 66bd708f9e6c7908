"""Airflow is up and healthy, or all of its processes have ended, and the reason is named."""

import os
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from local.airflow import LocalAirflow
from local.airflow.__main__ import main
from local.airflow.service import airflow_environment, provide_database
from local.cloud.errors import NotReadyError, PortInUseError

COMMAND = (sys.executable, str(Path(__file__).with_name("fake_airflow.py")))


def local_airflow(
    home: Path, *, wrong: str = "", unpause: tuple[str, ...] = (), stop_within: float = 5
) -> LocalAirflow:
    return LocalAirflow(
        home,
        environment={"FAKE_AIRFLOW": wrong},
        unpause=unpause,
        standstill=20,
        stop_within=stop_within,
        command=COMMAND,
        empty_database=home / "empty.db",
    )


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def started(home: Path) -> list[int]:
    return [int(pid) for pid in (home / "pids").read_text().split()]


def comes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def check_for_a_while(airflow: LocalAirflow) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        airflow.check()
        time.sleep(0.05)


def all_gone(home: Path) -> bool:
    return comes_true(lambda: not any(map(alive, started(home))))


def test_four_services_live_while_the_block_does(tmp_path: Path) -> None:
    with local_airflow(tmp_path, unpause=("transform_events",)) as airflow:
        airflow.check()
        assert airflow.url.startswith("http://127.0.0.1:")
        assert comes_true(lambda: len(started(tmp_path)) == 4)
        assert all(map(alive, started(tmp_path)))

    assert all_gone(tmp_path)


def test_what_does_not_stop_when_asked_is_killed_with_its_children(tmp_path: Path) -> None:
    with local_airflow(tmp_path, wrong="stubborn", stop_within=0.1):
        assert comes_true(lambda: len(started(tmp_path)) == 8)

    assert all_gone(tmp_path)


def test_a_service_that_dies_is_named_with_its_last_words_and_the_others_stop(tmp_path: Path) -> None:
    words = r"(?s)scheduler ended with status 7.*cannot reach its database"
    with pytest.raises(NotReadyError, match=words), local_airflow(tmp_path, wrong="scheduler") as airflow:
        check_for_a_while(airflow)

    assert all_gone(tmp_path)


def test_a_failed_migration_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="no such revision"), local_airflow(tmp_path, wrong="migrate"):
        pass


def test_a_database_is_migrated_once_and_copied_for_the_next_home(tmp_path: Path) -> None:
    empty, homes = tmp_path / "var" / "empty.db", (tmp_path / "a", tmp_path / "b")
    migrated: list[Path] = []

    def migrate(database: Path) -> None:
        migrated.append(database)
        database.write_text("tables, and later rows")

    for home in homes:
        home.mkdir()
        provide_database(f"sqlite:///{home}/airflow.db", empty, partial(migrate, home / "airflow.db"))
    homes[1].joinpath("airflow.db").write_text("runs")
    provide_database(f"sqlite:///{homes[1]}/airflow.db", empty, partial(migrate, homes[1] / "airflow.db"))

    assert migrated == [homes[0] / "airflow.db", homes[1] / "airflow.db"], "one with runs is never replaced"
    assert [path.name for path in empty.parent.iterdir()] == ["empty.db"]


def test_another_database_than_sqlite_is_migrated_though_an_empty_one_is_there(tmp_path: Path) -> None:
    migrated: list[str] = []
    (tmp_path / "empty.db").write_text("tables")

    provide_database("postgresql+psycopg2:///airflow", tmp_path / "empty.db", lambda: migrated.append("postgresql"))

    assert migrated == ["postgresql"]
    assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]


def test_a_dag_that_cannot_be_parsed_is_shown_and_not_waited_for(tmp_path: Path) -> None:
    airflow = local_airflow(tmp_path, unpause=("transform_events", "broken"))
    with pytest.raises(NotReadyError, match="SettingsError: X not set"), airflow:
        pass

    assert all_gone(tmp_path)


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"port {port}"):
            LocalAirflow(tmp_path, port=port, environment={})
        assert main(["serve", "--home", str(tmp_path), "--port", str(port)]) == 1

    assert f"port {port} on 127.0.0.1 is already in use" in capsys.readouterr().err


def test_a_port_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["serve", "--port", "70000"])

    assert "70000" in capsys.readouterr().err


def test_the_caller_s_settings_win_over_the_supervisor_s(tmp_path: Path) -> None:
    environment = airflow_environment(tmp_path, 8080, {"AIRFLOW__CORE__PARALLELISM": "1"})

    assert environment["AIRFLOW__CORE__PARALLELISM"] == "1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8080"
    assert environment["HOME"] == os.environ["HOME"]


def test_dags_and_plugins_are_the_repository_s(tmp_path: Path) -> None:
    environment = airflow_environment(tmp_path, 8080, {})

    assert (Path(environment["AIRFLOW__CORE__DAGS_FOLDER"]) / "transform_events.py").is_file()
    assert (Path(environment["AIRFLOW__CORE__PLUGINS_FOLDER"]) / ".airflowignore").is_file()


def test_a_service_is_killed_with_its_children_and_revived_while_the_others_live(tmp_path: Path) -> None:
    with local_airflow(tmp_path, wrong="stubborn", stop_within=0.1) as airflow:
        assert comes_true(lambda: len(started(tmp_path)) == 8)

        airflow.kill("triggerer")
        assert comes_true(lambda: sum(map(alive, started(tmp_path))) == 6)
        airflow.revive("triggerer")
        assert comes_true(lambda: sum(map(alive, started(tmp_path))) == 8)
        airflow.check()

    assert all_gone(tmp_path)
