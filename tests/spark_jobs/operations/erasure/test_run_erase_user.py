"""Rules of the command: nothing changes without --apply, wrong ids are refused, and what is left is listed."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from contracts.erasure import user_id_sha256
from contracts.estimates import estimate_from
from spark_jobs import run_erase_user
from spark_jobs.errors import SparkJobError
from spark_jobs.lake import lake as lake_module
from spark_jobs.lake.erased_users import read_erased_users
from spark_jobs.operations.erasure.erase_users import Erasure, ErasureReport
from spark_jobs.operations.erasure.rebuild import Rebuilt
from spark_jobs.operations.erasure.search import SearchResult
from storage.directory import local_directory
from tests.spark_jobs.operations.erasure.lakes import DirectoryLake
from tests.spark_jobs.table_rows import table_hashes

pytestmark = pytest.mark.spark

ANYWHERE = ["--raw-uri", "raw", "--warehouse-uri", "warehouse", "--database", "lake"]


def arguments(lake: DirectoryLake, *more: str) -> list[str]:
    where = lake.lake
    return ["--raw-uri", where.raw_uri, "--warehouse-uri", where.warehouse_uri, "--database", where.database, *more]


def taken_by_the_command(lake: DirectoryLake, monkeypatch: pytest.MonkeyPatch) -> DirectoryLake:
    """Let the command take the lake's session, as it does in a process of its own."""
    monkeypatch.setattr(lake_module, "spark_session", lambda *_, **__: lake.spark)
    return lake


@pytest.fixture
def command_lake(directory_lake: DirectoryLake, monkeypatch: pytest.MonkeyPatch) -> DirectoryLake:
    return taken_by_the_command(directory_lake, monkeypatch)


@pytest.fixture
def linked_command_lake(linked_lake: DirectoryLake, monkeypatch: pytest.MonkeyPatch) -> DirectoryLake:
    return taken_by_the_command(linked_lake, monkeypatch)


