"""The table of a week."""

from typing import Final

from contracts.rules import NEW_USER_DAYS, RuleError
from contracts.tables.declaration import Partition, Table, optional, required
from contracts.tables.money import PURCHASES_IN_OTHER_CURRENCY, REFUNDED, REFUNDS, REVENUE

_WEEK: Final = required("week", "date", "The Monday with which the ISO week begins, UTC.")
_BY_WEEK: Final = (Partition(column="week", transform="identity"),)

#: A user is new at most once within so many days: so the new users of a week are those of its days, added up.
if NEW_USER_DAYS < 6:
    raise RuleError(f"NEW_USER_DAYS is {NEW_USER_DAYS}: a user could be new twice in a week, so it must be 6 or more")

WEEKLY_TRAFFIC: Final = Table(
    name="weekly_traffic",
    row_is="an ISO week with events",
    made_from="`user_days` and `daily_traffic` (and so `sessions`) of the week's days",
    partitions=_BY_WEEK,
    sort=("week",),
    columns=(
        _WEEK,
        required("events", "bigint", "Events of any name."),
        required("users", "bigint", "Distinct users of the week; not a sum over its days."),
        required("new_users", "bigint", f"Users not seen in the {NEW_USER_DAYS} days before their first day there."),
        required("returning_users", "bigint", "The other users."),
        required("sessions", "bigint", "Sessions that start in the week, without pieces marked `continued`."),
        required("converted_sessions", "bigint", "Of the sessions, those with a purchase."),
        optional("conversion", "double", "`converted_sessions` / `sessions`; null without sessions."),
        required("purchases", "bigint", "`Purchase` events of the week."),
        REVENUE,
        REFUNDS,
        REFUNDED,
        PURCHASES_IN_OTHER_CURRENCY,
    ),
)

WEEK_LEDGER: Final = Table(
    name="week_ledger",
    row_is="a week, as its last aggregation left it (stage 4)",
    made_from="each run of `aggregate_week`",
    partitions=_BY_WEEK,
    sort=("week",),
    columns=(
        _WEEK,
        required("input_version", "string", "Hash of the days' versions that it was made from; it decides staleness."),
        required("events", "bigint", "Events of the week's days."),
        required("users", "bigint", "Distinct users of the week."),
        required("sessions", "bigint", "Rows of `sessions` that start in the week."),
        required("failed_checks", "bigint", "Data checks of severity `fail` that did not hold."),
    ),
)
