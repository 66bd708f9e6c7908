"""Rules of an erasure: nothing of the user is left anywhere, all else is as it was, and a killed run is continued."""

import gzip
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from contracts.partitions import DAY, HOUR, landing_prefix
from contracts.tables import IDENTITY_LINKS, LANDING_LEDGER, RECEIVED_EVENTS, REJECTED_EVENTS, Table
from spark_jobs.errors import MissingObjectsError
from spark_jobs.lake.erased_users import lift_erased_users
from spark_jobs.lake.revision import Revision
from spark_jobs.landing import transform_events
from spark_jobs.landing.transform_events import transform_landing_hours
from spark_jobs.operations.erasure import erase_users as steps
from spark_jobs.operations.erasure import rebuild
from spark_jobs.operations.erasure.erase_users import Erasure, ErasureReport, erase_users
from spark_jobs.operations.erasure.followed_links import NotFollowed, follow_links
from spark_jobs.operations.erasure.rewrite import rewrite_raw_objects
from spark_jobs.operations.erasure.user_matching import SoughtUsers
from spark_jobs.operations.maintain_tables import expire_rejected
from storage.directory import local_directory
from storage.object_store import StoredObject
from tests.spark_jobs.operations.erasure.lakes import (
    ELEVEN,
    ERRORS_KEY,
    FIRST_LINES_KEPT,
    NEXT_DAY,
    RULES,
    TEN,
    DirectoryLake,
    failed,
    fill,
    line,
    linked,
)

pytestmark = pytest.mark.spark

USER_35 = SoughtUsers(ids=("35",))
ALONE = Erasure(users=USER_35, alone=True)


class KilledError(Exception):
    """The run dies here."""


def erased(lake: DirectoryLake, erasure: Erasure = ALONE) -> ErasureReport:
    """Erase; if nobody else is at work, at a time when every hour of the lake is settled."""
    if erasure.alone:
        return erase_users(lake.lake, erasure, clock=lambda: RULES.settled_before + DAY)
    return erase_users(lake.lake, erasure)


@pytest.mark.slow
def test_a_user_whose_id_is_a_word_of_icebergs_own_can_be_erased(directory_lake: DirectoryLake) -> None:
    """Each snapshot says that spark made it, by which operation, and that main is a branch."""
    words = SoughtUsers(ids=("spark", "overwrite", "branch"))
    assert erased(directory_lake, Erasure(users=words, alone=True)).search.survivors == ()


