"""Tables of a day: sessions, who was there, and what they came to."""

from typing import Final

from contracts.rules import NEW_USER_DAYS, PATH_EVENT_NAMES, PATH_STEPS, RETENTION_DAYS
from contracts.tables.declaration import Partition, Table, optional, required
from contracts.tables.hourly import WITHOUT_BOTS
from contracts.tables.money import (
    OLDER,
    PRODUCT_REFUNDED,
    PRODUCT_REFUNDS,
    PRODUCT_REVENUE,
    PURCHASES_IN_OTHER_CURRENCY,
    PURCHASES_WITHOUT_PRICE,
    REFUNDED,
    REFUNDS,
    REVENUE,
)

_DAY: Final = required("day", "date", "The day, UTC.")
_BY_DAY: Final = (Partition(column="day", transform="identity"),)
_SITE: Final = optional(
    "site", "string", "The pixel (site) whose visitor it is, where ids are per site (`ids_per_site`); null elsewhere."
)

SESSIONS: Final = Table(
    name="sessions",
    row_is="a session, by the day on which it starts",
    made_from="`clean_events` of the day, the day before and the day after",
    partitions=(Partition(column="session_start", transform="days"),),
    sort=("user_id", "session_start"),
    columns=(
        required("session_start", "timestamp", "Its first event; with the user it identifies the session."),
        required("session_end", "timestamp", "Its last event."),
        required("user_id", "string", "The visitor."),
        required(
            "continued",
            "boolean",
            "True for a piece of a session that was cut at midnight after a day without any gap; not counted again.",
        ),
        required("events", "bigint", "Events of any name."),
        required("searches", "bigint", "`Search` events."),
        required("views", "bigint", "`ViewContent` events."),
        required("carts", "bigint", "`AddToCart` events."),
        required("purchases", "bigint", "`Purchase` events."),
        REVENUE,
        required("landing_event_name", "string", "Name of the first event; of events at one time, the first received."),
        optional("landing_product_id", "string", "The first event's product."),
        optional("landing_pixel_id", "string", "The first event's pixel (site)."),
        optional("landing_page_url", "string", "The first event's `page_url`."),
        optional(
            "landing_referrer_host",
            "string",
            "The host of the first event's `referrer`, A to Z in lower case, without user-info and port; null if it is "
            "that of the event's own page, or if there is none.",
        ),
        optional("landing_utm_source", "string", "The first event's `utm_source`."),
        optional("landing_utm_medium", "string", "The first event's `utm_medium`."),
        optional("landing_utm_campaign", "string", "The first event's `utm_campaign`."),
        _SITE,
    ),
)

USER_DAYS: Final = Table(
    name="user_days",
    row_is="a user with events on a day",
    made_from="`clean_events` of the day",
    partitions=_BY_DAY,
    sort=("user_id",),
    columns=(
        _DAY,
        required("user_id", "string", "The visitor."),
        required("first_event", "timestamp", "The user's first event of the day."),
        required("last_event", "timestamp", "The user's last event of the day."),
        required("events", "bigint", "The user's events of the day."),
        _SITE,
    ),
)

DAILY_TRAFFIC: Final = Table(
    name="daily_traffic",
    row_is="a day with events",
    made_from=(
        f"`hourly_traffic`, `sessions` and `user_days` of the day, `user_days` of the {NEW_USER_DAYS} days before"
    ),
    partitions=_BY_DAY,
    sort=("day",),
    columns=(
        _DAY,
        required("events", "bigint", "Events of any name."),
        required("users", "bigint", "Distinct users; not a sum over days."),
        required("new_users", "bigint", f"Users not seen in the {NEW_USER_DAYS} days before."),
        required("returning_users", "bigint", "The other users."),
        required("sessions", "bigint", "Sessions that start on the day, without pieces marked `continued`."),
        required("bounces", "bigint", "Of these, sessions of one event."),
        optional("bounce_share", "double", "`bounces` / `sessions`; null without sessions."),
        required("converted_sessions", "bigint", "Of the sessions, those with a purchase."),
        optional("conversion", "double", "`converted_sessions` / `sessions`; null without sessions."),
        required("purchases", "bigint", "`Purchase` events of the day."),
        REVENUE,
        PURCHASES_WITHOUT_PRICE,
        optional(
            "average_order",
            "decimal(38,2)",
            "`revenue` / purchases with a price in the shop's currency, rounded half up; null without any.",
        ),
        REFUNDS,
        REFUNDED,
        PURCHASES_IN_OTHER_CURRENCY,
        optional(
            f"users{WITHOUT_BOTS}",
            "bigint",
            f"Distinct users with an event that is not flagged as a bot's; {OLDER}.",
        ),
        optional(
            f"sessions{WITHOUT_BOTS}",
            "bigint",
            f"Of the sessions, those with an event that is not flagged as a bot's; {OLDER}.",
        ),
        optional(
            f"converted_sessions{WITHOUT_BOTS}",
            "bigint",
            f"Of the sessions, those with a purchase that is not flagged as a bot's; {OLDER}.",
        ),
        optional(
            f"conversion{WITHOUT_BOTS}",
            "double",
            f"`converted_sessions{WITHOUT_BOTS}` / `sessions{WITHOUT_BOTS}`; null without such sessions.",
        ),
    ),
)

