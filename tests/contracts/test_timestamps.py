"""Which texts are timestamps, and which instant they name."""

from datetime import UTC, datetime

import pytest

from contracts.timestamps import parse_timestamp


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2021-07-12 12:01:58", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("2021-07-12 12:01:58.7", datetime(2021, 7, 12, 12, 1, 58, 700000, tzinfo=UTC)),
        ("2024-02-29 23:59:59.999999", datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2021-07-12T12:01:58Z", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("2021-07-12t12:01:58.123456789z", datetime(2021, 7, 12, 12, 1, 58, 123456, tzinfo=UTC)),
        ("2021-07-12 01:01:58+02:30", datetime(2021, 7, 11, 22, 31, 58, tzinfo=UTC)),
        ("2021-07-12T23:59:59-23:59", datetime(2021, 7, 13, 23, 58, 59, tzinfo=UTC)),
    ],
)
def test_the_two_formats_name_an_instant_cut_to_microseconds(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2021-07-12",
        "2021-07-12T12:01:58",
        "2021-07-12 12:01:58.",
        "2021-07-12 12:01:58.1234567",
        "2021-07-12 12:01:58,5",
        "2021-07-12 12:01:58 ",
        "2021-07-12 12:01:58\n",
        "2021-7-12 12:01:58",
        "2021-02-29 12:01:58",
        "2021-04-31 12:01:58",
        "2021-13-01 12:01:58",
        "2021-07-12 24:00:00",
        "2021-07-12 23:60:00",
        "2016-12-31 23:59:60",
        "0000-01-01 00:00:00",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2021-07-12T12:01:58+24:00",
        "2021-07-12T12:01:58+0200",
        "2021-07-12T12:01:58.1234567890Z",
        "２021-07-12 12:01:58",
        "1626091318",
        "yesterday",
    ],
)
def test_nothing_else_is_a_timestamp(text: str) -> None:
    assert parse_timestamp(text) is None
