"""Clean events of some hours → the bots among their senders → the events with `is_bot` and `bot_reasons`.

Both reasons are looked for in narrow aggregates: the distinct User-Agent headers, and events per user and hour. What is
found is short and is broadcast to the events, so no whole row is shuffled; where nothing is found, nothing is joined.
"""

from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.bots import BOT_EVENTS_PER_HOUR, USER_AGENT_LOOKED_AT, BotReason
from spark_jobs.hourly.crawler_agents import crawlers_among
from spark_jobs.hourly.event_hours import event_hour
from spark_jobs.judging.map_in_arrow import map_in_arrow
from spark_jobs.tables.broadcasts import broadcast_if_short

#: The columns by which events are found again, named apart from theirs.
_AGENT: Final = "looked_at_agent"
_USER: Final = ("rated_user", "rated_hour")


@dataclass(frozen=True, kw_only=True)
class Bots:
    """Headers of crawlers, and (user, hour) pairs above the rate, each with how many there are; both are persisted."""

    agents: DataFrame
    agents_count: int
    users: DataFrame
    users_count: int

    def flagged(self, events: DataFrame) -> DataFrame:
        """Return the events with `is_bot` and `bot_reasons`; right in those hours whose bots these are."""
        reasons: list[Column] = []
        if self.agents_count:
            agents = broadcast_if_short(self.agents, self.agents_count)
            events = events.join(agents, looked_at() == F.col(_AGENT), "left")
            reasons.append(_reason(_AGENT, BotReason.CRAWLER_USER_AGENT))
        if self.users_count:
            users = broadcast_if_short(self.users, self.users_count)
            user, hour = _USER
            events = events.join(users, (F.col("user_id") == F.col(user)) & (event_hour() == F.col(hour)), "left")
            reasons.append(_reason(user, BotReason.RATE))
        flags = F.array_compact(F.array(*reasons)) if reasons else F.array().cast("array<string>")
        return events.withColumn("bot_reasons", flags).withColumn("is_bot", F.size("bot_reasons") > 0)

    def unpersist(self) -> None:
        """Give the memory back, once the events are written."""
        self.agents.unpersist()
        self.users.unpersist()


def find_bots(events: DataFrame) -> Bots:
    """Return the bots among all clean events of some hours; runs one Spark job."""
    agents, users = crawler_agents(events).persist(), users_over_rate(events).persist()
    found = agents.select(F.lit("agents").alias("what")).unionAll(users.select(F.lit("users")))
    counts = {row.what: row["count"] for row in found.groupBy("what").count().collect()}
    return Bots(agents=agents, agents_count=counts.get("agents", 0), users=users, users_count=counts.get("users", 0))


def crawler_agents(events: DataFrame) -> DataFrame:
    """Return the distinct headers, as far as they are looked at, that are a known crawler's."""
    agents = events.where("user_agent IS NOT NULL").select(looked_at().alias(_AGENT)).distinct()
    return map_in_arrow(agents, crawlers_among, agents.schema)


def users_over_rate(events: DataFrame) -> DataFrame:
    """Return (user, hour) of the users with more events within the hour than a person can cause."""
    user, hour = _USER
    counted = events.groupBy(F.col("user_id").alias(user), event_hour().alias(hour)).count()
    return counted.where(F.col("count") > BOT_EVENTS_PER_HOUR).drop("count")


def looked_at() -> Column:
    """Return the part of the User-Agent header that is looked at."""
    return F.substring("user_agent", 1, USER_AGENT_LOOKED_AT)


def _reason(found: str, reason: BotReason) -> Column:
    return F.when(F.col(found).isNotNull(), F.lit(reason.value))
