"""A failed data check → what it holds back, what was found beside what is usual, and what may be written by name when.

A key that a person names is written all the same. So this module answers for the person who said that a failure is
right: which keys that are, whether it is time, and whether they still read only what was said to be right.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final

from contracts.data_checks import CheckResult, stopping_results
from contracts.ledger import LedgerRow
from contracts.names import LakeLocation
from contracts.partitions import DAY, HOUR, key_text, start_of
from contracts.stages import EVENT_HOURS, LATER_STAGES, STAGES, DerivedStage, Stage
from contracts.staleness import key_to_await
from pipeline.lake_status.derived import KeysNow, settling
from pipeline.lake_status.store import FailedChecks, LedgerStore, open_ledger

#: What is usual is the median of the keys so long before: of hours, days.
USUAL_OF_HOURS: Final = 7 * DAY
USUAL_OF_DAYS: Final = 28 * DAY


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Keys in a row that are written by one run: from `first` to `last`, both included."""

    stage: DerivedStage[Any, Any]
    first: Any
    last: Any

    @property
    def keys(self) -> list[Any]:
        """Return the keys."""
        return self.stage.between(self.first, self.last + self.stage.step)

    def __str__(self) -> str:
        first, last = key_text(self.first), key_text(self.last)
        return first if first == last else f"{first} … {last}"


@dataclass(frozen=True, kw_only=True)
class FailureNow:
    """A failure that still stands: what was found, what is usual, and what it holds back.

    `also_failed` are other failures that hold back some of the same, by their identities and names.
    """

    failed: FailedChecks
    results: tuple[CheckResult, ...]
    usual: Mapping[str, float]
    units: tuple[Unit, ...]
    also_failed: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Writable:
    """Whether a unit can be written by name now: `unit` is what of it is held back, or there is a `reason` why not.

    Without either, it is not time yet: its keys are not over.
    """

    unit: Unit | None = None
    reason: str = ""


def stage_after(stage: Stage[Any, Any]) -> DerivedStage[Any, Any] | None:
    """Return the stage that is computed from one, and that failed checks of it hold back; the last one has none."""
    return next((later for later in (EVENT_HOURS, *LATER_STAGES) if later.source is stage), None)


def failures_to_decide(
    lake: LakeLocation, own: Mapping[Stage[Any, Any], Collection[Any]], before: Collection[str] | None
) -> list[FailedChecks]:
    """Return the failures of a run's own keys and, given what had failed `before` it, all that are new since.

    Only those are returned that hold something back.
    """
    return [
        failed
        for failed in open_ledger(lake).failed_checks()
        if stage_after(failed.stage)
        and (failed.key in own.get(failed.stage, ()) or (before is not None and failed.identity not in before))
    ]


def failure_now(lake: LakeLocation, stage: Stage[Any, Any], key: date, input_version: str) -> FailureNow | None:
    """Return a failure as it stands; None if its key was written again since, or nothing is held back by it."""
    ledger = open_ledger(lake)
    row, after = ledger.row(stage, key), stage_after(stage)
    if row is None or after is None or not row.failed_checks or row.input_version != input_version:
        return None
    units = _held_back_by(lake, after, row)
    if not units:
        return None
    failed = FailedChecks(stage=stage, key=key, input_version=input_version)
    others = {other.identity: other.named for unit in units for other in _failed_sources(ledger, unit)}
    others.pop(failed.identity, None)
    results = stopping_results(ledger.check_results(stage, key, key), input_version)
    names = {result.check_name for result in results}
    return FailureNow(
        failed=failed,
        results=tuple(results),
        usual=_usual(ledger, stage, key, names),
        units=tuple(units),
        also_failed=others,
    )


def writable(lake: LakeLocation, unit: Unit, shown: Collection[str]) -> Writable:
    """Return whether a unit can be written by name, for a person who saw the failures `shown`, by their identities."""
    now = settling(lake, unit.stage, unit.first, unit.last + unit.stage.step, defer=False)
    if not all(_is_over(now, key) for key in unit.keys):
        return Writable()
    held = [key for key in now.stale() if now.inputs[key].held_back]
    if not held:
        return Writable(reason=f"{unit.stage.title} {unit} is not held back any more")
    left = Unit(stage=unit.stage, first=held[0], last=held[-1])
    unseen = [other.named for other in _failed_sources(open_ledger(lake), left) if other.identity not in shown]
    if unseen:
        failures = ", ".join(sorted(set(unseen)))
        return Writable(reason=f"{unit.stage.title} {left} is also held back by what failed since: {failures}")
    return Writable(unit=left)


def _held_back_by(lake: LakeLocation, after: DerivedStage[Any, Any], row: LedgerRow) -> list[Unit]:
    """Return what a failed row holds back, or will hold back once its events are there: all that reads it, if stale."""
    reading = sorted(after.reading(after.given([row])))
    if not reading:
        return []
    now = settling(lake, after, reading[0], reading[-1] + after.step, defer=False)
    stale = set(now.stale())
    held = [key for key in reading if key in stale or key not in now.written]
    # A day is written by a run of its own; one run writes a range of hours.
    return [*_in_a_row(after, held)] if after is EVENT_HOURS else [Unit(stage=after, first=k, last=k) for k in held]


def _in_a_row(stage: DerivedStage[Any, Any], keys: Iterable[Any]) -> Iterator[Unit]:
    unit: Unit | None = None
    for key in keys:
        if unit and key == unit.last + stage.step:
            unit = Unit(stage=stage, first=unit.first, last=key)
            continue
        if unit:
            yield unit
        unit = Unit(stage=stage, first=key, last=key)
    if unit:
        yield unit


def _is_over(now: KeysNow[Any, Any], key: Any) -> bool:
    """Return whether a key has what it is written from: an hour its stragglers, a day its hours and those after it.

    Written sooner, it would lack what comes then, and that would be held back once more.
    """
    if now.stage is EVENT_HOURS:
        return any(settled and hour > key for hour, settled in now.settled.items())
    if key in now.waiting:
        return False
    awaited = key_to_await(now.stage, now.inputs[key], now.written.get(key))
    return awaited is None or now.is_settled(awaited)


def _failed_sources(ledger: LedgerStore, unit: Unit) -> list[FailedChecks]:
    """Return the failures that hold back keys of a unit."""
    stage = unit.stage
    rows = ledger.rows(stage.source, *stage.feeding(unit.first, unit.last))
    return [
        FailedChecks(stage=stage.source, key=row.key, input_version=row.input_version)
        for row in rows
        if row.failed_checks and not stage.reading(stage.given([row])).isdisjoint(unit.keys)
    ]


def _usual(ledger: LedgerStore, stage: Stage[Any, Any], key: date, names: Collection[str]) -> dict[str, float]:
    """Return the median of each check's figure in the keys before; one that was never found is left out."""
    back: timedelta = USUAL_OF_HOURS if stage.step == HOUR else USUAL_OF_DAYS
    found: dict[str, list[float]] = {}
    start: datetime = start_of(key)
    for result in ledger.check_results(stage, key - back, key - stage.step):
        if result.check_name in names and result.observed is not None and result.checked_from < start:
            found.setdefault(result.check_name, []).append(result.observed)
    return {name: median(figures) for name, figures in found.items()}


def stage_named(name: str) -> Stage[Any, Any]:
    """Return a stage by its name; raise `KeyError` that names the known ones."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise KeyError(f"no stage is named {name!r}; the stages are {', '.join(stage.name for stage in STAGES)}")
