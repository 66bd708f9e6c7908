"""The names that `--policy` takes → policies that scale, and plans that do not need to."""

from collections.abc import Callable
from typing import Final

from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.scaling_policy import decide
from kinesis_scaling.scaling_settings import Settings
from kinesis_scaling.simulation.published_policies import AwsSamples, Epsagon, ScalingUtils, Substation, TargetTracking
from kinesis_scaling.simulation.simulate import Move, Policy
from kinesis_scaling.stream_state import StreamState

OURS: Final = "ours"
FIXED: Final = "fixed"
ON_DEMAND: Final = "on-demand"
CLAIRVOYANT: Final = "clairvoyant"

#: Each has a memory, so each run makes a new one.
PUBLISHED: Final[dict[str, Callable[[], Policy]]] = {
    "aws-samples": AwsSamples,
    "scaling-utils": ScalingUtils,
    "substation": Substation,
    "epsagon": Epsagon,
    "target-tracking": TargetTracking,
}
NAMES: Final = (OURS, *PUBLISHED, FIXED, ON_DEMAND, CLAIRVOYANT)


def our_policy(settings: Settings) -> Policy:
    """Return `decide` as the simulator asks it."""

    def policy(state: StreamState) -> Move | None:
        decision = decide(state, settings)
        if decision.action is Action.HOLD:
            return None
        return Move(action=decision.action, target=decision.target_shard_count, why=decision.explanation)

    return policy


def scaling_policy_named(name: str, settings: Settings) -> Policy | None:
    """Return a new policy of that name; None for a name that is a plan."""
    if name == OURS:
        return our_policy(settings)
    made = PUBLISHED.get(name)
    return made() if made else None
