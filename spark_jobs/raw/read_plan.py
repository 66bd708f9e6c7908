"""Raw objects → which task reads which: few tasks, alike in size, each with landing hours of its own where it can."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from contracts.versions import RawObject

#: Reading an object costs as much as reading so many bytes more (a request, a query's plan).
OBJECT_COST: Final = 64 * 1024
#: Of compressed bytes: a task of more is long to repeat, one of less is mostly start.
LARGEST_TASK: Final = 64 * 1024 * 1024
SMALLEST_TASK: Final = 2 * 1024 * 1024

Task = tuple[RawObject, ...]


def read_tasks(objects: Sequence[RawObject], *, cores: int) -> tuple[Task, ...]:
    """Return the tasks, in the objects' order, so that neighbours (of one landing hour) are read by one task.

    One task for each core: every task writes a file of its own per partition, and late events alone reach into 150 of
    them. More come only when they would be too large.
    """
    if not objects:
        return ()
    ends = list(accumulate(raw_object.size + OBJECT_COST for raw_object in objects))
    total = ends[-1]
    wanted = max(min(cores, total // SMALLEST_TASK), total // LARGEST_TASK, 1)
    return tuple(_cut(objects, ends, total / wanted))


def _cut(objects: Sequence[RawObject], ends: Sequence[int], share: float) -> Iterator[Task]:
    """Cut a sequence where its running total passes the next multiple of `share`."""
    task: list[RawObject] = []
    number = 0
    for raw_object, end in zip(objects, ends, strict=True):
        task.append(raw_object)
        if end >= share * (number + 1) - 0.5:
            yield tuple(task)
            task = []
            number = int((end + 0.5) // share)
    if task:
        yield tuple(task)
