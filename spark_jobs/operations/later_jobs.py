"""The stages that are computed once they are over, each with the job that computes its keys."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from contracts.ledger import LaterRow
from contracts.partitions import key_text
from contracts.stages import DAYS, DerivedStage
from spark_jobs.arguments import held_back_note
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.lake.lake import Lake


class LaterRun(Protocol):
    """What a run did: rows of the keys that it wrote, and of later keys that look back at these and were refreshed.

    `unchanged` are the keys asked for whose input had not changed, `held_back` those that a failed data check blocks.
    """

    @property
    def written(self) -> tuple[LaterRow, ...]: ...

    @property
    def refreshed(self) -> tuple[LaterRow, ...]: ...

    @property
    def unchanged(self) -> tuple[Any, ...]: ...

    @property
    def held_back(self) -> tuple[Any, ...]: ...


class LaterJob(Protocol):
    """A job that computes the keys that are stale, or forced; with `hold_back`, but those that are held back."""

    def __call__(
        self, lake: Lake, keys: Iterable[Any], /, *, force: bool = False, hold_back: bool = False
    ) -> LaterRun: ...


#: In the order in which they are computed.
LATER_JOBS: Final[Mapping[DerivedStage[Any, Any], LaterJob]] = {DAYS: aggregate_days}


def summary(stage: DerivedStage[Any, Any], run: LaterRun, seconds: float) -> str:
    """Return the line that says what was done."""
    made, name = run.written, stage.title
    keys = f" ({key_text(made[0].key)} … {key_text(made[-1].key)})" if made else ""
    held_back = held_back_note(stage.source.title, map(key_text, run.held_back))
    return (
        f"aggregate_{stage.name}s: {len(made)} {name}s made{keys}, {len(run.refreshed)} later {name}s told again, "
        f"{len(run.unchanged)} unchanged{held_back}; {sum(row.events for row in made)} events in "
        f"{sum(row.sessions for row in made)} sessions; {seconds:.1f} s"
    )
