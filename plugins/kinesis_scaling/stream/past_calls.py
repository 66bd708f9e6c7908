"""Two tags of a stream ⇄ the UpdateShardCount calls of the last 24 hours, and the last move that AWS refused.

They lie with the stream, so that another scheduler, or one that lost its database, keeps the budget of ten. A tag has
no compare-and-set, so a call is noted before it is made, read back, and noted again after it if another writer, who
had read the tag before, wrote over it. AWS's own refusal is the last word.

docs.aws.amazon.com/kinesis/latest/APIReference/API_AddTagsToStream.html: a value has at most 256 characters; letters,
digits, space and `_ . / = + - @` are safe.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kinesis_scaling.aws_limits import UPDATE_CALLS, UPDATE_CALLS_WINDOW
from kinesis_scaling.errors import StreamError
from kinesis_scaling.scaling_decision import Action
from kinesis_scaling.stream.aws_errors import translate_aws_errors

CALLS_TAG: Final = "kinesis-scaling/update-shard-count-calls"
REFUSAL_TAG: Final = "kinesis-scaling/last-refusal"
#: Twice the budget, and still within a tag: 20 times 10 digits and a space.
KEPT: Final = 2 * UPDATE_CALLS
#: A refused UpdateShardCount means that there were calls we do not know of, so the budget counts as spent this long.
BUDGET_SPENT_FOR: Final = timedelta(hours=1)
#: Any other move that AWS refused is not tried again for this long.
HELD_FOR: Final = timedelta(minutes=5)
_WRITES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A move that AWS refused."""

    action: Action
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PastCalls:
    """The content of the tags: past calls, oldest first; the last refusal; and the words that could not be read."""

    calls: tuple[datetime, ...]
    refusal: Refusal | None = None
    unreadable: str | None = None

    def counted(self, now: datetime) -> tuple[datetime, ...]:
        """Return the calls that the policy is to count at `now`.

        All ten, where a tag cannot be read or AWS lately said that there were more than we know of: then the policy
        goes on by splits and merges.
        """
        refusal = self.refusal
        refused = refusal and refusal.action is Action.UPDATE_SHARD_COUNT and now - refusal.at < BUDGET_SPENT_FOR
        if not refused and self.unreadable is None:
            return self.calls
        # An hour ago, so that the calls count as spent, but no call is so recent that the stream has to settle.
        return (*self.calls, *[now - timedelta(hours=1)] * UPDATE_CALLS)

    def holds(self, action: Action, now: datetime) -> bool:
        """Return whether AWS refused such a move so lately that another call is not worth making."""
        return self.refusal is not None and self.refusal.action is action and now - self.refusal.at < HELD_FOR


def past_calls(tags: dict[str, str], now: datetime) -> PastCalls:
    """Return what a stream's tags say at `now`."""
    calls, wrong = _parse_calls(tags.get(CALLS_TAG, ""))
    refusal, refusal_is_wrong = _parse_refusal(tags.get(REFUSAL_TAG))
    unreadable = [f"tag {CALLS_TAG} has {wrong!r}, which is no time in epoch seconds"] if wrong else []
    unreadable += [f"tag {REFUSAL_TAG} is {tags[REFUSAL_TAG]!r}"] if refusal_is_wrong else []
    return PastCalls(
        calls=tuple(call for call in calls if now - call < UPDATE_CALLS_WINDOW),
        refusal=refusal,
        unreadable="; ".join(unreadable) or None,
    )


def note_call(kinesis: Any, stream_name: str, call: datetime, now: datetime) -> None:
    """Write the call into the tag; raise `StreamError` if the tag still lacks it after some tries.

    Calls that other writers noted stay; words that cannot be read are removed.
    """
    second = call.replace(microsecond=0)
    for _ in range(_WRITES):
        noted = past_calls(read_tags(kinesis, stream_name), now)
        if second in noted.calls and noted.unreadable is None:
            return
        _write_tag(kinesis, stream_name, CALLS_TAG, calls_text({*noted.calls, second}))
    if second in past_calls(read_tags(kinesis, stream_name), now).calls:
        return
    raise StreamError(
        f"the call at {call.isoformat()} cannot be noted in tag {CALLS_TAG} of stream {stream_name}: another writer "
        "overwrites it again and again; let one Airflow alone scale the stream"
    )


def repair(kinesis: Any, stream_name: str, noted: PastCalls, now: datetime) -> None:
    """Write tags that can be read again, with ten calls made now, since the unreadable words may have meant as many.

    The effect ends after 24 hours.
    """
    spent = {now - timedelta(seconds=number) for number in range(UPDATE_CALLS)}
    _write_tag(kinesis, stream_name, CALLS_TAG, calls_text({*noted.calls, *spent}))
    if noted.refusal is None:
        note_refusal(kinesis, stream_name, Refusal(action=Action.HOLD, at=now))


def note_refusal(kinesis: Any, stream_name: str, refusal: Refusal) -> None:
    """Write the tag of the last refusal."""
    _write_tag(kinesis, stream_name, REFUSAL_TAG, f"{int(refusal.at.timestamp())} {refusal.action}")


def read_tags(kinesis: Any, stream_name: str) -> dict[str, str]:
    """Return all tags of a stream."""
    tags: dict[str, str] = {}
    request: dict[str, Any] = {"StreamName": stream_name}
    while True:
        with translate_aws_errors("kinesis:ListTagsForStream", stream_name):
            page = kinesis.list_tags_for_stream(**request)
        tags |= {tag["Key"]: tag.get("Value", "") for tag in page["Tags"]}
        if not page["HasMoreTags"]:
            return tags
        request["ExclusiveStartTagKey"] = page["Tags"][-1]["Key"]


def calls_text(calls: Iterable[datetime]) -> str:
    """Return the tag's value: the newest calls, in epoch seconds, oldest first.

    >>> calls_text([datetime(2026, 11, 22, 10, tzinfo=UTC)])
    '1795341600'
    """
    return " ".join(str(int(call.timestamp())) for call in sorted(calls)[-KEPT:])


def _parse_calls(text: str) -> tuple[list[datetime], str]:
    """Return the calls in their order, and the words that are none."""
    words = text.split()
    calls = [moment for word in words if (moment := _moment(word)) is not None]
    return sorted(calls), " ".join(word for word in words if _moment(word) is None)


def _parse_refusal(text: str | None) -> tuple[Refusal | None, bool]:
    if text is None:
        return None, False
    moment, _, action = text.partition(" ")
    at = _moment(moment)
    if at is None or action not in {known.value for known in Action}:
        return None, True
    return Refusal(action=Action(action), at=at), False


def _moment(word: str) -> datetime | None:
    # Ten digits: from 2001 to 2286.
    if len(word) != 10 or not (word.isascii() and word.isdigit()):
        return None
    return datetime.fromtimestamp(int(word), tz=UTC)


def _write_tag(kinesis: Any, stream_name: str, key: str, value: str) -> None:
    with translate_aws_errors("kinesis:AddTagsToStream", stream_name):
        kinesis.add_tags_to_stream(StreamName=stream_name, Tags={key: value})