def test_without_apply_what_would_change_is_shown_and_nothing_changes(
    command_lake: DirectoryLake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, tables = command_lake.stored(), table_hashes(command_lake.lake)
    report, users = tmp_path / "report.json", tmp_path / "users"
    users.write_text("nobody\n35\n")
    assert run_erase_user.main(arguments(command_lake, "--users-file", str(users), "--json", str(report))) == 0
    shown = json.loads(report.read_text())
    assert (shown["objects"], shown["landing_hours"], shown["expired_hours"], shown["unknown"]) == (4, 2, 0, [1])
    assert {name: rows for name, rows in shown["rows"].items() if rows} == {
        "received_events": 4,
        "clean_events": 4,
        "rejected_events": 2,
    }
    assert "received_events: 4 rows to go" in capsys.readouterr().out
    assert (command_lake.stored(), table_hashes(command_lake.lake)) == (before, tables)
    assert read_erased_users(command_lake.lake) == frozenset()

    assert run_erase_user.main(arguments(command_lake, "--user-id", "nobody")) == 0
    assert "nothing holds these ids" in capsys.readouterr().out

    assert run_erase_user.main(arguments(command_lake, "--user-id", "35", "--apply")) == 0
    assert "every stored object was searched: nothing left" in capsys.readouterr().out
    assert run_erase_user.main(arguments(command_lake, "--user-id", "35", "--lift")) == 0
    assert "1 of 1 users are received again" in capsys.readouterr().out


def test_what_a_person_decides_by_is_an_object_beside_the_tables_that_names_nobody(
    command_lake: DirectoryLake, tmp_path: Path
) -> None:
    users, name = tmp_path / "users", "erase_user/manual__2026-11-22T10:00:00+00:00"
    users.write_text("somebody-else\n35\n")

    assert run_erase_user.main(arguments(command_lake, "--users-file", str(users), "--estimate-name", name)) == 0

    [document] = Path(local_directory(command_lake.lake.warehouse_uri)).glob("estimates/**/*.json")
    assert document.parent.name == name.split("/")[1]
    shown = estimate_from(document.read_text())
    assert ("users", "2") in shown.figures
    assert ("rows of `received_events` to delete", "4") in shown.figures
    assert shown.notes == ("1 of the ids is in no table. Later events of theirs are refused all the same.",)
    for somebody in ("somebody-else", user_id_sha256("somebody-else")[:12], user_id_sha256("35")[:12]):
        assert somebody not in document.read_text()


def test_a_name_of_an_estimate_that_leads_elsewhere_is_refused(
    command_lake: DirectoryLake, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_erase_user.main(arguments(command_lake, "--user-id", "35", "--estimate-name", "../clean_events"))

    assert "is no name of an estimate" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_followed_and_what_stays_is_shown_by_hash_before_and_after(
    linked_command_lake: DirectoryLake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erasure = arguments(linked_command_lake, "--user-id", "35")
    phone, called = (user_id_sha256(user_id)[:12] for user_id in ("phone", "1357"))
    said = [
        f"  goes with them: anonymous id (sha256 {phone}…)",
        f"  stays: anonymous id (sha256 {called}…): it was sent as a user_id, and so may be a user of its own",
    ]
    report = tmp_path / "report.json"
    for mode, rows in (((), 7), (("--follow-links",), 8)):
        assert run_erase_user.main([*erasure, "--json", str(report), *mode]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert [text for text in said if text in printed] == (said if mode else [])
        shown = json.loads(report.read_text())
        assert (shown["rows"]["received_events"], len(shown["links"]["followed"])) == (rows, len(mode))
    assert run_erase_user.main([*erasure, "--follow-links", "--apply"]) == 0
    assert set(said) <= set(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("mode", [(), ("--apply",), ("--lift",)], ids=["estimate", "apply", "lift"])
def test_a_database_without_tables_is_refused_and_stays_without(
    command_lake: DirectoryLake, capsys: pytest.CaptureFixture[str], mode: tuple[str, ...]
) -> None:
    elsewhere = replace(command_lake, database="lkae")
    assert run_erase_user.main(arguments(elsewhere, "--user-id", "35", *mode)) == 1
    assert "there is no table in the database 'lkae'" in capsys.readouterr().err
    assert not (command_lake.root / "warehouse" / "lkae").exists()


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ([], "name a user by --user-id"),
        (["--user-id", ""], "user 1 has an id of 0 characters"),
        (["--user-id", "1", "--user-id", "x" * 257], "user 2 has an id of 257 characters"),
        (["--user-id", "\udcff"], "not UTF-8"),
        (["--user-ids-json", '["1", 2]'], "no JSON array of strings"),
        (["--user-ids-json", '["1", ""]'], "user 2 has an id of 0 characters"),
        (["--users-file", "no such file"], "can't read no such file"),
        (["--user-id", "1", "--apply", "--lift"], "not allowed with"),
        (["--user-id", "1", "--follow-links", "--lift"], "--lift needs each id by name"),
    ],
)
def test_wrong_arguments_are_refused_before_spark_starts(
    more: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_erase_user.main([*ANYWHERE, *more])
    assert complaint in capsys.readouterr().err


def test_each_line_of_a_file_is_one_id_whatever_program_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To erase `left` and `right` instead of one user would take two strangers, and leave that one."""
    asked: list[Erasure] = []

    def asked_for(_lake: object, erasure: Erasure) -> NoReturn:
        asked.append(erasure)
        raise SparkJobError("only looked at")

    monkeypatch.setattr(lake_module, "spark_session", lambda *_, **__: None)
    monkeypatch.setattr(run_erase_user, "erase_users", asked_for)
    users = tmp_path / "users.txt"
    users.write_bytes("\ufeff35\r\nleft\u2028right\r\n\u0085\r\n".encode())

    run_erase_user.main([*ANYWHERE, "--users-file", str(users), "--apply"])

    assert [erasure.users.ids for erasure in asked] == [("35", "left\u2028right", "\u0085")]


def test_hours_that_could_not_be_made_again_fail_the_run_and_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = "event hours 2026-11-22T10 were not made again: its transform died"
    report = ErasureReport(
        rewritten=(),
        made=Rebuilt(landing_hours=1, corrected_hours=0, computed=Counter(), problems=(problem,)),
        expired_snapshots=0,
        search=SearchResult(survivors=(), stray=(), removed=(), mentioned=0),
    )
    monkeypatch.setattr(lake_module, "spark_session", lambda *_, **__: None)
    monkeypatch.setattr(run_erase_user, "erase_users", lambda *_: report)

    assert run_erase_user.main([*ANYWHERE, "--user-id", "35", "--apply"]) == 1
    assert f"erase_user: {problem}" in capsys.readouterr().err
