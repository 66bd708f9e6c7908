"""A row of the ledger, and the metadata of the tables that a run has just written → the figures of its data checks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from contracts.data_checks import (
    BOT_SHARE_EVENTS,
    NULL_SHARES,
    REPEATED_IDS,
    VOLUME_WEEKS,
    VOLUME_WEEKS_NEEDED,
    WEEK,
    Figure,
)
from contracts.ledger import UNFINISHED, DayRow, EventRow, LandingLedgerRow
from contracts.mistaken_names import event_meant
from contracts.partitions import HOUR, day_of, start_of_day
from contracts.tables import CLEAN_EVENTS, RECEIVED_EVENTS, REJECTED_EVENTS, SESSIONS, USER_DAYS, Table
from contracts.timestamps import EPOCH
from spark_jobs.checks.file_figures import NO_FILES, FiguresByHour, FileFigures
from spark_jobs.lake.filters import partitions_of_days
from spark_jobs.lake.lake import Lake

#: The columns that each stage's checks look at in the tables' files.
LANDING_MEASURED: Final = {
    RECEIVED_EVENTS: ("event_time", "received_at", "percent_viewed", "time_on_data", *NULL_SHARES),
    REJECTED_EVENTS: (),
}
EVENT_HOUR_MEASURED: Final = {CLEAN_EVENTS: ("event_time",)}
DAY_MEASURED: Final[Mapping[Table, tuple[str, ...]]] = {USER_DAYS: (), SESSIONS: ()}

_INSTANT: Final = timedelta(microseconds=1)
_NAMED_AT_MOST: Final = 5

Volumes = Mapping[datetime, int]
#: Purchases with a price, by currency; None is that of those that name none.
ByCurrency = Mapping[str | None, int]


def landing_figures(row: LandingLedgerRow, files: FiguresByHour, volumes: Volumes) -> Mapping[str, Figure]:
    """Return the figure of each check of a landing hour."""
    received = files.get((RECEIVED_EVENTS.name, row.landing_hour), NO_FILES)
    rejected = files.get((REJECTED_EVENTS.name, row.landing_hour), NO_FILES)
    return {
        "lines_lost": _lines_lost(row, received.rows, rejected.rows),
        "price_lowest": bound("price", received.lowest),
        "price_highest": bound("price", received.highest),
        "percent_viewed_lowest": bound("percent_viewed", received.lowest),
        "percent_viewed_highest": bound("percent_viewed", received.highest),
        "time_on_data_lowest": bound("time_on_data", received.lowest),
        "oldest_event_seconds": _from_to(received.lowest, "event_time", "received_at"),
        "future_event_seconds": _from_to(received.highest, "received_at", "event_time"),
        "first_arrival_seconds": _beyond(moment(received.lowest, "received_at"), row.landing_hour, sign=-1),
        "last_arrival_seconds": _beyond(moment(received.highest, "received_at"), row.landing_hour + HOUR, sign=1),
        **{f"null_share_{column}": _null_share(received, column) for column in NULL_SHARES},
        "rejected_share": share(row.rejected, row.lines, "lines"),
        "unread_share": _unread_share(row),
        "unreadable_objects": Figure(
            value=row.unreadable_objects, detail=f"{row.unreadable_objects} of {len(row.objects)} objects"
        ),
        "quiet_minutes": _quiet_minutes(row, received),
        "lines_of_usual": volume_figure(row.landing_hour, row.lines, volumes),
    }


def share(part: int, whole: int, of: str) -> Figure:
    """Return a share, None of nothing."""
    return Figure(value=part / whole if whole else None, detail=f"{part} of {whole} {of}")


def bound(column: str, bounds: Mapping[str, float]) -> Figure:
    """Return a bound of a column, None if it has no value in the hour."""
    value = bounds.get(column)
    return Figure(value=value, detail=f"{column} has no value" if value is None else f"{column} {value:g}")


def _lines_lost(row: LandingLedgerRow, received: int, rejected: int) -> Figure:
    """Return the lines that no table has; an unreadable object is a rejection without a line."""
    rejected_lines = rejected - row.unreadable_objects
    return Figure(
        value=row.lines - received - rejected_lines,
        detail=f"{row.lines} lines, {received} received, {rejected_lines} rejected",
    )


def _unread_share(row: LandingLedgerRow) -> Figure:
    """Return the share of the field that was unread most often; the detail names all."""
    fields = sorted(row.unread_by_field.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{name} {count}" for name, count in fields) or "0"
    most = fields[0][1] if fields else 0
    return Figure(value=most / row.received if row.received else None, detail=f"{named} of {row.received} events")


def _null_share(received: FileFigures, column: str) -> Figure:
    return Figure(
        value=received.null_share(column), detail=f"{received.nulls.get(column, 0)} of {received.rows} events"
    )


def moment(bounds: Mapping[str, float], column: str) -> datetime | None:
    """Return a bound of a column of times, None if it has no value in the hour."""
    return EPOCH + timedelta(microseconds=bounds[column]) if column in bounds else None


def _from_to(bounds: Mapping[str, float], start_column: str, end_column: str) -> Figure:
    """Return the seconds from one column's bound to the other's."""
    start, end = moment(bounds, start_column), moment(bounds, end_column)
    if start is None or end is None:
        return Figure(value=None, detail="no events")
    words = f"{start_column} {start.isoformat()}, {end_column} {end.isoformat()}"
    return Figure(value=(end - start).total_seconds(), detail=words)


def _beyond(arrival: datetime | None, bound: datetime, *, sign: int) -> Figure:
    """Return by how many seconds an arrival lies beyond a bound of the landing hour; negative if it lies within."""
    if arrival is None:
        return Figure(value=None, detail="no events")
    return Figure(value=sign * (arrival - bound).total_seconds(), detail=f"arrival {arrival.isoformat()}")


def _quiet_minutes(row: LandingLedgerRow, received: FileFigures) -> Figure:
    newest = moment(received.highest, "received_at")
    if newest is None:
        return Figure(value=None, detail="no events")
    if not row.settled:
        return Figure(value=None, detail="the hour is still open")
    quiet = row.landing_hour + HOUR - newest
    return Figure(value=quiet.total_seconds() / 60, detail=f"newest arrival {newest.isoformat()}")


@dataclass(frozen=True, kw_only=True)
class HourCounts:
    """What a run counted of an event hour: its events, and which of them, or of the copies left out, are conspicuous.

    Of the events, `bots` are a bot's, `of_machines` those of users who are one by how much they do; `of_hour_before`
    have a `click_id` that the hour before has as well. `purchases` are those that have a price, and `mistaken_names`
    those with custom names that look like a standard one. Of the copies, `differing` are another event than the one
    that was kept, `of_other_users` those of them that another user caused.
    """

    clean: int = 0
    bots: int = 0
    of_machines: int = 0
    of_hour_before: int = 0
    purchases: ByCurrency = field(default_factory=dict)
    mistaken_names: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    differing: int = 0
    of_other_users: int = 0


def event_hour_figures(
    row: EventRow, files: FiguresByHour, volumes: Volumes, counts: HourCounts
) -> Mapping[str, Figure]:
    """Return the figure of each check of an event hour but those of `currency_figures`."""
    clean = files.get((CLEAN_EVENTS.name, row.event_hour), NO_FILES)
    first, last = moment(clean.lowest, "event_time"), moment(clean.highest, "event_time")
    end = row.event_hour + HOUR
    return {
        "events_lost": Figure(
            value=row.received - clean.rows - row.duplicates,
            detail=f"{row.received} received, {clean.rows} clean, {row.duplicates} duplicates",
        ),
        "seconds_before_hour": _outside(None if first is None else row.event_hour - first, "first event"),
        # The hour ends before its end: an event at the very end is one too late.
        "seconds_after_hour": _outside(None if last is None else last - end + _INSTANT, "last event"),
        "duplicate_share": share(row.duplicates, row.received, "received events"),
        "copies_that_differ": Figure(
            value=counts.differing,
            detail=f"{counts.differing} of {row.duplicates} copies; {counts.of_other_users} of another user",
        ),
        "click_ids_of_hour_before": Figure(
            value=counts.of_hour_before, detail=f"{counts.of_hour_before} of {row.clean} events"
        ),
        "names_like_standard": _mistaken_names(counts.mistaken_names, row.clean),
        "bot_share": _bot_share(counts),
        "events_of_usual": volume_figure(row.event_hour, row.clean, volumes),
    }


def _mistaken_names(names: Mapping[str, int], events: int) -> Figure:
    """Return the events with such names; the detail has the most frequent ones, and what each looks like."""
    most = sorted(names.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{name!r} {count} ({event_meant(name)}?)" for name, count in most[:_NAMED_AT_MOST]]
    more = [f"and {len(most) - _NAMED_AT_MOST} more names"] if len(most) > _NAMED_AT_MOST else []
    return Figure(value=sum(names.values()), detail=f"{', '.join([*named, *more]) or '0'} of {events} events")


def _bot_share(counts: HourCounts) -> Figure:
    """Return the share of events that are a bot's, None of few events; the detail tells the two causes apart."""
    detail = f"{counts.bots} of {counts.clean} events; {counts.of_machines} of users with more than a person causes"
    if counts.clean < BOT_SHARE_EVENTS:
        return Figure(value=None, detail=f"{detail}; fewer than {BOT_SHARE_EVENTS} events say nothing")
    return Figure(value=counts.bots / counts.clean, detail=detail)


