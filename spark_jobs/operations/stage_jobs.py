"""The stages that are computed once they are over, each with the job that computes its keys."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from contracts.partitions import key_text
from contracts.stages import DAYS, WEEKS, DerivedStage
from spark_jobs.arguments import held_back_note
from spark_jobs.daily.aggregate_days import aggregate_days
from spark_jobs.daily.aggregate_weeks import aggregate_weeks
from spark_jobs.lake.ledgers import Aggregated

#: In the order in which they are computed; each has the arguments of `aggregate_days`.
LATER_JOBS: Final[Mapping[DerivedStage[Any, Any], Callable[..., Aggregated[Any, Any]]]] = {
    DAYS: aggregate_days,
    WEEKS: aggregate_weeks,
}


def summary(stage: DerivedStage[Any, Any], run: Aggregated[Any, Any], seconds: float) -> str:
    """Return the line that says what was done."""
    made, name = run.written, stage.title
    keys = f" ({key_text(made[0].key)} … {key_text(made[-1].key)})" if made else ""
    held_back = held_back_note(stage.source.title, map(key_text, run.held_back))
    return (
        f"aggregate_{stage.name}s: {len(made)} {name}s made{keys}, {len(run.refreshed)} later {name}s refreshed, "
        f"{len(run.unchanged)} unchanged{held_back}; {sum(row.events for row in made)} events in "
        f"{sum(row.sessions for row in made)} sessions; {seconds:.1f} s"
    )
