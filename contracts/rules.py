"""The numbers that decide what the tables say, each once, with what must hold between them.

Raise `AGGREGATION_VERSION` with a change of a session, a new user or a cohort: it makes every hour and day stale. What
is received or rejected, and how addresses are kept, belongs to `contracts.event.CONTRACT_VERSION`. What makes a user a
bot is part of the versions by itself.
"""

from datetime import timedelta
from typing import Final

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)

#: An event is rejected if it is received later than this after it happened.
ALLOWED_LATENESS: Final = timedelta(days=7)
#: An event is rejected if it happened, by its own clock, more than this after it was received.
ALLOWED_CLOCK_SKEW: Final = timedelta(minutes=5)

#: Part of each event hour's and day's `input_version`: raise it when the code that computes the tables changes rows.
AGGREGATION_VERSION: Final = 7

#: A session is a user's events with gaps of at most this.
SESSION_GAP: Final = timedelta(minutes=30)
#: A user is new on a day if they were not seen in as many days before it.
NEW_USER_DAYS: Final = 90
#: The greatest age of a cohort in `daily_retention`.
RETENTION_DAYS: Final = 30
#: `daily_transitions` tells the places of a session's stops apart up to this one; it has one row for all later ones.
PATH_STEPS: Final = 8
#: `daily_transitions` has at most so many event names of a day, those with the most events; the others count as one.
PATH_EVENT_NAMES: Final = 20

#: A user with more clean events than this within one event hour is a machine in that hour. It is an event every 3.6
#: seconds for a whole hour without a pause; the busiest visitors of two public shop data sets (synthetic ones of
#: retentioneering, real ones of REES46) have 25 and 24. So a person is out of the question, and an address or account
#: that a few persons share is not flagged either.
BOT_EVENTS_PER_HOUR: Final = 1_000
#: A user with more clean events than this within one event hour, all of them less than BOT_INSTANT apart, is a machine
#: in that hour: it is four times what the busiest visitor of those data sets did in a whole hour. A page that reports
#: each product of a list sends dozens as it loads, but not so many: a list in a Shopify theme has at most 50 items
#: unless it is paginated by more (shopify.dev/docs/api/liquid/tags/paginate).
BOT_EVENTS_AT_ONCE: Final = 100
#: Clocks with whole seconds show one moment for all that happens in a second.
BOT_INSTANT: Final = timedelta(seconds=1)

#: The first bits that are kept, as usual for analytics: 256 addresses of IPv4 look alike, and all that a provider gives
#: one site of IPv6.
IPV4_BITS: Final = 24
IPV6_BITS: Final = 48

#: Raw objects, and with them the rejected lines, are kept so long unless an environment says otherwise.
RAW_RETENTION_DAYS: Final = 90

#: An event hour is computed with so many hours before it: an event within SESSION_GAP of its start decides whether the
#: hour's first event starts a session.
HOURS_LOOKED_BACK_AT: Final = -(-SESSION_GAP // _HOUR)
#: A day looks back at the users of so many days: its oldest cohort was new on the first of them.
DAYS_LOOKED_BACK_AT: Final = NEW_USER_DAYS + RETENTION_DAYS

#: An event hour that has more events than this, with the hours that it looks back at, is cut into parts of at most so
#: many, each computed by a task of its own. The rows are the same, however an hour is cut: it is no part of a version.
EVENTS_OF_A_TASK: Final = 8_000_000


class RuleError(ValueError):
    """Two of the numbers do not go together."""


if not timedelta(0) < SESSION_GAP < _DAY:
    raise RuleError(
        f"SESSION_GAP is {SESSION_GAP}: it must be more than nothing and less than a day, since a day's sessions are "
        "found among the events of the day and of one day to each side"
    )
if RETENTION_DAYS >= NEW_USER_DAYS:
    raise RuleError(
        f"RETENTION_DAYS is {RETENTION_DAYS} and NEW_USER_DAYS {NEW_USER_DAYS}: a user can be new only once within the "
        "greatest age of a cohort, so the first must be less"
    )
