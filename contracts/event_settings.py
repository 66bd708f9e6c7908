"""What an environment says of its own events, where the contract can't know: names, money, who is a person, privacy.

The jobs and the DAGs must agree on it, since it is part of the versions by which they know what is stale. So the DAGs
read it from the environment's variables, and hand it to each job as arguments. Without any of it the tables are what
they are for everybody.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from contracts.event import MAX_EVENT_NAME_LENGTH
from contracts.event_names import EventNames

#: Before a setting's name in capitals, of its variable.
_VARIABLE: Final = "CLICKSTREAM_"
_CURRENCY: Final = re.compile("[A-Z]{3}")
_NO_NAME: Final = re.compile(r"[=\x00-\x1f\x7f-\x9f]")


class EventSettingsError(ValueError):
    """A setting can't be used; the message names its value and says what it must be."""


@dataclass(frozen=True, kw_only=True)
class EventSettings:
    """The settings; each is an option of the jobs and a variable by its name, `--currency` and `CLICKSTREAM_CURRENCY`.

    - `keep_ip_addresses`: the tables keep IP addresses whole, not the networks alone.
    - `keep_url_queries`: they keep the query and the fragment of pages' addresses.
    - `event_names`: pairs of a name as clients send it, and the name of the event that it is.
    - `currency`: the shop's, as ISO 4217 has it; revenue adds what was paid in it alone.
    - `not_bots`: how the User-Agent header begins of programs of the shop's own, which are no bots.
    - `ids_per_site`: users of two sites (`pixel_id`) who have the same id are two people.
    """

    keep_ip_addresses: bool = False
    keep_url_queries: bool = False
    event_names: tuple[tuple[str, str], ...] = ()
    currency: str | None = None
    not_bots: tuple[str, ...] = ()
    ids_per_site: bool = False

    def __post_init__(self) -> None:
        if self.currency is not None and not _CURRENCY.fullmatch(self.currency):
            raise EventSettingsError(f"the currency {self.currency!r} is not three capital letters, such as EUR")
        for sent, name in self.event_names:
            if not sent.strip() or not 1 <= len(name.strip()) <= MAX_EVENT_NAME_LENGTH or _NO_NAME.search(name):
                raise EventSettingsError(
                    f"the event name {sent!r} can't stand for {name!r}: both must have characters, the second at most "
                    f"{MAX_EVENT_NAME_LENGTH}, none of them a control character or ="
                )
        if empty := [agent for agent in self.not_bots if not agent.strip()]:
            raise EventSettingsError(f"{empty[0]!r} is how every User-Agent header begins; name a program, like MyApp/")

    @cached_property
    def names(self) -> EventNames:
        """Return what names mean here."""
        return EventNames(self.event_names)

    @property
    def landing_version(self) -> str:
        """Return the part of a landing hour's version that says by which settings its lines are received."""
        kept = [(self.keep_ip_addresses, "addresses kept"), (self.keep_url_queries, "queries kept")]
        names = json.dumps(sorted(self.event_names)) if self.event_names else ""
        return "".join(f", {what}" for what in (*(what for said, what in kept if said), names) if what)

    @property
    def aggregation_version(self) -> str:
        """Return the part of an event hour's version that says by which settings its events are counted."""
        said = {
            "currency": self.currency,
            "not_bots": sorted(set(self.not_bots)),
            "ids_per_site": self.ids_per_site,
        }
        return "".join(f", {name} {json.dumps(value)}" for name, value in said.items() if value)

    def arguments(self) -> Iterator[str]:
        """Yield the options by which a job is told the settings; none for those that nothing was said of."""
        for option in OPTIONS:
            value = getattr(self, option.field)
            if value is True:
                yield option.flag
            elif isinstance(value, tuple):
                yield from (f"{option.flag}={'='.join([each] if isinstance(each, str) else each)}" for each in value)
            elif value:
                yield f"{option.flag}={value}"


#: Of an environment that says nothing of its events.
DEFAULTS: Final = EventSettings()


@dataclass(frozen=True, kw_only=True)
class SettingOption:
    """How a setting is given to a job, one value at a time, and as a variable, whole; `must` says what that must be."""

    field: str
    flag: str
    metavar: str | None
    help: str
    must: str

    @property
    def variable(self) -> str:
        """Return the name of the variable."""
        return f"{_VARIABLE}{self.field.upper()}"

    def one(self, text: str) -> str | tuple[str, str]:
        """Return the value that the option's argument is, or one of several; raise `EventSettingsError`."""
        if self.field == "event_names":
            sent, _, name = text.rpartition("=")
            EventSettings(event_names=((sent, name),))
            return sent, name
        EventSettings(**{self.field: (text,) if self.field == "not_bots" else text})  # type: ignore[arg-type]
        return text

    def whole(self, text: str) -> Any:
        """Return the setting that the variable's text says; raise `ValueError`."""
        if self.metavar is None:
            return {"true": True, "false": False}[text]
        if self.field == "currency":
            return text
        value = json.loads(text)
        if self.field == "event_names":
            return tuple(value.items())
        if not isinstance(value, list):
            raise EventSettingsError(f"{text} is no list")
        return tuple(value)


_FLAG: Final = "'true' or 'false'"
OPTIONS: Final = (
    SettingOption(
        field="keep_ip_addresses",
        flag="--keep-ip-addresses",
        metavar=None,
        help="keep IP addresses whole (docs/privacy.md); default: truncate them to /24 and /48",
        must=_FLAG,
    ),
    SettingOption(
        field="keep_url_queries",
        flag="--keep-url-queries",
        metavar=None,
        help="keep the query of pages' addresses (docs/privacy.md); default: end them before it",
        must=_FLAG,
    ),
    SettingOption(
        field="event_names",
        flag="--event-name",
        metavar="SENT=NAME",
        help="what clients call an event, and the event's name: Bestellung=Purchase; may be given more than once",
        must='a JSON object of names as sent and what they stand for, like {"Bestellung": "Purchase"}',
    ),
    SettingOption(
        field="currency",
        flag="--currency",
        metavar="CODE",
        help="the shop's currency, like EUR: revenue adds no purchase in another; default: it adds them all",
        must="the three capital letters of a currency, like EUR",
    ),
    SettingOption(
        field="not_bots",
        flag="--not-a-bot",
        metavar="AGENT",
        help="how the User-Agent header of a program begins that is no bot, like MyApp/; may be given more than once",
        must='a JSON list of how User-Agent headers begin, like ["MyApp/"]',
    ),
    SettingOption(
        field="ids_per_site",
        flag="--ids-per-site",
        metavar=None,
        help="a user_id means one person within its pixel_id alone; default: on all sites",
        must=_FLAG,
    ),
)


def event_settings_from(environ: Mapping[str, str]) -> EventSettings:
    """Return what an environment's variables say; raise `EventSettingsError` that names each wrong variable."""
    found: dict[str, Any] = {}
    wrong = []
    for option in OPTIONS:
        if not (text := environ.get(option.variable)):
            continue
        try:
            value = option.whole(text)
            EventSettings(**{option.field: value})
        except (ValueError, LookupError, TypeError, AttributeError):
            wrong.append(f"{option.variable} is {text!r}; it must be {option.must}")
        else:
            found[option.field] = value
    if wrong:
        raise EventSettingsError("; ".join(wrong))
    return EventSettings(**found)