def currency_figures(purchases: ByCurrency, currency: str | None) -> Mapping[str, Figure]:
    """Return the figures of the checks of an event hour that look at currencies; `currency` is the shop's, if set.

    >>> currency_figures({"EUR": 8, "USD": 1, None: 1}, "EUR")["other_currency_share"]
    Figure(value=0.1, detail='1 of 10 purchases with a price (8 EUR, 1 USD, 1 without currency)')
    """
    ordered = sorted(purchases.items(), key=lambda item: (item[0] is None, -item[1], str(item[0])))
    named = ", ".join(f"{count} {code or 'without currency'}" for code, count in ordered) or "none"
    if currency is None:
        known = Figure(value=sum(code is not None for code in purchases), detail=f"purchases with a price: {named}")
        not_known = Figure(value=None, detail="the shop's currency is not set (CLICKSTREAM_CURRENCY)")
        return {"purchase_currencies": known, "other_currency_share": not_known}
    others = sum(count for code, count in ordered if code not in (None, currency))
    of_other = share(others, sum(purchases.values()), f"purchases with a price ({named})")
    not_asked = Figure(value=None, detail=f"the shop's currency is {currency}")
    return {"purchase_currencies": not_asked, "other_currency_share": of_other}


def _outside(by: timedelta | None, event: str) -> Figure:
    if by is None:
        return Figure(value=None, detail="no events")
    seconds = max(by.total_seconds(), 0.0)
    return Figure(value=seconds, detail=f"{event} {f'{seconds:g} s outside' if seconds else 'inside'}")


