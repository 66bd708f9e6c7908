"""What marks an event as a bot's. Such events are flagged in `clean_events`, never dropped, and counted apart.

All of it is part of an event hour's `input_version`: a change here makes every hour stale.
"""

import re
from enum import StrEnum
from typing import Final


class BotReason(StrEnum):
    """What is conspicuous about an event; `clean_events.bot_reasons` holds those that apply, in this order."""

    CRAWLER_USER_AGENT = "crawler_user_agent"
    #: The user has more events in the event hour than a person causes (`rules.BOT_EVENTS_PER_HOUR`).
    RATE = "rate"
    #: All of the user's events of the event hour happened at once, and they are too many for one page
    #: (`rules.BOT_EVENTS_AT_ONCE`).
    INSTANT = "instant"
    #: A proxy, a library, a shop's server or a program of the shop's own (`EventSettings.not_bots`) sent the request: a
    #: person may well stand behind it, so this reason alone makes no bot.
    HTTP_CLIENT = "http_client"
    #: The request had no User-Agent header. Browsers always send one, but a shop's server that hands people's events
    #: on may not: libcurl, and so PHP's cURL functions, send none unless told to (daniel.haxx.se/blog/2012/05/12,
    #: wiki.php.net/rfc/curl_user_agent). So, like `http_client`, this reason alone makes no bot. Only an event that
    #: has an address and a request's id has it: the edge stamps both, and a file of bare events has neither.
    NO_USER_AGENT = "no_user_agent"


#: These make no bot by themselves.
HARMLESS_REASONS: Final = frozenset({BotReason.HTTP_CLIENT, BotReason.NO_USER_AGENT})

#: How the User-Agent header begins that proxies and plain HTTP libraries send: of a site behind a CDN, of apps, and of
#: shops' servers that hand events on. Lists of crawlers have most of them.
HTTP_CLIENTS: Final = (
    *("Amazon CloudFront", "Cloudflare-Workers"),
    *("okhttp", "Dalvik", "Apache-HttpClient", "Java", "ktor-client", "Dart", "AHC"),
    *("axios", "node-fetch", "node", "undici", "got"),
    *("Go-http-client", "python-requests", "python-httpx", "Python-urllib", "reqwest", "Faraday", "GuzzleHttp"),
    *("RestSharp", "Symfony HttpClient", "libwww-perl", "curl", "Wget", "PostmanRuntime", "HTTPie"),
    *("WooCommerce", "WordPress", "Shopify-Captain-Hook", "Stripe"),
)
_HTTP_CLIENT: Final = re.compile(rf"({'|'.join(map(re.escape, HTTP_CLIENTS))})([/ ].*)?", re.DOTALL)


def is_http_client(user_agent: str) -> bool:
    """Return whether a header is that of a proxy, a library or a shop's server.

    >>> [is_http_client(agent) for agent in ("okhttp/4.9.3", "Amazon CloudFront", "Googlebot/2.1", "nodeBot")]
    [True, True, False, False]
    """
    return _HTTP_CLIENT.fullmatch(user_agent) is not None


#: A header is looked at up to this many characters, so that no hostile one can hold up the patterns; the longest
#: example in the list of crawlers has 285.
USER_AGENT_LOOKED_AT: Final = 512

#: The version of the package `crawler-user-agents`, as pinned: another list flags other events.
CRAWLER_LIST_VERSION: Final = "1.67.0"
