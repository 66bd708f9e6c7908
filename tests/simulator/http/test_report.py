"""The report counts accepted events as the tables must hold them, and logs each good click_id once."""

import io

from contracts.rejections import RejectionReason
from simulator.http.report import StreamReport
from simulator.http.sources import OutgoingEvent
from simulator.world.defects import Defect
from simulator.world.manifest import manifest_of

_HOUR = 500_000


def _event(
    click_id: str,
    *,
    name: str = "Search",
    price_cents: int | None = None,
    rejection: RejectionReason | None = None,
    defect: Defect | None = None,
    has_copy: bool = False,
) -> OutgoingEvent:
    return OutgoingEvent(
        body=b"{}",
        click_id=click_id,
        rejection=rejection,
        defect=defect,
        event_hour=_HOUR,
        name=name,
        price_cents=price_cents,
        has_copy=has_copy,
    )


def test_of_two_accepted_copies_one_is_clean_and_one_a_duplicate() -> None:
    log = io.StringIO()
    report = StreamReport(log)
    report.accepted([_event("a", has_copy=True), _event("b")])
    report.accepted([_event("a", has_copy=True)])
    manifest = manifest_of(report.tally)
    assert (manifest.lines, manifest.received, manifest.clean, manifest.duplicates) == (3, 3, 2, 1)
    assert log.getvalue() == "a\nb\n"


def test_a_copy_whose_original_was_given_up_is_the_clean_one() -> None:
    log = io.StringIO()
    report = StreamReport(log)
    report.gave_up([_event("a", has_copy=True)])
    report.accepted([_event("a", has_copy=True)])
    manifest = manifest_of(report.tally)
    assert (manifest.lines, manifest.clean, manifest.duplicates) == (1, 1, 0)
    assert log.getvalue() == "a\n"


def test_an_accepted_event_that_the_job_will_reject_is_counted_by_its_reason_and_not_logged() -> None:
    log = io.StringIO()
    report = StreamReport(log)
    report.accepted([_event("a", rejection=RejectionReason.TOO_LATE, defect=Defect.TOO_LATE), _event("b")])
    manifest = manifest_of(report.tally)
    assert manifest.rejected == {"too_late": 1}
    assert (manifest.lines, manifest.received, manifest.clean) == (2, 1, 1)
    assert manifest.defects == {"too_late": 1}
    assert log.getvalue() == "b\n"


def test_revenue_is_a_decimal_of_the_purchases_with_a_price_and_refunds_are_counted_apart() -> None:
    report = StreamReport()
    report.accepted(
        [
            _event("a", name="Purchase", price_cents=1_005),
            _event("b", name="Purchase", price_cents=1_000),
            _event("c", name="Purchase"),
            _event("d", name="ViewContent", price_cents=99_999),
            _event("e", name="Refund", price_cents=-1_005),
            _event("f", name="Refund", price_cents=5),
        ]
    )
    manifest = manifest_of(report.tally)
    assert (manifest.revenue, manifest.purchases_without_price, manifest.refunded) == ("20.05", 1, "10.10")
    assert manifest.landing_hours == {}


def test_a_refused_event_is_a_failure() -> None:
    report = StreamReport()
    assert report.summary(1.0).complete
    report.refused("400 Invalid request body")
    report.refused("400 Invalid request body")
    assert not report.summary(1.0).complete
    assert report.summary(1.0).refusals == {"400 Invalid request body": 2}


def test_percentiles_are_of_the_requests_answered() -> None:
    report = StreamReport()
    assert report.summary(1.0).p50_ms == 0.0
    for milliseconds in range(1, 101):
        report.answered(200, milliseconds / 1_000)
    assert (report.summary(1.0).p50_ms, report.summary(1.0).p95_ms) == (51.0, 96.0)