def values(lake: DirectoryLake, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    frame = lake.spark.table(lake.lake.table(table.name)).select(*columns)
    return sorted((tuple(row) for row in frame.collect()), key=repr)


def test_nothing_of_the_users_is_left_and_all_else_is_as_it_was(directory_lake: DirectoryLake) -> None:
    directory_lake.make(days=True)
    before = directory_lake.stored()
    report = erased(directory_lake, Erasure(users=SoughtUsers(ids=("35", "1357")), alone=True))
    assert report.search.survivors == ()
    assert directory_lake.user_ids() == {"3"}
    after = directory_lake.stored()
    mixed, theirs, others = (f"{landing_prefix(TEN)}{name}.gz" for name in ("mixed", "theirs", "others"))
    assert gzip.decompress(after.pop(mixed)) == b"".join(FIRST_LINES_KEPT[1:])
    assert gzip.decompress(after.pop(theirs)) == b""
    assert gzip.decompress(after.pop(others)) == line("3", "h", 10)
    assert gzip.decompress(after.pop(f"{landing_prefix(NEXT_DAY)}mixed.gz")) == line("3", "k", hour=NEXT_DAY)
    assert after.pop(ERRORS_KEY) == failed(line("3", "o"))
    assert after == {key: before[key] for key in after}
    assert directory_lake.hashes() == directory_lake.rebuilt_hashes(days=True)


FOLLOWING = Erasure(users=USER_35, alone=True, follow_links=True)


def hashes_of(*ids: str) -> tuple[str, ...]:
    return SoughtUsers(ids=ids).hashes_in_order


@pytest.mark.slow
def test_browsers_of_the_users_alone_go_with_them_and_others_are_named(linked_lake: DirectoryLake) -> None:
    report = erased(linked_lake, FOLLOWING)
    assert (report.search.survivors, report.users_waiting) == ((), False)
    assert report.links.followed == hashes_of("phone")
    assert dict(report.links.not_followed) == {
        hashes_of("tablet")[0]: NotFollowed.OF_OTHERS,
        hashes_of("1357")[0]: NotFollowed.OF_ITS_OWN,
    }
    assert linked_lake.user_ids() == {"3", "1357", "tablet"}
    links = values(linked_lake, IDENTITY_LINKS, "anonymous_id", "user_id")
    assert links == [("tablet", "3")]
    assert linked_lake.hashes() == linked_lake.rebuilt_hashes(days=True)


def test_users_who_go_together_share_their_browsers(linked_lake: DirectoryLake) -> None:
    followed = follow_links(linked_lake.lake, SoughtUsers(ids=("35", "3")))
    assert followed.ids == ("phone", "tablet")


@pytest.mark.slow
def test_without_being_asked_to_follow_only_the_users_own_events_go(linked_lake: DirectoryLake) -> None:
    assert erased(linked_lake).search.survivors == ()
    assert linked_lake.user_ids() == {"3", "1357", "phone", "tablet"}
    assert values(linked_lake, IDENTITY_LINKS, "anonymous_id", "user_id") == [("tablet", "3")]


@pytest.mark.slow
@pytest.mark.parametrize("step", ["rebuild", "search_lake"], ids=["while links are there", "once they are gone"])
def test_a_run_that_follows_finds_the_same_browsers_again_after_it_was_killed(
    linked_lake: DirectoryLake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Also at the second time that it comes to the step: what was followed is gone by then."""
    for lives in (0, 1):
        with monkeypatch.context() as killing:
            killing.setattr(steps, step, _dying_after(lives, getattr(steps, step)))
            with pytest.raises(KilledError):
                erased(linked_lake, FOLLOWING)
    assert erased(linked_lake, FOLLOWING).search.survivors == ()
    assert linked_lake.user_ids() == {"3", "1357", "tablet"}


def _dying_after(lives: int, step: Callable[..., Any]) -> Callable[..., Any]:
    left = iter([step] * lives)
    return lambda *given, **named: next(left, dying)(*given, **named)


@pytest.mark.slow
def test_the_users_wait_until_nothing_of_what_was_followed_is_left(linked_lake: DirectoryLake) -> None:
    corrupt = f"{landing_prefix(ELEVEN)}corrupt.gz"
    fill(linked_lake.root, {corrupt: gzip.compress(linked("phone", None, "x7"))[:-4]})
    report = erased(linked_lake, FOLLOWING)
    assert (report.users_waiting, report.is_complete) == (True, False)
    assert "35" in linked_lake.user_ids()

    again = erased(linked_lake, Erasure(users=USER_35, alone=True, follow_links=True, discard_unreadable=True))
    assert (again.users_waiting, again.is_complete) == (False, True)
    assert linked_lake.user_ids() == {"3", "1357", "tablet"}


def dying(*_: Any, **__: Any) -> None:
    raise KilledError


def dying_after_one(spark: Any, place: Any, objects: Iterable[StoredObject], *users: Any, **more: Any) -> None:
    rewrite_raw_objects(spark, place, list(objects)[:1], *users, **more)
    raise KilledError


@pytest.mark.slow
def test_a_run_killed_at_any_step_is_continued_by_the_next(
    directory_lake: DirectoryLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    points: tuple[tuple[ModuleType | type, str, Callable[..., None]], ...] = (
        (steps, "objects_to_search", dying),
        (steps, "rewrite_raw_objects", dying_after_one),
        (steps, "rewrite_error_objects", dying),
        (steps, "rebuild", dying),
        (Revision, "refuse_lost_rows", dying),
        (transform_events, "write_ledger", dying),
        (rebuild, "stale_between", dying),
        (rebuild, "known_inputs", dying),
        (steps, "expire_history", dying),
        (steps, "search_lake", dying),
    )
    for module, name, death in points:
        with monkeypatch.context() as killing:
            killing.setattr(module, name, death)
            with pytest.raises(KilledError):
                erased(directory_lake)
    assert erased(directory_lake).search.survivors == ()
    assert directory_lake.user_ids() == {"3", "1357"}
    assert directory_lake.hashes() == directory_lake.rebuilt_hashes()


@pytest.mark.slow
def test_rows_whose_raw_objects_have_expired_go_too_and_their_history_stays_protected(
    directory_lake: DirectoryLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(directory_lake.root / landing_prefix(TEN))
    for survived in (0, 1):
        with monkeypatch.context() as killing:
            # The first commit, to the ledger, is made; the run dies at one of the next two.
            lives = iter([Revision.replace] * (1 + survived))

            class DyingRevision(Revision):
                def replace(self, *given: Any, **named: Any) -> None:
                    next(lives, dying)(self, *given, **named)  # noqa: B023

            killing.setattr(rebuild, "Revision", DyingRevision)
            with pytest.raises(KilledError):
                erased(directory_lake)
    report = erased(directory_lake)
    assert report.search.survivors == ()
    assert directory_lake.user_ids() == {"3", "1357"}
    assert values(directory_lake, RECEIVED_EVENTS, "click_id") == [("b",), ("g",), ("h",), ("i",), ("k",)]
    assert sorted(line for (line,) in values(directory_lake, REJECTED_EVENTS, "line")) == sorted(
        kept.rstrip(b"\n") for kept in FIRST_LINES_KEPT[1:]
    )
    counts = values(directory_lake, LANDING_LEDGER, "lines", "received", "rejected")
    assert counts == [(1, 1, 0), (1, 1, 0), (5, 3, 2)]
    with pytest.raises(MissingObjectsError):
        transform_landing_hours(directory_lake.lake, [TEN], RULES)


@pytest.mark.slow
def test_rejections_that_expired_with_their_raw_objects_stay_counted(directory_lake: DirectoryLake) -> None:
    """Nobody can tell whose they were: they are the hour's, as the ledger says, and no less for another's erasure."""
    shutil.rmtree(directory_lake.root / landing_prefix(TEN))
    assert expire_rejected(directory_lake.lake, NEXT_DAY) == 4

    assert erased(directory_lake).search.survivors == ()

    counts = values(directory_lake, LANDING_LEDGER, "lines", "received", "rejected")
    assert counts == [(1, 1, 0), (1, 1, 0), (7, 3, 4)]


@pytest.mark.slow
def test_what_lands_of_the_user_later_is_refused_until_the_erasure_is_lifted(directory_lake: DirectoryLake) -> None:
    erased(directory_lake)
    late = {f"{landing_prefix(ELEVEN)}late.gz": gzip.compress(line("\\u00335", "p", 50) + line("3", "q", 50))}
    fill(directory_lake.root, late)
    directory_lake.make()
    rejected = values(directory_lake, REJECTED_EVENTS, "rejection_reason", "line")
    assert ("erased_user", None) in rejected
    assert ("q",) in values(directory_lake, RECEIVED_EVENTS, "click_id")

    assert len(erased(directory_lake).rewritten) == 1
    assert ("erased_user", None) not in values(directory_lake, REJECTED_EVENTS, "rejection_reason", "line")

    assert lift_erased_users(directory_lake.lake, USER_35.hashes) == 1
    fill(directory_lake.root, late)
    directory_lake.make()
    assert ("p",) in values(directory_lake, RECEIVED_EVENTS, "click_id")


@pytest.mark.slow
def test_a_transform_that_read_the_lines_before_they_were_erased_is_done_again(
    directory_lake: DirectoryLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a user whom no other hour has ever seen, so that the erasure has no other reason to touch the table."""
    hour = ELEVEN + HOUR
    first = line("new", "s", hour=hour) + line("3", "t", hour=hour)
    fill(directory_lake.root, {f"{landing_prefix(hour)}first.gz": gzip.compress(first)})

    replace = Revision.replace

    def commit_after_an_erasure(base: Revision, table: Table, files: Any, *more: Any, **others: Any) -> None:
        monkeypatch.setattr(Revision, "replace", replace)
        (path,) = (local_directory(file.location) for file in files)
        not_yet_written = path.rename(directory_lake.root.with_name("not yet written"))
        assert erased(directory_lake, Erasure(users=SoughtUsers(ids=("new",)))).search.survivors == ()
        not_yet_written.rename(path)
        replace(base, table, files, *more, **others)

    monkeypatch.setattr(Revision, "replace", commit_after_an_erasure)
    transform_landing_hours(directory_lake.lake, [hour], RULES)

    clicks = values(directory_lake, RECEIVED_EVENTS, "click_id")
    assert ("t",) in clicks
    assert ("s",) not in clicks


@pytest.mark.slow
def test_what_no_table_names_is_rewritten_all_the_same(directory_lake: DirectoryLake) -> None:
    rejected = directory_lake.lake.table(REJECTED_EVENTS.name)
    directory_lake.spark.sql(f"DELETE FROM {rejected}")  # as the maintenance does when they are old
    only_rejected = {f"{landing_prefix(ELEVEN)}late.gz": gzip.compress(b'{"user_id":"35", cut off\n')}
    fill(directory_lake.root, only_rejected)
    directory_lake.make()
    directory_lake.spark.sql(f"DELETE FROM {rejected}")
    report = erased(directory_lake)
    assert report.search.survivors == ()
    assert gzip.decompress(directory_lake.stored()[next(iter(only_rejected))]) == b""


@pytest.mark.slow
def test_objects_are_rewritten_as_they_were_stored_with_their_byte_order_marks(directory_lake: DirectoryLake) -> None:
    marked = "\ufeff".encode()
    text, packed, empty = (f"{landing_prefix(ELEVEN)}{name}" for name in ("text.gz", "packed", "empty.gz"))
    kept = marked + line("3", "y", hour=ELEVEN)
    stored = {
        text: marked + line("35", "x", hour=ELEVEN) + kept,
        packed: gzip.compress(kept + line("35", "z")),
        empty: b"",
    }
    fill(directory_lake.root, stored)
    directory_lake.make()
    assert erased(directory_lake).search.survivors == ()
    after = directory_lake.stored()
    assert (after[text], gzip.decompress(after[packed]), after[empty]) == (kept, kept, b"")
    assert directory_lake.user_ids() == {"3", "1357"}
    assert directory_lake.hashes() == directory_lake.rebuilt_hashes()


@pytest.mark.slow
def test_what_cant_be_searched_or_may_still_be_written_fails_the_run_by_name(directory_lake: DirectoryLake) -> None:
    corrupt = f"{landing_prefix(ELEVEN)}corrupt.gz"
    fill(directory_lake.root, {corrupt: gzip.compress(line("35", "r"))[:-4]})
    left_behind = _left_behind(directory_lake)
    left = {survivor.key: survivor for survivor in erased(directory_lake, Erasure(users=USER_35)).search.survivors}
    assert set(left) == {corrupt, left_behind}
    assert "--discard-unreadable" in left[corrupt].remedy
    assert "--alone" in left[left_behind].remedy

    report = erased(directory_lake, Erasure(users=USER_35, alone=True, discard_unreadable=True))
    assert report.search.survivors == ()
    assert gzip.decompress(directory_lake.stored()[corrupt]) == b""
    assert report.search.removed == (left_behind,)
    assert directory_lake.user_ids() == {"3", "1357"}


def _left_behind(lake: DirectoryLake) -> str:
    """Return the key of a data file with all users that is part of no table, as a killed task leaves one."""
    (folder,) = (lake.root / "warehouse" / lake.database / "clean_events").glob("data/*hour=2026-11-22-10")
    used = next(iter(folder.glob("*.parquet")))
    copied = Path(shutil.copy(used, used.with_name("left-behind.parquet")))
    return copied.relative_to(lake.root).as_posix()
