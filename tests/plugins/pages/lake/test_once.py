"""What is expensive is computed once for all who ask, and kept within a bound."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from pages.errors import BusyError, LakeUnreachableError
from pages.lake import slow
from pages.lake.once import Believed, Once
from pages.lake.slow import NotYetError, Slow


def test_who_asks_meanwhile_gets_what_is_computed() -> None:
    once: Once[str, int] = Once(10, lambda _: 1)
    begun, again, end = Event(), Event(), Event()

    def compute() -> int:
        again.set() if begun.is_set() else begun.set()
        end.wait(30)
        return 7

    with ThreadPoolExecutor(4) as people:
        asked = [people.submit(once.get, "key", compute) for _ in range(4)]
        assert begun.wait(30)
        was_computed_again = again.wait(0.3)
        end.set()
        assert [each.result(30) for each in asked] == [7] * 4
    assert not was_computed_again


def test_what_was_used_longest_ago_goes_first() -> None:
    once: Once[str, str] = Once(4, len)
    computed: list[str] = []

    def get(key: str) -> str:
        return once.get(key, lambda: computed.append(key) or key)  # type: ignore[func-returns-value]

    for key in ("aa", "bb", "aa", "cc", "aa", "bb"):
        get(key)
    assert computed == ["aa", "bb", "cc", "bb"]
    assert once.size == 4


def test_what_is_too_large_is_given_and_not_kept() -> None:
    once: Once[str, str] = Once(4, len)
    once.get("small", lambda: "abc")
    assert once.get("large", lambda: "abcdef") == "abcdef"
    assert once.size == 3


def test_an_error_reaches_all_who_wait_and_is_tried_again() -> None:
    once: Once[str, int] = Once(10, lambda _: 1)

    def fail() -> int:
        raise LakeUnreachableError("away", "wait")

    with pytest.raises(LakeUnreachableError):
        once.get("key", fail)
    assert once.get("key", lambda: 1) == 1


def test_an_answer_is_believed_for_a_while_and_so_is_an_error() -> None:
    now = [0.0]
    answers: Iterator[int | LakeUnreachableError] = iter([1, LakeUnreachableError("away", "wait"), 2])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    believed = Believed(ask, 5.0, clock=lambda: now[0])
    assert [believed.now(), believed.now()] == [1, 1]
    now[0] = 5.0
    for _ in range(2):
        with pytest.raises(LakeUnreachableError, match="away; wait"):
            believed.now()
    now[0] = 10.0
    assert believed.now() == 2


def test_a_slow_one_keeps_nobody_waiting() -> None:
    slow_ones, end = Slow(patience=0.01, at_once=1), Event()

    def wait() -> int:
        end.wait(30)
        return 3

    with pytest.raises(NotYetError):
        slow_ones.get(("slow",), wait)
    end.set()
    patient = Slow(patience=30.0)
    patient._results = slow_ones._results
    assert patient.get(("slow",), wait) == 3


def test_too_many_slow_ones_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow, "MOST_WAITING", 2)
    slow_ones, end = Slow(patience=0.0, at_once=1), Event()
    try:
        for number in range(2):
            with pytest.raises(NotYetError):
                slow_ones.get((str(number),), lambda: end.wait(30))
        with pytest.raises(BusyError, match="Wait a minute"):
            slow_ones.get(("2",), lambda: end.wait(30))
    finally:
        end.set()


def test_what_a_slow_one_raises_is_raised_and_tried_again() -> None:
    slow_ones = Slow(patience=30.0)

    def fail() -> int:
        raise LakeUnreachableError("away", "wait")

    with pytest.raises(LakeUnreachableError):
        slow_ones.get(("key",), fail)
    assert slow_ones.get(("key",), lambda: 1) == 1
