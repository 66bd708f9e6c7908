"""What is shown of a ranking adds up to all of it."""

from hypothesis import given
from hypothesis import strategies as st

from pages.views.ranking import ranked_bars

COUNTS = st.dictionaries(st.text(max_size=3), st.integers(0, 100), max_size=20)


@given(now=COUNTS, before=COUNTS, shown=st.integers(1, 10))
def test_bars_and_the_rest_add_up(now: dict[str, int], before: dict[str, int], shown: int) -> None:
    bars = ranked_bars(now, before, shown=shown)
    assert sum(bar.value or 0 for bar in bars) == sum(now.values())
    assert [bar.rest for bar in bars[:-1]] == [False] * (len(bars) - 1 if bars else 0)
    named = [bar for bar in bars if not bar.rest]
    values = [int(bar.value or 0) for bar in named]
    assert values == sorted(values, reverse=True)
    if bars and bars[-1].rest:
        assert len(named) == shown
        if before:
            assert sum(bar.before or 0 for bar in bars) == sum(before.values())


def test_a_single_name_is_never_the_rest() -> None:
    assert [bar.label for bar in ranked_bars({"a": 3, "b": 2, "c": 1}, shown=2)] == ["a", "b", "c"]
    assert [bar.label for bar in ranked_bars({"a": 3, "b": 2, "c": 1, "d": 1}, shown=2)] == ["a", "b", "2 others"]
