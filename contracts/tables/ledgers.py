"""Ledgers: what each run made, from which version of its input; and what its data checks found."""

from typing import Final

from contracts.tables.declaration import Partition, Table, optional, required
from contracts.tables.events import LANDING_HOUR
from contracts.tables.hourly import EVENT_HOUR

_FAILED_CHECKS: Final = required(
    "failed_checks",
    "bigint",
    "Data checks of severity `fail` that did not hold; if any, what is made of it is held back.",
)

LANDING_LEDGER: Final = Table(
    name="landing_ledger",
    row_is="a landing hour, as its last transform left it (stage 1); lines = received + rejected",
    made_from="each run of `transform_events`",
    partitions=(Partition(column="landing_hour", transform="days"),),
    sort=("landing_hour",),
    columns=(
        LANDING_HOUR,
        required("input_version", "string", "Hash of the sorted (key, etag, size) and the contract's version."),
        required("settled", "boolean", "False if the hour was still open, and so will be transformed again."),
        required("objects", "array<string>", "Keys of the raw objects, sorted; history is never replaced by fewer."),
        required("unreadable_objects", "bigint", "Of these, how many could not be read."),
        required("bytes", "bigint", "Compressed size of the objects."),
        required("lines", "bigint", "Lines read."),
        required("received", "bigint", "Lines that became a row of `received_events`."),
        required("rejected", "bigint", "Lines that became a row of `rejected_events`."),
        required("rejected_by_reason", "map<string,bigint>", "Rejection reason → lines."),
        optional(
            "unread_by_field",
            "map<string,bigint>",
            "Optional field → received events whose value in it could not be read.",
        ),
        required("received_by_event_hour", "map<string,bigint>", "Key of an event hour (2026-11-22T10) → rows."),
        _FAILED_CHECKS,
    ),
)

EVENT_LEDGER: Final = Table(
    name="event_ledger",
    row_is="an event hour, as its last aggregation left it (stage 2); received = clean + duplicates",
    made_from="each run of `aggregate_hour`",
    partitions=(Partition(column="event_hour", transform="days"),),
    sort=("event_hour",),
    columns=(
        EVENT_HOUR,
        required("input_version", "string", "Hash of the landing hours' versions that it was made from."),
        required("received", "bigint", "Rows of `received_events` of the hour."),
        required("clean", "bigint", "Rows of `clean_events`."),
        required("duplicates", "bigint", "Received rows that repeat a `click_id` of the hour."),
        _FAILED_CHECKS,
    ),
)

DAY_LEDGER: Final = Table(
    name="day_ledger",
    row_is="a day, as its last aggregation left it (stage 3)",
    made_from="each run of `aggregate_day`",
    partitions=(Partition(column="day", transform="identity"),),
    sort=("day",),
    columns=(
        required("day", "date", "The day, UTC."),
        required("input_version", "string", "Hash of all that the day's tables were made from; it decides staleness."),
        required("events_version", "string", "Hash of the event hours' versions, of the day and one day to each side."),
        required("events", "bigint", "Rows of `clean_events` of the day."),
        required("users", "bigint", "Rows of `user_days` of the day."),
        required("sessions", "bigint", "Rows of `sessions` that start on the day."),
        required("users_fingerprint", "string", "Hash of the set of the day's users; later days look back at it."),
        optional(
            "id_sample",
            "binary",
            "The smallest hashes of the `click_id`s of the day's events, of 8 bytes each: `repeated_click_ids` looks "
            "for them in other days. The first is of a fixed text, and names the hash function.",
        ),
        _FAILED_CHECKS,
    ),
)

DATA_CHECKS: Final = Table(
    name="data_checks",
    row_is="a data check of an hour, a day or a week, as its last run found it",
    made_from="each run of a Spark job",
    # The stages are different jobs' own: none has to wait for, or to rewrite, what another found.
    partitions=(Partition(column="checked_from", transform="days"), Partition(column="stage", transform="identity")),
    sort=("checked_from", "check_name"),
    columns=(
        required("checked_from", "timestamp", "The start of the hour (or day, or week) that was checked."),
        required("stage", "string", "The stage whose hour (or day, or week) was checked, e.g. `event_hour`."),
        required("check_name", "string", "The check's name."),
        required("severity", "string", "`fail` stops the hour from being published, `warn` does not."),
        required("passed", "boolean", "Whether the check held."),
        optional("observed", "double", "The figure that was looked at; null if there was none."),
        required("expected", "string", "What it should have been, for a person."),
        required("detail", "string", "What was found, for a person."),
        required("input_version", "string", "The version of the input that was checked, as in the stage's ledger."),
    ),
)

ERASED_USERS: Final = Table(
    name="erased_users",
    row_is="a user who was erased, and whose later events are refused",
    made_from="each run of `erase_user`",
    partitions=(),
    sort=("user_id_sha256",),
    columns=(
        required("user_id_sha256", "string", "SHA-256 of the id in UTF-8, in hexadecimal: the id itself is not kept."),
        required("erased_at", "timestamp", "When the erasure was asked for."),
    ),
)
