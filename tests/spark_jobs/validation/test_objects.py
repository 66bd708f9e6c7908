"""How objects are dealt to tasks: each once, in order, in shares of like size."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.versions import RawObject
from spark_jobs.validation.objects import LARGEST_TASK, OBJECT_COST, SMALLEST_TASK, Task, read_tasks

MIB = 1024 * 1024


def objects_of(*sizes: int) -> list[RawObject]:
    return [RawObject(key=f"{number:05}", etag="", size=size) for number, size in enumerate(sizes)]


def cost(task: Task) -> int:
    return sum(raw_object.size + OBJECT_COST for raw_object in task)


@given(sizes=st.lists(st.integers(0, 200 * MIB), max_size=60), cores=st.integers(1, 64))
def test_each_object_is_read_once_in_order_and_no_task_exceeds_its_share_by_more_than_an_object(
    sizes: list[int], cores: int
) -> None:
    objects = objects_of(*sizes)
    tasks = read_tasks(objects, cores=cores)
    assert [raw_object for task in tasks for raw_object in task] == objects
    assert all(tasks)
    if objects:
        total = sum(size + OBJECT_COST for size in sizes)
        share = max(total / cores, SMALLEST_TASK)
        assert max(map(cost, tasks)) <= max(share, SMALLEST_TASK * 2, LARGEST_TASK) + max(sizes) + OBJECT_COST


def test_sixteen_like_objects_on_four_cores_are_four_tasks() -> None:
    assert [len(task) for task in read_tasks(objects_of(*[8 * MIB] * 16), cores=4)] == [4, 4, 4, 4]


def test_no_task_is_so_large_that_its_repetition_would_cost_much() -> None:
    assert [len(task) for task in read_tasks(objects_of(*[32 * MIB] * 8), cores=1)] == [2, 2, 2, 2]


def test_thousands_of_small_objects_are_a_few_tasks() -> None:
    assert len(read_tasks(objects_of(*[500] * 1700), cores=4)) == 4


def test_a_single_small_object_is_one_task_and_none_is_none() -> None:
    assert len(read_tasks(objects_of(10), cores=8)) == 1
    assert read_tasks([], cores=8) == ()
