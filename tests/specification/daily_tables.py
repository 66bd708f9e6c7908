"""`clean_events`, `sessions` and `user_days` → `daily_traffic`, `daily_retention`, `daily_product_stats`, sources."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from tests.specification import measures
from tests.specification.clean_events import CleanEvent, in_order
from tests.specification.sessions import Session, pieces
from tests.specification.user_days import DAY, UsersByDay, new_users

#: The greatest age of a cohort that is followed.
OLDEST_COHORT = 30


@dataclass(frozen=True, kw_only=True)
class DailyTraffic:
    """A row of `daily_traffic`: a day with events."""

    day: date
    events: int
    users: int
    new_users: int
    returning_users: int
    sessions: int
    bounces: int
    bounce_share: float | None
    converted_sessions: int
    conversion: float | None
    purchases: int
    revenue: Decimal
    purchases_without_price: int
    average_order: Decimal | None
    refunds: int
    refunded: Decimal
    purchases_in_other_currency: int
    users_without_bots: int
    sessions_without_bots: int
    converted_sessions_without_bots: int
    conversion_without_bots: float | None


@dataclass(frozen=True, kw_only=True)
class Retention:
    """A row of `daily_retention`: a cohort that is not empty, on a day with events, 0–30 days later."""

    day: date
    cohort_day: date
    age: int
    cohort_users: int
    active_users: int


@dataclass(frozen=True, kw_only=True)
class DailyProduct:
    """A row of `daily_product_stats`: a product with a view, cart, purchase or refund on a day."""

    day: date
    product_id: str
    users: int
    views: int
    carts: int
    purchases: int
    revenue: Decimal
    refunds: int
    refunded: Decimal


@dataclass(frozen=True, kw_only=True)
class DailySource:
    """A row of `daily_sources`: where sessions of a day came from, a campaign's medium told apart."""

    day: date
    source: str
    medium: str | None
    sessions: int
    users: int
    converted_sessions: int
    conversion: float | None
    revenue: Decimal


def daily_traffic(clean: Iterable[CleanEvent], made: Iterable[Session], present: UsersByDay) -> list[DailyTraffic]:
    """One row for each day; a session counts on the day on which it starts, and its pieces do not."""
    clean = list(clean)
    whole = [session for session in made if not session.continued]
    starting = measures.grouped(whole, lambda session: session.session_start.date())
    of_people = measures.grouped(_people_s_sessions(clean), lambda events: events[0].day)
    return [
        _traffic(day, events, starting.get(day, []), of_people.get(day, []), present)
        for day, events in measures.grouped(clean, lambda event: event.day).items()
    ]


def _people_s_sessions(clean: Iterable[CleanEvent]) -> list[list[CleanEvent]]:
    """The events of each session that has one of no bot."""
    return [
        events
        for own in measures.grouped(clean, lambda event: event.person).values()
        for events, continued in pieces(in_order(own))
        if not continued and not all(event.is_bot for event in events)
    ]


def _traffic(
    day: date,
    events: Sequence[CleanEvent],
    starting: Sequence[Session],
    of_people: Sequence[Sequence[CleanEvent]],
    present: UsersByDay,
) -> DailyTraffic:
    users, new = measures.users(events), len(new_users(day, present))
    bounces = sum(session.events == 1 for session in starting)
    converted = sum(session.purchases > 0 for session in starting)
    purchases, unpriced = measures.named(events, "Purchase"), measures.purchases_without_price(events)
    foreign = measures.purchases_in_other_currency(events)
    people = [event for event in events if not event.is_bot]
    bought = sum(any(e.event_name == "Purchase" and not e.is_bot for e in session) for session in of_people)
    return DailyTraffic(
        day=day,
        events=len(events),
        users=users,
        new_users=new,
        returning_users=users - new,
        sessions=len(starting),
        bounces=bounces,
        bounce_share=bounces / len(starting) if starting else None,
        converted_sessions=converted,
        conversion=converted / len(starting) if starting else None,
        purchases=purchases,
        revenue=measures.revenue(events),
        purchases_without_price=unpriced,
        average_order=_average(measures.revenue(events), purchases - unpriced - foreign),
        refunds=measures.named(events, "Refund"),
        refunded=measures.refunded(events),
        purchases_in_other_currency=foreign,
        users_without_bots=measures.users(people),
        sessions_without_bots=len(of_people),
        converted_sessions_without_bots=bought,
        conversion_without_bots=bought / len(of_people) if of_people else None,
    )


def _average(revenue: Decimal, orders: int) -> Decimal | None:
    """Revenue per purchase with a price that counts, rounded half up to cents."""
    return (revenue / orders).quantize(Decimal("0.01"), ROUND_HALF_UP) if orders else None


def daily_retention(present: UsersByDay) -> list[Retention]:
    """For each day with events, the cohorts of that day and of the 30 before it."""
    new = {day: new_users(day, present) for day in present}
    return [
        Retention(
            day=day,
            cohort_day=day - age * DAY,
            age=age,
            cohort_users=len(cohort),
            active_users=len(cohort & users),
        )
        for day, users in present.items()
        for age in range(OLDEST_COHORT + 1)
        if (cohort := new.get(day - age * DAY))
    ]


def daily_product_stats(clean: Iterable[CleanEvent]) -> list[DailyProduct]:
    """One row for each day and product."""
    return [
        DailyProduct(
            day=day,
            product_id=product_id,
            users=measures.users(events),
            views=measures.named(events, "ViewContent"),
            carts=measures.named(events, "AddToCart"),
            purchases=measures.named(events, "Purchase"),
            revenue=measures.revenue(events),
            refunds=measures.named(events, "Refund"),
            refunded=measures.refunded(events),
        )
        for day, of_day in measures.grouped(clean, lambda event: event.day).items()
        for product_id, events in measures.of_products(of_day).items()
    ]


def source(session: Session) -> str:
    """What a campaign's link says, else the other site that the first page was opened from."""
    return session.landing_utm_source or session.landing_referrer_host or "direct"


def daily_sources(made: Iterable[Session]) -> list[DailySource]:
    """One row for each day, source and medium; pieces are no sessions, but their users and revenue count."""
    rows = []
    groups = measures.grouped(made, lambda s: (s.session_start.date(), source(s), s.landing_utm_medium))
    for (day, name, medium), starting in groups.items():
        whole = [session for session in starting if not session.continued]
        converted = sum(session.purchases > 0 for session in whole)
        rows.append(
            DailySource(
                day=day,
                source=name,
                medium=medium,
                sessions=len(whole),
                users=len({(session.site, session.user_id) for session in starting}),
                converted_sessions=converted,
                conversion=converted / len(whole) if whole else None,
                revenue=sum((session.revenue for session in starting), start=Decimal("0.00")),
            )
        )
    return rows
