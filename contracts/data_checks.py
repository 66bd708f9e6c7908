"""The data checks: what is looked at in each hour and day, which figures are right, and what a wrong one stops.

A check looks at one figure and has limits for it. So the declarations below are data: a job fetches the figures,
`judge` decides, and the ledger's row says how many `failed_checks` there are: what would be made of that hour is held
back (`contracts.staleness`). A figure that can't be known (an empty hour, too little history) passes, and the result
says so.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contracts.event import MAX_PRICE
from contracts.mistaken_names import NAMES_LOOKED_AT
from contracts.partitions import HOUR, LONGEST_DELIVERY
from contracts.rules import ALLOWED_CLOCK_SKEW, ALLOWED_LATENESS


class Severity(StrEnum):
    """What a check that does not hold means."""

    FAIL = "fail"
    WARN = "warn"


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """A check: the limits, both included, of the figure that bears its name."""

    name: str
    severity: Severity
    sentence: str
    at_least: float = -math.inf
    at_most: float = math.inf

    @property
    def expected(self) -> str:
        """Return the limits, for a person."""
        if self.at_least == self.at_most:
            return f"exactly {self.at_least:g}"
        if math.isinf(self.at_least):
            return f"at most {self.at_most:g}"
        if math.isinf(self.at_most):
            return f"at least {self.at_least:g}"
        return f"{self.at_least:g} to {self.at_most:g}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was found: a number, None if there is none to be had, and in words what it is or why there is none."""

    value: float | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """A row of `data_checks`. It belongs to the row of the ledger that has the same `input_version`."""

    checked_from: datetime
    stage: str
    check_name: str
    severity: Severity
    passed: bool
    observed: float | None
    expected: str
    detail: str
    input_version: str


#: Volume is compared with the same hour (or day) so many weeks back, each; fewer than these known weeks say nothing.
VOLUME_WEEKS: Final = 4
VOLUME_WEEKS_NEEDED: Final = 2
#: Volume over the median of those weeks.
VOLUME_RATIO: Final = (0.5, 2.0)
WEEK: Final = timedelta(weeks=1)

#: In 2013, the worst of a dozen years, 61.5 % of all web traffic was bots' by Incapsula's count, in 2023 49.6 %
#: (Imperva, Bad Bot Report 2024). A shop has more only if its visitors are taken for bots, or nobody visits it.
HIGHEST_BOT_SHARE: Final = 0.6
#: In fewer events of an hour a single bot easily has that share.
BOT_SHARE_EVENTS: Final = 300