def day_check_figures(
    row: DayRow, clean: int, ids: Figure, files: FiguresByHour, volumes: Volumes
) -> Mapping[str, Figure]:
    """Return the figure of each check of a day; `clean` are the events of its hours, by their ledger.

    `ids` is what `repeated_ids` found.
    """
    day = start_of_day(row.day)
    users = files.get((USER_DAYS.name, day), NO_FILES).rows
    sessions = files.get((SESSIONS.name, day), NO_FILES).rows
    return {
        "events_lost": Figure(value=clean - row.events, detail=f"{clean} clean in its hours, {row.events} in the day"),
        "users_lost": Figure(value=row.users - users, detail=f"{row.users} users, {users} rows of user_days"),
        "sessions_lost": Figure(value=row.sessions - sessions, detail=f"{row.sessions} sessions, {sessions} rows"),
        REPEATED_IDS: ids,
        "events_of_usual": volume_figure(day, row.events, volumes),
    }


def weeks_before(hour: datetime) -> list[datetime]:
    """Return the hours that an hour is compared with, the latest first."""
    return [hour - week * WEEK for week in range(1, VOLUME_WEEKS + 1)]


def read_volumes(lake: Lake, ledger: Table, column: str, hours: Collection[datetime]) -> Volumes:
    """Return a figure of the ledger's rows that the hours are compared with."""
    compared = {before for hour in hours for before in weeks_before(hour)}
    (by_day,) = ledger.partitions
    rows = lake.rows(ledger, partitions_of_days(by_day, map(day_of, compared)), by_day.column, column, "input_version")
    return {
        row[by_day.column]: row[column]
        for row in rows
        if row[by_day.column] in compared and row["input_version"] != UNFINISHED
    }


def volume_figure(hour: datetime, volume: int, volumes: Volumes) -> Figure:
    """Return the volume over the median of the weeks before, as far as these are known.

    >>> from datetime import UTC, timedelta
    >>> ten = datetime(2026, 11, 22, 10, tzinfo=UTC)
    >>> volume_figure(ten, 30, {ten - timedelta(weeks=1): 10, ten - timedelta(weeks=2): 30})
    Figure(value=1.5, detail='30, usually 20 (median of 2 weeks)')
    """
    known = [volumes[before] for before in weeks_before(hour) if before in volumes]
    if len(known) < VOLUME_WEEKS_NEEDED:
        return Figure(value=None, detail=f"{volume}; only {len(known)} of {VOLUME_WEEKS} weeks before are known")
    usual = median(known)
    if not usual:
        return Figure(value=None, detail=f"{volume}; usually there is nothing, so there is no ratio")
    return Figure(value=volume / usual, detail=f"{volume}, usually {usual:g} (median of {len(known)} weeks)")
