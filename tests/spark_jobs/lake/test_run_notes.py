"""What a run notes in its commits, and what it refuses to note in the ledger when it finds its commit again."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from contracts.partitions import DAY, HOUR
from contracts.stages import TABLES
from contracts.tables import RECEIVED_EVENTS, Table
from spark_jobs.errors import LedgerImbalanceError
from spark_jobs.lake.iceberg import Commit
from spark_jobs.lake.lake import Lake
from spark_jobs.lake.revision import RUN_ID, Revision, run_note
from spark_jobs.operations.reconcile_hours import reconcile_hours
from tests.spark_jobs.raw_lake import lay_down, line

TEN: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
NO_SESSION: Final[Any] = None
NOWHERE: Final = Lake(raw_uri="raw", warehouse_uri="warehouse", database="lake", spark=NO_SESSION)

LANDED: Final = {"lines": 4, "received": 3, "rejected": 1, "unreadable-objects": 0}
HOURS: Final = {"received": 3, "clean": 2, "duplicates": 1}
DAYS: Final = {"events": 2, "user-days": 1, "sessions": 2}
FIGURES: Final[Mapping[str, Mapping[str, int]]] = {
    **dict.fromkeys(("received_events", "rejected_events"), LANDED),
    **dict.fromkeys(("clean_events", "hourly_event_counts", "hourly_traffic", "hourly_product_stats"), HOURS),
    **dict.fromkeys(("sessions", "user_days", "daily_traffic", "daily_funnel"), DAYS),
    **dict.fromkeys(("daily_retention", "daily_product_stats", "daily_sources", "identity_links"), DAYS),
    "daily_transitions": DAYS,
}


@pytest.mark.spark
def test_each_commit_of_a_data_table_names_its_run_and_the_figures_of_the_ledger(lake_with_tables: Lake) -> None:
    lake = lake_with_tables
    lay_down(lake, TEN, "a", [line(TEN, "1"), line(TEN, "1"), line(TEN + timedelta(minutes=31), "2"), b"not json\n"])
    assert reconcile_hours(lake, TEN, TEN + HOUR, TEN + 2 * DAY).errors == ()
    noted = {table.name: newest_figures(lake, table) for table in TABLES if table.name in FIGURES}
    assert noted == FIGURES


def newest_figures(lake: Lake, table: Table) -> dict[str, int]:
    """Return the figures in a table's newest commit, whose run must have a name."""
    summary = next(lake.commits(table, after=None)).summary
    assert len(summary[RUN_ID]) == 32
    own = {
        name.removeprefix("clickstream."): value for name, value in summary.items() if name.startswith("clickstream.")
    }
    return {name: int(value) for name, value in own.items() if name not in ("run-id", "replaced-hours")}


def history(monkeypatch: pytest.MonkeyPatch, *commits: Commit, ends: bool = True) -> None:
    """Let a table have these commits since the run began; unless it `ends`, older ones are missing."""

    def known_commits(*_: Any, **__: Any) -> Iterator[Commit]:
        yield from commits
        if not ends:
            raise LookupError("snapshot 1 is not in the history of received_events")

    monkeypatch.setattr(Lake, "commits", known_commits)


def commit(run_id: str, **summary: str) -> Commit:
    return Commit(snapshot_id=2, operation="overwrite", summary={**run_note(run_id, {}), **summary})


def refuse(rows: int) -> None:
    base = Revision(lake=NOWHERE, base={RECEIVED_EVENTS: 1}, run_id="own")
    base.refuse_lost_rows(RECEIVED_EVENTS, rows)


def test_a_commit_with_all_of_the_rows_that_were_counted_is_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    history(monkeypatch, commit("another"), commit("own", **{"added-records": "3"}), ends=False)
    refuse(3)
    history(monkeypatch, commit("own"))
    refuse(0)


def test_rows_that_a_table_did_not_take_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    history(monkeypatch, commit("own", **{"added-records": "2"}))
    with pytest.raises(LedgerImbalanceError, match="3 rows were counted for received_events, but 2 were written"):
        refuse(3)


@pytest.mark.parametrize("ends", [True, False], ids=["rolled back", "expired"])
def test_a_commit_that_is_not_found_again_is_refused(monkeypatch: pytest.MonkeyPatch, ends: bool) -> None:
    history(monkeypatch, commit("another"), ends=ends)
    with pytest.raises(LedgerImbalanceError, match="received_events can't be found again: its history since the run"):
        refuse(3)
