"""A wait ends when its condition holds, when a part has failed, or when nothing moves any more."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from local.cloud.errors import NotReadyError
from local.waits import StandstillError, WaitCancelledError, Waiter


def looks(texts: list[str]) -> Callable[[], str]:
    """Return what is missing at each look: the texts one after the other, the last again and again."""
    left: Iterator[str] = iter(texts)
    last = [""]

    def missing() -> str:
        last[0] = next(left, last[0])
        return last[0]

    return missing


def test_a_wait_ends_once_nothing_is_missing() -> None:
    noted: list[str] = []

    Waiter(note=noted.append, poll=0).until("not there", looks(["two", "one", ""]))

    assert noted == ["two", "one"]


def test_a_wait_that_stands_still_says_what_it_waited_for() -> None:
    minutes = count(0, 60)
    waiter = Waiter(standstill=600, poll=0, clock=lambda: float(next(minutes)))

    with pytest.raises(StandstillError, match="tables are missing: nothing has changed for 600 s; daily_traffic"):
        waiter.until("tables are missing", looks(["hourly_traffic", "daily_traffic"]))


def test_whatever_changes_lets_a_wait_go_on() -> None:
    minutes = count(0, 60)

    waiter = Waiter(standstill=600, poll=0, clock=lambda: float(next(minutes)))

    waiter.until("lines are missing", looks([f"{left} lines" for left in range(100, 0, -1)] + [""]))


def test_a_part_that_has_failed_ends_a_wait_at_once() -> None:
    def failed() -> None:
        raise NotReadyError("the scheduler ended")

    waiter = Waiter(poll=0)
    waiter.add_check(failed)

    with pytest.raises(NotReadyError, match="the scheduler ended"):
        waiter.until("runs are missing", looks(["one run"]))


def test_a_wait_that_is_cancelled_ends() -> None:
    waiter = Waiter(poll=60)
    waiter.cancel()

    with pytest.raises(WaitCancelledError):
        waiter.until("runs are missing", looks(["one run"]))
