"""Which texts are timestamps, and which instant they name."""

from datetime import UTC, datetime

import pytest

from contracts.timestamps import parse_epoch, parse_timestamp


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
        ("2021-07-12 12:01:58.732726", datetime(2021, 7, 12, 12, 1, 58, 732_726, tzinfo=UTC)),
        ("2021-07-12 12:01:58+02:00", datetime(2021, 7, 12, 10, 1, 58, tzinfo=UTC)),
        ("2021-07-12T00:01:58-23:59", datetime(2021, 7, 13, 0, 0, 58, tzinfo=UTC)),
        ("2021-07-12T12:01", datetime(2021, 7, 12, 12, 1, tzinfo=UTC)),
        ("2021-07-12T12:01Z", datetime(2021, 7, 12, 12, 1, tzinfo=UTC)),
        ("2021-07-12T12:01:58", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("2021-07-12 12:01:58,5", datetime(2021, 7, 12, 12, 1, 58, 500_000, tzinfo=UTC)),
        ("2021-07-12 12:01:58.1234567", datetime(2021, 7, 12, 12, 1, 58, 123_456, tzinfo=UTC)),
        ("2021-07-12T12:01:58+0230", datetime(2021, 7, 12, 9, 31, 58, tzinfo=UTC)),
        ("2021-07-12 12:01:58-02", datetime(2021, 7, 12, 14, 1, 58, tzinfo=UTC)),
        ("2021-07-12 12:01:58 UTC", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("2021-07-12 12:01:58 +0000", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        (" 2021-07-12 12:01:58\r\n", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("2016-12-31T23:59:60.5Z", datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("1626091318", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("1626091318.25", datetime(2021, 7, 12, 12, 1, 58, 250_000, tzinfo=UTC)),
        (" 1626091318123 ", datetime(2021, 7, 12, 12, 1, 58, 123_000, tzinfo=UTC)),
        ("1626091318123456", datetime(2021, 7, 12, 12, 1, 58, 123_456, tzinfo=UTC)),
        ("0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("99999999999", datetime(5138, 11, 16, 9, 46, 39, tzinfo=UTC)),
        ("100000000000", datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),
        ("99999999999999999", datetime(5138, 11, 16, 9, 46, 39, 999_999, tzinfo=UTC)),
        ("2024-02-29 00:00:00", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01 00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_a_form_of_a_timestamp_names_an_instant_cut_to_microseconds(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2021-07-12",
        "2021-07-12 12:01:58.",
        "2021-7-12 12:01:58",
        "2021-02-29 12:01:58",
        "2021-04-31 12:01:58",
        "2021-13-01 12:01:58",
        "2021-07-12 24:00:00",
        "2021-07-12 23:60:00",
        "0000-01-01 00:00:00",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2021-07-12T12:01:58+24:00",
        "2021-07-12T12:01:58.1234567890Z",
        "２021-07-12 12:01:58",
        "yesterday",
        "07/12/2021 12:01:58",
        "20210712T120158Z",
        "Mon, 12 Jul 2021 12:01:58 GMT",
        "2021-07-12T12:01:58+02:00[Europe/Berlin]",
        "2021-07-12 12:01:58 CET",
        "2021-07-12T12:01:58+00:00Z",
        "2021-07-12T12:01:58  Z",
        "2021-07-12T12:01.5Z",
        "2021-07-12T12:01:61Z",
        "2021-07-12T12:01:58+2:00",
        "-1626091318",
        "+1626091318",
        "1.626091318e9",
        "100000000000000000",
        "1626091318.",
        "１６２６０９１３１８",
        "2021-07-12 12:01:58+24:00",
        "2021-07-12 12:01:58+02:60",
        "2021-00-10 12:01:58",
        "2021-07-12 12:60:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢١-٠٧-١٢ 12:01:58",
    ],
)
def test_nothing_else_is_a_timestamp(text: str) -> None:
    assert parse_timestamp(text) is None


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        ("1.626091318e9", datetime(2021, 7, 12, 12, 1, 58, tzinfo=UTC)),
        ("1626091318123.9999", datetime(2021, 7, 12, 12, 1, 58, 123_999, tzinfo=UTC)),
        ("0.9999999999999999999999999999999999", datetime(1970, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)),
        ("1e-400", datetime(1970, 1, 1, tzinfo=UTC)),
        ("-0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("-1", None),
        ("1e17", None),
        ("1e999999999", None),
        ("1" + "0" * 40, None),
    ],
)
def test_a_json_number_counts_as_it_is_written(number: str, moment: datetime | None) -> None:
    assert parse_epoch(number) == moment
