"""A sample of ids is exact while all are kept, an estimate that says so beyond, and the same in whatever order."""

from collections import Counter
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from live.id_sample import KEPT, IdSample


def sample_of(*parts: Counter[int]) -> IdSample:
    sample = IdSample()
    for part in parts:
        sample.add(part)
    return sample


def figures(sample: IdSample) -> tuple[int, int, int]:
    return sample.distinct, sample.repeated, sample.one_in


def test_no_id_was_seen_of_nothing() -> None:
    assert figures(IdSample()) == (0, 0, 1)


@given(ids=st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_a_sample_that_keeps_all_ids_is_exact(ids: list[int]) -> None:
    assert figures(sample_of(Counter(ids))) == (len(set(ids)), len(ids) - len(set(ids)), 1)


@settings(max_examples=20)
@given(seed=st.integers(0, 1_000), cuts=st.lists(st.integers(0, 3 * KEPT), max_size=5))
def test_parts_in_any_order_and_united_samples_are_one_sample_of_all(seed: int, cuts: list[int]) -> None:
    random = Random(seed)
    ids = [random.getrandbits(64) for _ in range(2 * KEPT)]
    ids += ids[: KEPT // 2]
    whole = sample_of(Counter(ids))
    random.shuffle(ids)
    bounds = [0, *sorted(cuts), len(ids)]
    parts = [Counter(ids[start:end]) for start, end in pairwise(bounds)]
    united = IdSample()
    for part in parts:
        united.unite(sample_of(part))
    assert figures(sample_of(*parts)) == figures(united) == figures(whole)


def test_an_estimate_is_near_the_truth_and_says_that_it_is_one() -> None:
    random = Random(1)
    ids = [random.getrandbits(64) for _ in range(50_000)]
    sample = sample_of(Counter([*ids, *ids[:5_000]]))
    assert abs(sample.distinct - 50_000) < 50_000 * 4 / KEPT**0.5
    assert abs(sample.repeated - 5_000) < 5_000 * 0.5
    assert 40 < sample.one_in < 60


def test_as_many_ids_as_are_kept_are_exact_and_one_more_is_not() -> None:
    assert figures(sample_of(Counter(range(KEPT)))) == (KEPT, 0, 1)
    assert sample_of(Counter(range(KEPT + 1))).one_in > 1


def test_a_query_that_left_ids_out_makes_an_estimate_of_it() -> None:
    sample = IdSample()
    sample.add({1: 1}, is_whole=False)
    assert sample.one_in > 1
