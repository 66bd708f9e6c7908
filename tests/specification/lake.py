"""Raw lines → every table, by the definitions of this package."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from tests.specification.addresses import without_addresses
from tests.specification.clean_events import (
    CleanEvent,
    IsCrawler,
    ReceivedEvent,
    Spelling,
    clean_events,
    hour_of,
    in_shop,
)
from tests.specification.daily_funnel import FunnelStep, daily_funnel
from tests.specification.daily_tables import (
    DailyProduct,
    DailySource,
    DailyTraffic,
    Retention,
    daily_product_stats,
    daily_retention,
    daily_sources,
    daily_traffic,
)
from tests.specification.daily_transitions import Transition, daily_transitions
from tests.specification.hourly_tables import (
    EventCounts,
    HourlyProduct,
    HourlyTraffic,
    hourly_event_counts,
    hourly_product_stats,
    hourly_traffic,
)
from tests.specification.identity_links import IdentityLink, identity_links
from tests.specification.judgement import Event, judge
from tests.specification.ledgers import (
    DayFigures,
    EventFigures,
    LandingFigures,
    RejectedLine,
    WeekFigures,
    day_ledger,
    event_ledger,
    landing_ledger,
    week_ledger,
)
from tests.specification.raw_lines import RawLine
from tests.specification.sessions import Session, sessions
from tests.specification.user_days import UserDay, user_days, users_by_day
from tests.specification.weekly_tables import WeeklyTraffic, weekly_traffic


@dataclass(frozen=True, kw_only=True)
class Lake:
    """The rows of every table that is made of events, in no order; each field has its table's name."""

    received_events: list[ReceivedEvent]
    rejected_events: list[RejectedLine]
    clean_events: list[CleanEvent]
    hourly_event_counts: list[EventCounts]
    hourly_traffic: list[HourlyTraffic]
    hourly_product_stats: list[HourlyProduct]
    sessions: list[Session]
    user_days: list[UserDay]
    daily_traffic: list[DailyTraffic]
    daily_funnel: list[FunnelStep]
    daily_retention: list[Retention]
    daily_product_stats: list[DailyProduct]
    daily_sources: list[DailySource]
    daily_transitions: list[Transition]
    identity_links: list[IdentityLink]
    weekly_traffic: list[WeeklyTraffic]
    landing_ledger: list[LandingFigures]
    event_ledger: list[EventFigures]
    day_ledger: list[DayFigures]
    week_ledger: list[WeekFigures]


def lake(
    lines: Sequence[RawLine],
    spelling: Spelling,
    is_crawler: IsCrawler,
    *,
    currency: str | None = None,
    per_site: bool = False,
    own_programs: tuple[str, ...] = (),
) -> Lake:
    """Every table, from the lines and what the shop says: its currency, whose ids are whose, its programs."""
    received, rejected = judged(lines)
    clean = clean_events(received, spelling, is_crawler, per_site=per_site, own_programs=own_programs)
    counted = in_shop(clean, currency, per_site=per_site)
    made, days = sessions(counted), user_days(counted)
    present = users_by_day(days)
    return Lake(
        received_events=received,
        rejected_events=rejected,
        clean_events=clean,
        hourly_event_counts=hourly_event_counts(counted),
        hourly_traffic=hourly_traffic(counted),
        hourly_product_stats=hourly_product_stats(counted),
        sessions=made,
        user_days=days,
        daily_traffic=daily_traffic(counted, made, present),
        daily_funnel=daily_funnel(counted),
        daily_retention=daily_retention(present),
        daily_product_stats=daily_product_stats(counted),
        daily_sources=daily_sources(made),
        daily_transitions=daily_transitions(counted),
        identity_links=identity_links(counted),
        weekly_traffic=weekly_traffic(counted, made, present),
        landing_ledger=landing_ledger(lines, received, rejected),
        event_ledger=event_ledger(received, clean),
        day_ledger=day_ledger(counted, made),
        week_ledger=week_ledger(counted, made),
    )


def judged(lines: Iterable[RawLine]) -> tuple[list[ReceivedEvent], list[RejectedLine]]:
    """`received_events` and `rejected_events`: each line is a row of exactly one of them."""
    received: list[ReceivedEvent] = []
    rejected: list[RejectedLine] = []
    for raw in lines:
        judgement = judge(raw.line)
        if isinstance(judgement, Event):
            received.append(
                ReceivedEvent(
                    **asdict(judgement),
                    landing_hour=raw.landing_hour,
                    in_landing_hour=hour_of(judgement) == raw.landing_hour,
                    object_key=raw.object_key,
                )
            )
        else:
            rejected.append(
                RejectedLine(
                    landing_hour=raw.landing_hour,
                    object_key=raw.object_key,
                    rejection_reason=judgement.reason,
                    line=without_addresses(raw.line),
                    received_at=judgement.received_at,
                )
            )
    return received, rejected
