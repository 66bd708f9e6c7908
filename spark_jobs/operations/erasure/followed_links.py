"""Users to be erased → the anonymous ids that go with them, by `identity_links`, and why others do not.

An anonymous id is followed if it was seen with these users and nobody else, and if it never came as a `user_id`. Ids
are what clients claim: somebody may call a stranger's `user_id` their browser, and must not have the stranger erased by
it. Neither a plan nor a log of Spark has an id; persons are shown hashes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from contracts.erasure import user_id_sha256
from contracts.tables import IDENTITY_LINKS, RECEIVED_EVENTS
from spark_jobs.lake.lake import Lake
from spark_jobs.operations.erasure.user_matching import SoughtUsers, theirs


class NotFollowed(StrEnum):
    """Why an anonymous id that was seen with the users is not erased with them."""

    OF_OTHERS = "it was seen with other users, too"
    OF_ITS_OWN = "it was sent as a user_id, and so may be a user of its own"


@dataclass(frozen=True, kw_only=True)
class LinkReport:
    """The hashes of the anonymous ids that go with the users, and of those that do not, each with the reason."""

    followed: tuple[str, ...] = ()
    not_followed: tuple[tuple[str, NotFollowed], ...] = ()


NO_LINKS: Final = LinkReport()


@dataclass(frozen=True, kw_only=True)
class FollowedLinks:
    """The anonymous ids that are erased with the users, and what a person is shown of them and of the others."""

    ids: tuple[str, ...] = ()
    report: LinkReport = NO_LINKS


def follow_links(lake: Lake, users: SoughtUsers) -> FollowedLinks:
    """Return the anonymous ids that `identity_links` connects with the users, by the days that are computed."""
    links = lake.read(IDENTITY_LINKS).select("anonymous_id", "user_id").distinct()
    browsers = links.where(theirs(users)).select("anonymous_id").distinct()
    seen_with = links.join(browsers, "anonymous_id", "left_semi").groupBy("anonymous_id")
    of_others = {row.anonymous_id: row.others for row in seen_with.agg(F.max(~theirs(users)).alias("others")).collect()}
    own = _of_their_own(lake, browsers) if of_others else set()
    followed: list[str] = []
    left: list[tuple[str, NotFollowed]] = []
    for anonymous_id in sorted(set(of_others) - set(users.ids)):
        if of_others[anonymous_id]:
            left.append((user_id_sha256(anonymous_id), NotFollowed.OF_OTHERS))
        elif anonymous_id in own:
            left.append((user_id_sha256(anonymous_id), NotFollowed.OF_ITS_OWN))
        else:
            followed.append(anonymous_id)
    report = LinkReport(followed=tuple(map(user_id_sha256, followed)), not_followed=tuple(left))
    return FollowedLinks(ids=tuple(followed), report=report)


def _of_their_own(lake: Lake, browsers: DataFrame) -> set[str]:
    """Return those of the anonymous ids that came as a `user_id`, for which no equal `anonymous_id` stood in."""
    sent = lake.read(RECEIVED_EVENTS).where("anonymous_id IS NULL OR anonymous_id <> user_id").select("user_id")
    found = sent.join(browsers.withColumnRenamed("anonymous_id", "user_id"), "user_id", "left_semi").distinct()
    return {row.user_id for row in found.collect()}
