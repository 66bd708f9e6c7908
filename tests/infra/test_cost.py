"""What traffic costs adds up, is the bill that the parts make, and says what was wrong about a question."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import cost
from infra.cost import PAGE, Prices, Workload, cost_page, main, monthly, per_million, shards, stepped

PRICES = Prices()


def test_a_month_of_ten_thousand_events_a_second_costs_what_the_price_lists_say_by_hand() -> None:
    work = Workload(events_per_second=10_000, events_per_request=10)
    month = monthly(work)
    assert work.events == 26_280_000_000
    requests = 2_628_000_000
    assert month["API Gateway"] == pytest.approx(333 * 3.5 + 667 * 2.8 + (2628 - 1000) * 2.38)
    assert month["WAF"] == pytest.approx(requests / 1e6 * 0.6 + 9)
    assert month["Firehose"] == pytest.approx(2.628e9 * 10 * 1024 / 1024**3 * 0.029), "5.5 KB are billed as 10"
    assert shards(work) == 7, "5.2 MiB a second, three quarters of one in each"
    assert month["Kinesis"] == pytest.approx(7 * 730 * 0.035 + 2_628 * 0.014)


def test_events_that_each_are_a_record_are_billed_each_in_steps() -> None:
    work = Workload(events_per_second=10_000, events_per_request=10, events_per_record=1)
    month = monthly(work)
    assert month["Firehose"] == pytest.approx(26.28e9 * 5 * 1024 / 1024**3 * 0.029)
    assert shards(work) == 14, "10,000 records a second, three quarters of 1,000 in each"
    assert month["Kinesis"] == pytest.approx(14 * 730 * 0.035 + 26_280 * 0.014)
    assert monthly(replace(work, events_per_record=50)) == monthly(replace(work, events_per_record=10))


def test_a_million_events_cost_less_than_ten_cents_in_requests_of_a_hundred() -> None:
    assert sum(per_million(Workload(events_per_request=100)).values()) < 0.10


def test_tables_months_that_nobody_reads_cost_what_s3_takes_for_them_by_hand() -> None:
    work = Workload(events_per_second=1e6 / (730 * 3600), raw_days=0, buffer_seconds=10**12)
    gigabytes = 1e6 * 120 / 1024**3
    assert monthly(replace(work, old_tables_are_read=True))["S3"] == pytest.approx(gigabytes * 13 * 0.023, rel=1e-3)
    frequent, infrequent = 37 / 30.4, 60 / 30.4
    price = frequent * 0.023 + infrequent * 0.0125 + (13 - frequent - infrequent) * 0.004
    assert monthly(work)["S3"] == pytest.approx(gigabytes * price, rel=1e-3)


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_steps_make_more_dearer_and_never_dearer_than_their_first_price(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert stepped(less, PRICES.api_requests) <= stepped(more, PRICES.api_requests) <= more * 3.50e-6 * (1 + 1e-9)
    assert stepped(more, ((inf, 2.0),)) == pytest.approx(2 * more)


@given(st.floats(1, 1e6), st.integers(1, 500))
def test_the_parts_of_a_million_are_those_of_the_month(rate: float, size: int) -> None:
    work = Workload(events_per_second=rate, events_per_request=size)
    month, million = monthly(work), per_million(work)
    assert list(month) == list(million)
    assert all(month[part] == pytest.approx(million[part] * work.events / 1e6) for part in month)
    assert all(dollars >= 0 for dollars in month.values())


def test_what_saves_money_saves_it() -> None:
    work = Workload()
    batched = monthly(replace(work, events_per_request=500))
    assert batched["API Gateway"] < monthly(work)["API Gateway"] / 20
    assert monthly(replace(work, retention_hours=24))["Kinesis"] < monthly(work)["Kinesis"]
    assert monthly(replace(work, late_hour_rows=0, late_day_rows=0))["late events"] == 0
    assert monthly(replace(work, on_demand=True))["Kinesis"] > monthly(work)["Kinesis"]


def test_a_line_above_25_kilobytes_is_two_puts_and_needs_shards_by_its_bytes() -> None:
    work = Workload(events_per_second=100, line_bytes=30_000, events_per_record=1)
    assert shards(work) == 4, "2.9 MiB a second, three quarters of one in each"
    assert monthly(work)["Kinesis"] == pytest.approx(4 * 730 * 0.035 + 2 * work.events * 0.014e-6)


def test_the_command_prints_each_part_and_the_sum(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--events-per-second", "100", "--events-per-request", "50", "--airflow-month", "0"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "100 events/s in requests of 50: 0.26 billion events a month, 1 shards"
    assert [line[:14].strip() for line in printed[2:]] == [*monthly(Workload()), "all"]
    dollars = [float(line[14:28].replace(",", "")) for line in printed[2:]]
    assert dollars[-1] == pytest.approx(sum(dollars[:-1]), abs=0.06)


@pytest.mark.parametrize("option", ["--events-per-second", "--events-per-request", "--line-bytes"])
def test_a_number_that_makes_no_traffic_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option, "0"])
    assert ended.value.code == 2
    assert f"{option} is 0; it must be more than 0" in capsys.readouterr().err


def test_the_page_is_what_the_calculation_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--check-docs"]) == 0, f"{PAGE} is out of date; run: make docs"
    monkeypatch.setattr(cost, "cost_page", lambda: cost_page() + "x")
    assert main(["--check-docs"]) == 1