DAILY_FUNNEL: Final = Table(
    name="daily_funnel",
    row_is="a step of the funnel Search → ViewContent → AddToCart → Purchase on a day with events",
    made_from="`clean_events` of the day",
    partitions=_BY_DAY,
    sort=("day", "step"),
    columns=(
        _DAY,
        required("step", "bigint", "Its place in the funnel, 1–4."),
        required("event_name", "string", "The step's event."),
        required(
            "users_in_order",
            "bigint",
            "Users who did this step after all the earlier ones, that day; events at one time count as in order.",
        ),
        required("users_in_any_order", "bigint", "Users who did this step at all, that day."),
        optional(
            "median_seconds",
            "double",
            "Median time from the step before to this one, each at the earliest possible, of users in order.",
        ),
    ),
)

DAILY_RETENTION: Final = Table(
    name="daily_retention",
    row_is=f"a cohort (the users new on one day), if there is one, on a day 0–{RETENTION_DAYS} days later",
    made_from=f"`user_days` of the day and of the {NEW_USER_DAYS + RETENTION_DAYS} days before",
    partitions=_BY_DAY,
    sort=("day", "age"),
    columns=(
        _DAY,
        required("cohort_day", "date", "The day on which the cohort's users were new."),
        required("age", "bigint", "Days from `cohort_day` to `day`."),
        required("cohort_users", "bigint", "Users who were new on `cohort_day`."),
        required("active_users", "bigint", "Of these, users with events on `day`."),
    ),
)

DAILY_PRODUCT_STATS: Final = Table(
    name="daily_product_stats",
    row_is="a product with a view, cart, purchase or refund on a day",
    made_from="`clean_events` of the day",
    partitions=_BY_DAY,
    sort=("product_id",),
    columns=(
        _DAY,
        required("product_id", "string", "The product."),
        required("users", "bigint", "Distinct users of these events; not a sum over products or days."),
        required("views", "bigint", "`ViewContent` events of the product."),
        required("carts", "bigint", "`AddToCart` events of the product."),
        required("purchases", "bigint", "`Purchase` events of the product."),
        PRODUCT_REVENUE,
        PRODUCT_REFUNDS,
        PRODUCT_REFUNDED,
    ),
)

DAILY_SOURCES: Final = Table(
    name="daily_sources",
    row_is="a source and medium with sessions that start on a day",
    made_from="`sessions` of the day, and so, since clients name their sources, at most as large as they are",
    partitions=_BY_DAY,
    sort=("source",),
    columns=(
        _DAY,
        required(
            "source",
            "string",
            "The session's `landing_utm_source`; without one its `landing_referrer_host`, without either `direct`.",
        ),
        optional("medium", "string", "The session's `landing_utm_medium`."),
        required(
            "sessions",
            "bigint",
            "Sessions, without pieces marked `continued`; the rows of a day add up to those of `daily_traffic`.",
        ),
        required("users", "bigint", "Distinct users of these and of the pieces; not a sum over rows or days."),
        required("converted_sessions", "bigint", "Of the sessions, those with a purchase."),
        optional("conversion", "double", "`converted_sessions` / `sessions`; null without sessions."),
        required(
            "revenue",
            "decimal(38,2)",
            "Revenue of the sessions and of the pieces, by the day on which they start: the rows of a day add up to "
            "those of `sessions`, which go on after midnight.",
        ),
    ),
)

#: In the place of an event's name in `daily_transitions`: where a session starts, where it ends, and every name that is
#: not shown. An event that a client calls so is among the last.
SESSION_START: Final = "(start)"
SESSION_END: Final = "(end)"
OTHER_EVENTS: Final = "(other)"

DAILY_TRANSITIONS: Final = Table(
    name="daily_transitions",
    row_is="what sessions that start on a day do next: at a step, from one event name to another",
    made_from="`clean_events` of the day, the day before and the day after",
    partitions=_BY_DAY,
    sort=("day", "step", "from_event", "to_event"),
    columns=(
        _DAY,
        required(
            "step",
            "bigint",
            "The place of `to_event` among the session's stops; a stop is one or more events of one name in a row. "
            f"{PATH_STEPS + 1} stands for all later places, too.",
        ),
        required(
            "from_event",
            "string",
            f"The name before, one of the {PATH_EVENT_NAMES} with the most events of the day; `{OTHER_EVENTS}` is any "
            f"other, and `{SESSION_START}` is before a session's first event.",
        ),
        required(
            "to_event",
            "string",
            f"The name after; the same as `from_event` where the stop has several events. `{SESSION_END}` is after a "
            "session's last event.",
        ),
        required(
            "sessions",
            "bigint",
            "Sessions that do so, without pieces marked `continued`. Those that start, and those that end, add up to "
            "`daily_traffic.sessions`; at each step as many come to an event as, at the next, leave it for another.",
        ),
        required(
            "transitions",
            "bigint",
            "How often: more than `sessions` where a stop has several events, and in the last step. Those to a name "
            "are as many as those from it: its events.",
        ),
    ),
)

IDENTITY_LINKS: Final = Table(
    name="identity_links",
    row_is="a browser or device and a user that events of a day name together",
    made_from="`clean_events` of the day",
    partitions=_BY_DAY,
    sort=("user_id", "anonymous_id"),
    columns=(
        _DAY,
        required("anonymous_id", "string", "The browser or device; where it stands in for the user, it links nothing."),
        required("user_id", "string", "The visitor, by another id."),
        required("first_seen", "timestamp", "The first event of the day that names both."),
        required("last_seen", "timestamp", "The last event of the day that names both."),
        required("events", "bigint", "The events of the day that name both."),
        _SITE,
    ),
)

DAILY_TABLES: Final = (
    SESSIONS,
    USER_DAYS,
    DAILY_TRAFFIC,
    DAILY_FUNNEL,
    DAILY_RETENTION,
    DAILY_PRODUCT_STATS,
    DAILY_SOURCES,
    DAILY_TRANSITIONS,
    IDENTITY_LINKS,
)
