"""What marks an event as a bot's. Such events are flagged in `clean_events`, never dropped, and counted apart.

All of it is part of an event hour's `input_version`: a change here makes every hour stale.
"""

from enum import StrEnum
from typing import Final


class BotReason(StrEnum):
    """Why an event is flagged; `clean_events.bot_reasons` holds those that apply, in this order."""

    CRAWLER_USER_AGENT = "crawler_user_agent"
    RATE = "rate"


#: A header is looked at up to this many characters, so that no hostile one can hold up the patterns; the longest
#: example in the list of crawlers has 285.
USER_AGENT_LOOKED_AT: Final = 512

#: The version of the package `crawler-user-agents`, as pinned: another list flags other events.
CRAWLER_LIST_VERSION: Final = "1.67.0"
