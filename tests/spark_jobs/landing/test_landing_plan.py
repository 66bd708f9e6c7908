"""Which landing hours are transformed, which need nothing, and which are refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.ledger import LandingLedgerRow
from contracts.versions import RawObject, landing_input_version
from spark_jobs.errors import MissingObjectsError, OpenHourError
from spark_jobs.landing.landing_plan import LandingRules, landing_plan

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN = TEN + timedelta(hours=1)
A = RawObject(key="raw/a.gz", etag="1", size=10)
B = RawObject(key="raw/b.gz", etag="2", size=20)
SETTLED = LandingRules(settled_before=ELEVEN)
OPEN = LandingRules(settled_before=TEN, allow_open_hour=True)


def row_of(*objects: RawObject, settled: bool = True) -> LandingLedgerRow:
    return LandingLedgerRow(
        landing_hour=TEN,
        input_version=landing_input_version(objects),
        settled=settled,
        objects=tuple(raw_object.key for raw_object in objects),
        unreadable_objects=0,
        bytes=0,
        lines=0,
        received=0,
        rejected=0,
        rejected_by_reason={},
        received_by_event_hour={},
    )


def test_an_hour_that_the_ledger_does_not_know_is_transformed_even_without_objects() -> None:
    plan = landing_plan({TEN: ()}, {}, SETTLED)
    assert [hour.landing_hour for hour in plan.transform] == [TEN]
    assert plan.transform[0].settled


def test_an_hour_with_the_objects_of_its_last_run_needs_nothing() -> None:
    plan = landing_plan({TEN: (A, B)}, {TEN: row_of(B, A)}, SETTLED)
    assert (plan.transform, plan.settle, plan.unchanged) == ((), (), (TEN,))


@pytest.mark.parametrize("objects", [(A, B), (replace(A, etag="9"),), (replace(A, size=9),)])
def test_an_object_that_came_or_changed_makes_its_hour_stale(objects: tuple[RawObject, ...]) -> None:
    plan = landing_plan({TEN: objects}, {TEN: row_of(A)}, SETTLED)
    assert plan.transform[0].input_version == landing_input_version(objects)


def test_force_transforms_an_unchanged_hour() -> None:
    plan = landing_plan({TEN: (A,)}, {TEN: row_of(A)}, replace(SETTLED, force=True))
    assert len(plan.transform) == 1


def test_an_hour_that_only_became_settled_is_noted_and_not_read_again() -> None:
    plan = landing_plan({TEN: (A,)}, {TEN: row_of(A, settled=False)}, SETTLED)
    assert plan.settle == (row_of(A, settled=True),)
    assert not plan.transform


def test_an_open_hour_is_refused_by_name() -> None:
    with pytest.raises(OpenHourError, match=r"2026-11-22T10 .*--allow-open-hour"):
        landing_plan({TEN: (A,)}, {}, LandingRules(settled_before=ELEVEN - timedelta(seconds=1)))


def test_an_open_hour_runs_if_asked_and_is_not_settled() -> None:
    assert not landing_plan({TEN: (A,)}, {}, OPEN).transform[0].settled


def test_a_listing_that_lacks_an_object_of_the_ledger_is_refused_and_the_object_named_even_by_force() -> None:
    with pytest.raises(MissingObjectsError, match=r"raw/b\.gz"):
        landing_plan({TEN: (A,)}, {TEN: row_of(A, B)}, replace(SETTLED, force=True))


def test_of_many_missing_objects_the_first_are_named() -> None:
    gone = [RawObject(key=f"raw/{n:03}.gz", etag="", size=0) for n in range(25)]
    with pytest.raises(MissingObjectsError, match=r"25 raw objects(.|\n)*raw/019.gz\n  … and 5 more"):
        landing_plan({TEN: ()}, {TEN: row_of(*gone)}, SETTLED)
