"""What the API accepted is asked of CloudWatch: a day in one call, seldom, and never at the price of the view."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from contracts.names import EnvironmentNames
from pages.lake.accepted import AcceptedHour, AcceptedReader
from pages.lake.reader import LakeReader
from tests.plugins.pages.conftest import NOW, SmallLake

DAY = date(2026, 11, 26)
EIGHT = datetime(2026, 11, 26, 8, tzinfo=UTC)
NAMES = EnvironmentNames(environment="prod")


@dataclass(kw_only=True)
class FakeCloudWatch:
    """Answers with the sums it was given, by the id of the query and the hour, in two pages; or fails."""

    sums: Mapping[str, Mapping[datetime, float]] = field(default_factory=dict)
    status: str = "Complete"
    fails: Exception | None = None
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def get_paginator(self, operation: str) -> "FakeCloudWatch":
        assert operation == "get_metric_data"
        return self

    def paginate(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        self.asked.append(request)
        if self.fails:
            raise self.fails
        yield {
            "MetricDataResults": [
                self._result(query["Id"], "PartialData", {}) for query in request["MetricDataQueries"]
            ]
        }
        yield {
            "MetricDataResults": [
                self._result(query["Id"], self.status, self.sums.get(query["Id"], {}))
                for query in request["MetricDataQueries"]
            ]
        }

    def _result(self, name: str, status: str, points: Mapping[datetime, float]) -> Mapping[str, Any]:
        return {"Id": name, "StatusCode": status, "Timestamps": list(points), "Values": list(points.values())}


@dataclass(kw_only=True)
class Clock:
    """A clock that a test sets, and the seconds of a machine that never sleeps."""

    now: datetime = NOW

    def seconds(self) -> float:
        return self.now.timestamp()


def reader(cloudwatch: FakeCloudWatch, clock: Clock | None = None) -> AcceptedReader:
    clock = clock or Clock()
    return AcceptedReader(NAMES, cloudwatch=cloudwatch, clock=lambda: clock.now, seconds=clock.seconds)


def test_a_day_is_one_call_for_sums_of_its_hours() -> None:
    cloudwatch = FakeCloudWatch(sums={"requests": {EIGHT: 12.0}, "refused": {EIGHT: 2.0}, "records": {EIGHT: 30.0}})
    found = reader(cloudwatch).of(DAY)
    assert found.hours == {EIGHT: AcceptedHour(requests=12, refused=2, records=30)}
    assert (found.sum_of("records"), found.sum_of("failed")) == (30, None)
    (request,) = cloudwatch.asked
    assert (request["StartTime"], request["EndTime"]) == (
        datetime(2026, 11, 26, tzinfo=UTC),
        NOW.replace(hour=0, minute=0),
    )
    asked = {
        query["Id"]: (
            query["MetricStat"]["Metric"]["Namespace"],
            query["MetricStat"]["Metric"]["MetricName"],
            {each["Name"]: each["Value"] for each in query["MetricStat"]["Metric"]["Dimensions"]},
        )
        for query in request["MetricDataQueries"]
    }
    of_api = {"ApiName": "clickstream-prod", "Stage": "v1"}
    assert asked == {
        "requests": ("AWS/ApiGateway", "Count", of_api),
        "refused": ("AWS/ApiGateway", "4XXError", of_api),
        "failed": ("AWS/ApiGateway", "5XXError", of_api),
        "records": ("AWS/Kinesis", "IncomingRecords", {"StreamName": "clickstream-prod-events"}),
    }
    assert {query["MetricStat"]["Period"] for query in request["MetricDataQueries"]} == {3600}


def test_a_day_that_is_over_is_asked_for_once_and_an_open_one_once_a_minute() -> None:
    cloudwatch, clock = FakeCloudWatch(), Clock()
    asked = reader(cloudwatch, clock)
    for _ in range(5):
        asked.of(DAY)
        asked.of(clock.now.date())
    assert len(cloudwatch.asked) == 2
    clock.now += timedelta(seconds=61)
    for _ in range(5):
        asked.of(DAY)
        asked.of(clock.now.date())
    assert len(cloudwatch.asked) == 3


@pytest.mark.parametrize("day", [NOW.date() + timedelta(days=1), NOW.date() - timedelta(days=457)])
def test_a_day_of_which_cloudwatch_can_have_nothing_costs_no_call(day: date) -> None:
    cloudwatch = FakeCloudWatch()
    assert reader(cloudwatch).of(day).hours == {}
    assert cloudwatch.asked == []


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetMetricData")


@pytest.mark.parametrize(
    ("cloudwatch", "sentence", "remedy"),
    [
        (FakeCloudWatch(fails=refusal("AccessDenied")), "may not ask CloudWatch", "cloudwatch:GetMetricData"),
        (FakeCloudWatch(status="Forbidden"), "may not ask CloudWatch", "cloudwatch:GetMetricData"),
        (FakeCloudWatch(status="InternalError"), "does not say", "again in a minute"),
        (FakeCloudWatch(fails=refusal("Throttling")), "does not say", "again in a minute"),
        (FakeCloudWatch(fails=EndpointConnectionError(endpoint_url="http://x")), "does not say", "again in a minute"),
    ],
)
def test_what_cannot_be_asked_is_said_and_asked_again_later(
    cloudwatch: FakeCloudWatch, sentence: str, remedy: str
) -> None:
    clock = Clock()
    asked = reader(cloudwatch, clock)
    found = asked.of(DAY)
    assert (found.hours, sentence in found.problem, remedy in found.remedy) == ({}, True, True)
    asked.of(DAY)
    assert len(cloudwatch.asked) == 1
    cloudwatch.fails, cloudwatch.status = None, "Complete"
    clock.now += timedelta(seconds=61)
    assert asked.of(DAY).problem == ""


def test_a_view_is_computed_again_when_cloudwatch_has_more(small_lake: SmallLake) -> None:
    cloudwatch, clock = FakeCloudWatch(), Clock()
    lakes: LakeReader = small_lake.reader(accepted=reader(cloudwatch, clock))
    lake = lakes.lake()
    lake.accepted(NOW.date())
    assert lakes.versions_now(lake.read) == lake.read
    cloudwatch.sums = {"records": {NOW.replace(minute=0): 1.0}}
    clock.now += timedelta(seconds=61)
    assert lakes.versions_now(lake.read) != lake.read
