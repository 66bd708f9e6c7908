"""The metrics that the DAGs and the live minutes put to CloudWatch; on most of the DAGs' the template has alarms."""

from enum import StrEnum
from typing import Final

NAMESPACE: Final = "Clickstream"
#: A lake is known by its database, e.g. `clickstream_prod`.
DIMENSION: Final = "Database"


class Metric(StrEnum):
    """A metric of one lake."""

    #: One for each landing hour whose lines balance and whose checks hold.
    SETTLED_HOURS = "SettledHours"
    #: From the end of a landing hour to its tables.
    SECONDS_BEHIND = "SecondsBehind"
    #: The part of an hour's lines that are no events, 0–1.
    REJECTED_SHARE = "RejectedShare"
    #: One for each time that counts did not add up.
    UNBALANCED_HOURS = "UnbalancedHours"
    #: One for each time that a data check of severity `fail` did not hold.
    FAILED_CHECKS = "FailedChecks"
    #: In each hour, the late events that event hours lack until it is worth making them again; no alarm looks at it.
    DEFERRED_EVENTS = "DeferredEvents"
    #: One for each run in which the stream needed shards and could not have them.
    SCALING_STUCK = "ScalingStuck"
    #: Of each minute of arrival, the events received; no alarm looks at it, nor at the next two.
    LIVE_EVENTS = "LiveEvents"
    #: Of each minute of arrival, the part of its lines that are no events, 0–1.
    LIVE_REJECTED_SHARE = "LiveRejectedShare"
    #: From the arrival of the newest event to when the live minutes counted it.
    LIVE_SECONDS_BEHIND = "LiveSecondsBehind"