#: So many of each day's events are looked at for ids that are there again: those whose ids have the smallest hashes, so
#: that an id is looked at on all days or on none. Where ids begin again every day, nearly all of them are found; of ids
#: of which one in a hundred is there again, ten.
SAMPLED_IDS: Final = 1_000
#: An event that is sent again, with its time changed or not, comes within the allowed lateness.
ID_SAMPLE_DAYS: Final = -(-ALLOWED_LATENESS // timedelta(days=1))
REPEATED_IDS: Final = "repeated_click_ids"

#: Optional columns of `received_events`: the largest share of nulls that is nothing to look into. The stamps come from
#: the API, so they are nearly always there; the others depend on what a site sends.
NULL_SHARES: Final[Mapping[str, float]] = {
    "request_id": 0.01,
    "source_ip": 0.01,
    "user_agent": 0.1,
    "pixel_id": 0.5,
    "insertion_timestamp": 0.9,
    "product_id": 0.9,
    "price": 0.95,
}

_LATENESS_SECONDS: Final = ALLOWED_LATENESS.total_seconds()
_SKEW_SECONDS: Final = ALLOWED_CLOCK_SKEW.total_seconds()
#: The API stamps an event half a minute, at most, before the stream has it. Up to an hour, event hours still look at
#: the landing hour (`contracts.versions.landing_hours_feeding`); further off, nobody would ever find its late events.
_EARLIEST_ARRIVAL_SECONDS: Final = HOUR.total_seconds()


def _check(name: str, severity: Severity, sentence: str, **limits: float) -> DataCheck:
    return DataCheck(name=name, severity=severity, sentence=sentence, **limits)


_VOLUME_LIMITS: Final = {"at_least": VOLUME_RATIO[0], "at_most": VOLUME_RATIO[1]}

LANDING_HOUR_CHECKS: Final = (
    _check(
        "lines_lost",
        Severity.FAIL,
        "Lines of the raw objects that neither `received_events` nor `rejected_events` has, by their metadata.",
        at_least=0,
        at_most=0,
    ),
    _check("price_lowest", Severity.FAIL, "The lowest price.", at_least=0),
    _check("price_highest", Severity.FAIL, "The highest price.", at_most=MAX_PRICE),
    _check("percent_viewed_lowest", Severity.WARN, "The lowest share of a page seen, in percent.", at_least=0),
    _check("percent_viewed_highest", Severity.WARN, "The highest share of a page seen, in percent.", at_most=100),
    _check("time_on_data_lowest", Severity.WARN, "The shortest time spent on an item, in seconds.", at_least=0),
    _check(
        "oldest_event_seconds",
        Severity.FAIL,
        "Seconds from the first event to the first arrival; more than the allowed lateness can't be.",
        at_most=_LATENESS_SECONDS,
    ),
    _check(
        "future_event_seconds",
        Severity.FAIL,
        "Seconds from the last arrival to the last event; more than clocks may differ can't be.",
        at_most=_SKEW_SECONDS,
    ),
    _check(
        "first_arrival_seconds",
        Severity.FAIL,
        "Seconds from the first arrival to the start of the landing hour; more says that an object lies under the "
        "prefix of a later hour than its own.",
        at_most=_EARLIEST_ARRIVAL_SECONDS,
    ),
    _check(
        "last_arrival_seconds",
        Severity.FAIL,
        "Seconds from the end of the landing hour to the last arrival; more than a stream keeps can't be delivered in "
        "one object, and says that one lies under the prefix of an earlier hour.",
        at_most=LONGEST_DELIVERY.total_seconds(),
    ),
    *(
        _check(f"null_share_{column}", Severity.WARN, f"Share of the events without `{column}`.", at_most=share)
        for column, share in NULL_SHARES.items()
    ),
    _check("rejected_share", Severity.WARN, "Share of the lines that were rejected.", at_most=0.05),
    _check(
        "unread_share",
        Severity.WARN,
        "Share of the events whose value could not be read, of the optional field that had this most often.",
        at_most=0.01,
    ),
    _check("unreadable_objects", Severity.WARN, "Raw objects that could not be read.", at_most=0),
    _check(
        "quiet_minutes",
        Severity.WARN,
        "Freshness: minutes without an arrival before the end of the landing hour.",
        at_most=15,
    ),
    _check(
        "lines_of_usual",
        Severity.WARN,
        "Lines, over the median of the same hour of the four weeks before.",
        **_VOLUME_LIMITS,
    ),
)

EVENT_HOUR_CHECKS: Final = (
    _check(
        "events_lost",
        Severity.FAIL,
        "Received events that are neither a row of `clean_events`, by its metadata, nor a duplicate.",
        at_least=0,
        at_most=0,
    ),
    _check("seconds_before_hour", Severity.FAIL, "Seconds by which the first event is too early.", at_most=0),
    _check("seconds_after_hour", Severity.FAIL, "Seconds by which the last event is too late.", at_most=0),
    _check("duplicate_share", Severity.WARN, "Share of the received events that repeat another.", at_most=0.05),
    _check(
        "copies_that_differ",
        Severity.WARN,
        "Events left out as copies of another with their `click_id`, but with another user, name or price: most likely "
        "other events, which are lost, since ids repeat, as counters do. Send an id that is unique, such as a UUID.",
        at_most=0,
    ),
    _check(
        "click_ids_of_hour_before",
        Severity.WARN,
        "Events whose `click_id` the hour before has as well: they count in both, and may be one event sent twice.",
        at_most=0,
    ),
    _check(
        "names_like_standard",
        Severity.WARN,
        f"Events with a custom name, of the {NAMES_LOOKED_AT} most frequent ones, that looks like a standard event's "
        "but for punctuation, an ending or one or two letters: they count as no such event. `CLICKSTREAM_EVENT_NAMES` "
        "says what a name means, be it itself.",
        at_most=0,
    ),
    _check(
        "bot_share",
        Severity.WARN,
        f"Share of the events that are a bot's, of at least {BOT_SHARE_EVENTS} events. More than bots have of the "
        "whole web says that people are among them: many behind one `user_id`, or with an app that is on a list of "
        "crawlers and must be named in `CLICKSTREAM_NOT_BOTS`.",
        at_most=HIGHEST_BOT_SHARE,
    ),
    _check(
        "purchase_currencies",
        Severity.WARN,
        "Currencies of the purchases, while the shop's is not set (`CLICKSTREAM_CURRENCY`): revenue adds them all up.",
        at_most=1,
    ),
    _check(
        "other_currency_share",
        Severity.WARN,
        "Share of the purchases with a price that is in another currency than the shop's (`CLICKSTREAM_CURRENCY`), and "
        "so no revenue.",
        at_most=0.05,
    ),
    _check(
        "events_of_usual",
        Severity.WARN,
        "Clean events, over the median of the same hour of the four weeks before.",
        **_VOLUME_LIMITS,
    ),
)

DAY_CHECKS: Final = (
    _check(
        "events_lost",
        Severity.FAIL,
        "Clean events of the day's hours, by their ledger, that the day's tables were not made from.",
        at_least=0,
        at_most=0,
    ),
    _check(
        "users_lost", Severity.FAIL, "Users of the day that `user_days`, by its metadata, lacks.", at_least=0, at_most=0
    ),
    _check("sessions_lost", Severity.FAIL, "Sessions that `sessions`, by its metadata, lacks.", at_least=0, at_most=0),
    _check(
        REPEATED_IDS,
        Severity.WARN,
        f"Share of the events whose `click_id` another hour of the day, or one of the {ID_SAMPLE_DAYS} days before, "
        f"has as well, by a sample of at most {SAMPLED_IDS:,} ids, each of which is looked for in all of these days: "
        "ids that begin again, as counters do, or events that are sent again with another time and count twice.",
        at_most=0.01,
    ),
    _check(
        "events_of_usual", Severity.WARN, "Events, over the median of the same day of four weeks.", **_VOLUME_LIMITS
    ),
)

#: The checks that say what a sender does wrong: who looks at a file of events alone is told of these.
SENDERS_MISTAKES: Final = frozenset(
    {
        *("duplicate_share", "copies_that_differ", "click_ids_of_hour_before", "names_like_standard", "bot_share"),
        REPEATED_IDS,
    }
)


def judge(
    checks: Iterable[DataCheck],
    figures: Mapping[str, Figure],
    *,
    stage: str,
    checked_from: datetime,
    input_version: str,
) -> Iterator[CheckResult]:
    """Yield the result of each check of one hour or day; raise `KeyError` if the figure of one was not fetched."""
    for check in checks:
        figure = figures[check.name]
        yield CheckResult(
            checked_from=checked_from,
            stage=stage,
            check_name=check.name,
            severity=check.severity,
            passed=figure.value is None or check.at_least <= figure.value <= check.at_most,
            observed=figure.value,
            expected=check.expected,
            detail=figure.detail,
            input_version=input_version,
        )


def failed_checks(results: Iterable[CheckResult]) -> Counter[datetime]:
    """Return, by the start of the hour (or day), how many checks of severity `fail` did not hold."""
    return Counter(result.checked_from for result in results if not result.passed and result.severity is Severity.FAIL)


def stopping_results(results: Iterable[CheckResult], input_version: str) -> list[CheckResult]:
    """Return what stops an hour (or day) of that version from being published: failed checks of severity `fail`.

    Results of another version are of an earlier or a later run, and say nothing of this one.
    """
    return [
        result
        for result in results
        if not result.passed and result.severity is Severity.FAIL and result.input_version == input_version
    ]
