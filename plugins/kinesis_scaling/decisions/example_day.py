"""One made day of traffic → the decisions of the policy in it, as the DAG would have recorded them: for the docs.

Nothing of it is random, so that the page made of it changes only when the policy or the page's layout does.
"""

import math
from bisect import bisect_right
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from kinesis_scaling.decisions.decision_record import DecisionRecord, Outcome
from kinesis_scaling.scaling_policy import decide
from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.simulation import simulate as simulation
from kinesis_scaling.simulation.simulate import Move, simulate
from kinesis_scaling.simulation.stream_model import StreamModel
from kinesis_scaling.simulation.traces import Trace
from kinesis_scaling.stream_settings import Mode
from kinesis_scaling.stream_state import StreamState

START: Final = datetime(2026, 11, 22, tzinfo=UTC)
END: Final = START + timedelta(days=1)
STREAM: Final = "clickstream-prod-events"
_INTERVAL: Final = timedelta(minutes=5)
_COUNT: Final = timedelta(days=1) // _INTERVAL
#: Somebody resizes the stream by hand at this second, while a split is under way.
_BY_HAND: Final = (14 * 3600 + 17 * 60 + 50, 12)


def example_decisions() -> list[DecisionRecord]:
    """Return the day's records, in order."""
    watched = _Watched(Settings(minimum_shards=2, maximum_shards=24))
    outcome = simulate(_trace(), watched.policy, StreamModel(foreign_changes=(_BY_HAND,)), open_shards=4)
    return [_ended(record, outcome) for record in watched.noted]


def _trace() -> Trace:
    """Return a day with a quiet night, a busy evening, and a spike that nobody has foreseen."""
    shares = (_shards(place * 24 / _COUNT, place) for place in range(_COUNT))
    counts = tuple(shards * 1000 * _INTERVAL.total_seconds() for shards in shares)
    return Trace(name="example", start=START, interval=_INTERVAL, counts=counts)


def _shards(hour: float, place: int) -> float:
    daily = 2.2 - 1.6 * math.cos(2 * math.pi * (hour - 4) / 24)
    ripple = 1 + 0.08 * math.sin(place * 2.4)
    spike = 14.0 * 0.85 ** ((hour - 20) * 12) if hour >= 20 else 0.0
    return daily * ripple + spike


class _Watched:
    """The policy, whose answers are noted as `kinesis_scaling.stream.watch` does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.noted: list[DecisionRecord] = []

    def policy(self, state: StreamState) -> Move | None:
        decision = decide(state, self._settings)
        record = DecisionRecord.of(
            decision, stream_name=STREAM, decided_at=state.now, mode=Mode.ON, decided_by="scheduled__2026-11-22"
        )
        if record.outcome is Outcome.PENDING:
            self.noted.append(record)
            return Move(action=decision.action, target=decision.target_shard_count)
        if decision.worth_recording:
            if self.noted and self.noted[-1].says_the_same(record):
                self.noted[-1] = self.noted[-1].again(record.decided_at)
            else:
                self.noted.append(record)
        return None


def _ended(record: DecisionRecord, outcome: simulation.Outcome) -> DecisionRecord:
    """Return a record with what the simulated stream made of it: what it changed to next."""
    if record.outcome is not Outcome.PENDING:
        return record
    decided = (record.decided_at - START).total_seconds()
    second, found = outcome.capacity[bisect_right(outcome.capacity, decided, key=lambda change: change[0])]
    at = START + timedelta(seconds=second)
    if found == record.target_shards:
        return record.ended(Outcome.DONE, at=at, resulting_shards=found)
    detail = f"{record.target_shards} shards were to be open, {found} are: somebody else changed the stream"
    return replace(record, outcome=Outcome.SUPERSEDED, finished_at=at, resulting_shards=found, outcome_detail=detail)
