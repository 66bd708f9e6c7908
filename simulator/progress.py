"""A progress bar on standard error: of a known total, or counting; without a terminal, its last state only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text


class _Speed(TextColumn):
    """How many steps a second there are on average."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


@contextmanager
def progress_bar(label: str, *, total: int | None, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar until the end of the block, unless `quiet`; give the function that advances it by some steps."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f}"),
        _Speed(""),
        TimeElapsedColumn(),
    )
    # What is printed on standard output is the result, and never passes through the bar.
    with Progress(*columns, console=Console(stderr=True), disable=quiet, redirect_stdout=False) as progress:
        task = progress.add_task(label, total=total)
        yield lambda steps: progress.advance(task, steps)
