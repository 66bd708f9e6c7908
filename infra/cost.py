"""`python -m infra.cost --events-per-second 10000 --events-per-request 10`: traffic → dollars, part by part.

A calculation from list prices and from figures that this project measured, each named below with where it comes from;
no discount, no tax, one region. It is for comparing ways to run the pipeline; a bill is AWS's.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from pathlib import Path
from typing import Final

from contracts import stream_prices
from infra.settings import settings_of

PAGE: Final = "docs/cost.md"
_ROOT: Final = Path(__file__).parents[1]
_HOURS: Final = 730
_MONTH_SECONDS: Final = _HOURS * 3600
_KB: Final = 1024
_GB: Final = 1024**3
_MILLION: Final = 1_000_000

#: Price steps: for so many units, the price of one; the last step has no end.
Steps = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Prices:
    """AWS's list prices in dollars, us-east-1, as its pages had them in 2025; `SOURCES` names the pages."""

    api_requests: Steps = ((333e6, 3.50e-6), (667e6, 2.80e-6), (19e9, 2.38e-6), (inf, 1.51e-6))
    firewall_request: float = 0.60e-6
    #: A web ACL, and each of its four rules, a month.
    firewall_month: float = 5.0 + 4 * 1.0
    reply_gb: Steps = ((10 * 1024, 0.09), (40 * 1024, 0.085), (100 * 1024, 0.07), (inf, 0.05))
    shard_hour: float = stream_prices.SHARD_HOUR
    #: Of a shard whose records are kept longer than a day.
    retention_shard_hour: float = stream_prices.RETENTION_SHARD_HOUR
    put_unit: float = stream_prices.PUT_UNIT
    on_demand_stream_hour: float = stream_prices.ON_DEMAND_STREAM_HOUR
    on_demand_gb_in: float = stream_prices.ON_DEMAND_GB_IN
    on_demand_gb_out: float = stream_prices.ON_DEMAND_GB_OUT
    #: Records are counted in steps of 5 KB.
    delivery_gb: Steps = ((500 * 1024, 0.029), (1.5 * 1024**2, 0.025), (inf, 0.020))
    storage_gb_month: float = 0.023
    #: What Intelligent-Tiering moves a file to that nobody reads: after 30 days, and after 90.
    infrequent_gb_month: float = 0.0125
    archive_gb_month: float = 0.004
    #: A put or a listing of a thousand objects, and a get.
    s3_put: float = 5e-6
    s3_get: float = 0.4e-6
    #: EMR Serverless on ARM.
    vcpu_hour: float = 0.042094
    memory_gb_hour: float = 0.004628
    alarm_month: float = 0.10
    log_gb: float = 0.50
    metric_month: float = 0.30
    metric_put: float = 10e-6
    #: A key of the account's own, with its two yearly changes, and a use of it.
    key_month: float = 1.0
    key_use: float = 0.03 / 10_000
    dashboard_month: float = 3.0


SOURCES: Final[Mapping[str, str]] = {
    "API Gateway": "aws.amazon.com/api-gateway/pricing",
    "WAF": "aws.amazon.com/waf/pricing",
    "Kinesis": "aws.amazon.com/kinesis/data-streams/pricing",
    "Firehose": "aws.amazon.com/firehose/pricing",
    "S3, data out": "aws.amazon.com/s3/pricing",
    "EMR Serverless": "aws.amazon.com/emr/pricing",
    "CloudWatch": "aws.amazon.com/cloudwatch/pricing",
    "KMS": "aws.amazon.com/kms/pricing",
}


_PROD: Final = settings_of("prod")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is sent, and how the pipeline runs; the defaults are the traffic of the simulator, and `prod`'s settings.

    An envelope line has `line_bytes`, of which `stored_bytes` are left in a raw object by gzip; the tables keep
    `table_bytes` of it. Jobs 1 and 2 take `cpu_us` for an event on one core, job 3 `day_cpu_us`. Late events
    make hours and days again: for each event that is received `late_hour_rows` of event hours and `late_day_rows` of
    days are computed once more.

    Assumed, not measured: job 3's time, a shard filled to `shard_share`, a worker that computes for `worker_share` of
    the time that is paid, a line of `access_log_bytes` for each request, an hour's `runs` that need a driver and a
    worker of 4 vCPU for a minute each to start, and `airflow_month` for Airflow's host.
    """

    events_per_second: float = 10_000
    events_per_request: int = 10
    #: Events that share a record, since they are one visitor's and follow each other; None: all those of a request.
    events_per_record: int | None = None
    on_demand: bool = False
    retention_hours: int = _PROD.stream.retention_hours
    line_bytes: int = 550
    stored_bytes: int = 90
    table_bytes: int = 120
    reply_bytes: int = 350
    reply_bytes_of_event: int = 24
    raw_days: int = _PROD.lake.raw_expiry_days
    table_months: int = 13
    #: Whether the old months of tables are read as the new ones are, so that S3 does not move them.
    old_tables_are_read: bool = False
    cpu_us: float = 9.3
    day_cpu_us: float = 3.0
    late_hour_rows: float = 7.0
    late_day_rows: float = 3.0
    shard_share: float = 0.75
    worker_share: float = 0.5
    runs: int = 3
    buffer_seconds: int = _PROD.delivery.buffer_seconds
    airflow_month: float = 150.0
    #: Between two looks of the live minutes at the bucket.
    live_seconds: int = 5
    #: The stage's access log; 0 without one.
    access_log_bytes: int = 330 if _PROD.api.access_log_days else 0
    own_key: bool = _PROD.own_key

    @property
    def events(self) -> float:
        """Return the events of a month."""
        return self.events_per_second * _MONTH_SECONDS

    @property
    def record_events(self) -> int:
        """Return the events of a record."""
        return min(self.events_per_record or self.events_per_request, self.events_per_request)

    @property
    def records(self) -> float:
        """Return the records of a month."""
        return self.events / self.record_events

    @property
    def record_bytes(self) -> int:
        """Return the size of a record: its lines."""
        return self.line_bytes * self.record_events


def stepped(units: float, steps: Steps) -> float:
    """Return the price of units that get cheaper by steps.

    >>> round(stepped(1e9, ((333e6, 3.50e-6), (667e6, 2.80e-6), (inf, 2.38e-6))), 2)
    3033.1
    """
    price, left = 0.0, units
    for size, of_one in steps:
        taken = min(left, size)
        price += taken * of_one
        left -= taken
    return price


def monthly(work: Workload, prices: Prices = Prices()) -> dict[str, float]:
    """Return the dollars a month of each part, in the order in which an event passes through them."""
    requests = work.events / work.events_per_request
    reply = work.reply_bytes + work.reply_bytes_of_event * work.events_per_request
    return {
        "API Gateway": stepped(requests, prices.api_requests),
        "WAF": requests * prices.firewall_request + prices.firewall_month,
        "replies": stepped(requests * reply / _GB, prices.reply_gb),
        "Kinesis": _stream(work, prices),
        "Firehose": stepped(work.records * _up(work.record_bytes, 5 * _KB) / _GB, prices.delivery_gb),
        "S3": _storage(work, prices),
        "Spark": _compute(
            _started_us(work) + work.events * (work.cpu_us + work.day_cpu_us) / work.worker_share, prices
        ),
        "late events": _compute(work.events * _late_us(work) / work.worker_share, prices),
        "live minutes": _live(work, prices),
        "Airflow": work.airflow_month,
        "access log": requests * work.access_log_bytes / _GB * prices.log_gb,
        "own key": _own_key(work, prices) if work.own_key else 0.0,
        "alarms": _ALARMS * prices.alarm_month + prices.dashboard_month,
    }


def shards(work: Workload) -> int:
    """Return how many shards take the traffic, 1,000 records and 1 MiB a second each, filled as far as they may be."""
    records_per_second = work.events_per_second / work.record_events
    needed = max(records_per_second / 1_000, work.events_per_second * work.line_bytes / 1024**2)
    return max(ceil(needed / work.shard_share), 1)


#: With bucket keys S3 asks for a data key now and then; Kinesis asks every five minutes, for each shard and producer.
_KEY_USES_A_SHARD_HOUR: Final = 12 * 10


def _own_key(work: Workload, prices: Prices) -> float:
    """Return what a key of the account's own costs; `_KEY_USES_A_SHARD_HOUR` is assumed, for reads and writes."""
    return prices.key_month + shards(work) * _HOURS * _KEY_USES_A_SHARD_HOUR * prices.key_use


#: Of `infra/monitoring.py`, with six metrics of our own at a like price.
_ALARMS: Final = 14 + 3 * 6

#: For so long the stream keeps records at no price.
_FREE_HOURS: Final = 24


def _stream(work: Workload, prices: Prices) -> float:
    if work.on_demand:
        gigabytes = work.records * _up(work.record_bytes, _KB) / _GB
        return _HOURS * prices.on_demand_stream_hour + gigabytes * (prices.on_demand_gb_in + prices.on_demand_gb_out)
    kept = prices.retention_shard_hour if work.retention_hours > _FREE_HOURS else 0.0
    units = work.records * ceil(work.record_bytes / (25 * _KB))
    return shards(work) * _HOURS * (prices.shard_hour + kept) + units * prices.put_unit


def _storage(work: Workload, prices: Prices) -> float:
    """Return what is paid once raw objects expire and the tables' oldest months are dropped, new objects included."""
    raw = work.events * work.raw_days / 30.4 * work.stored_bytes
    return (
        raw / _GB * prices.storage_gb_month
        + work.events * work.table_bytes / _GB * _table_month(work, prices)
        + _raw_objects(work) * prices.s3_put
    )


#: Months in which a table's file has full price until S3 finds that nobody reads it, and the lower one then.
_FREQUENT_MONTHS: Final = (_PROD.lake.table_tiering_days + 30) / 30.4
_INFREQUENT_MONTHS: Final = 60 / 30.4


def _table_month(work: Workload, prices: Prices) -> float:
    """Return the monthly price of a gigabyte of each of the months that are kept, of which only new ones are read."""
    if work.old_tables_are_read:
        return work.table_months * prices.storage_gb_month
    frequent = min(work.table_months, _FREQUENT_MONTHS)
    infrequent = min(work.table_months - frequent, _INFREQUENT_MONTHS)
    return (
        frequent * prices.storage_gb_month
        + infrequent * prices.infrequent_gb_month
        + (work.table_months - frequent - infrequent) * prices.archive_gb_month
    )


def _raw_objects(work: Workload) -> float:
    """Return how many objects Firehose writes; that it writes one for each four shards at a time is assumed."""
    return _MONTH_SECONDS / work.buffer_seconds * max(shards(work) / 4, 1)


#: The metrics of the live minutes, put together once a minute.
_LIVE_METRICS: Final = 3


def _live(work: Workload, prices: Prices) -> float:
    """Return what the live minutes ask of AWS, on a host that is there: listings, objects, documents and metrics."""
    looks = _MONTH_SECONDS / work.live_seconds
    pages = max(ceil(_raw_objects(work) / _HOURS / 1_000), 1)
    requests = (looks * pages + _MONTH_SECONDS / 60 + looks) * prices.s3_put + _raw_objects(work) * prices.s3_get
    return requests + _LIVE_METRICS * prices.metric_month + _MONTH_SECONDS / 60 * prices.metric_put


def _late_us(work: Workload) -> float:
    """Return the CPU time for each event by which hours and days are made again."""
    return work.late_hour_rows * work.cpu_us * SHARE_OF_JOB_2 + work.late_day_rows * work.day_cpu_us


def _started_us(work: Workload) -> float:
    """Return the CPU time of a month's drivers and workers until they begin to compute."""
    return _HOURS * work.runs * 2 * _WORKER_VCPU * 60 * 1e6


#: A worker is of 4 vCPU and 15 GB.
_WORKER_VCPU: Final = 4
_WORKER_GB: Final = 15
#: Of the CPU time of an event, what making its event hour again costs: job 1 is not run again.
SHARE_OF_JOB_2: Final = 0.35


def _compute(cpu_us: float, prices: Prices) -> float:
    """Return the price of CPU time, with the memory that comes with it."""
    return cpu_us / 1e6 / 3600 * (prices.vcpu_hour + _WORKER_GB / _WORKER_VCPU * prices.memory_gb_hour)


def _up(size: int, step: int) -> int:
    return -(-size // step) * step


def per_million(work: Workload) -> dict[str, float]:
    """Return the dollars of each part for a million events."""
    return {part: dollars / work.events * _MILLION for part, dollars in monthly(work).items()}


def report(work: Workload) -> str:
    """Return the parts as text, by month and by million events, with their sums."""
    month, million = monthly(work), per_million(work)
    mode = "on-demand" if work.on_demand else f"{shards(work)} shards"
    lines = [
        f"{work.events_per_second:,.0f} events/s in requests of {work.events_per_request}: "
        f"{work.events / 1e9:,.2f} billion events a month, {mode}",
        f"{'':<14}{'$ a month':>14}{'$ per million':>16}",
        *(f"{part:<14}{month[part]:>14,.2f}{million[part]:>16.4f}" for part in month),
        f"{'all':<14}{sum(month.values()):>14,.2f}{sum(million.values()):>16.4f}",
    ]
    return "\n".join(lines)


def cost_page() -> str:
    """Return the documentation's page."""
    usual = Workload()
    sizes = [replace(usual, events_per_request=size) for size in (1, 10, 50, 100, 500)]
    rates = [replace(usual, events_per_second=rate) for rate in (10, 100, 1_000, 10_000)]
    modes = [
        ("`prod` as it is", usual),
        ("each event a record", replace(usual, events_per_record=1)),
        ("on-demand stream", replace(usual, on_demand=True)),
        ("all months are read", replace(usual, old_tables_are_read=True)),
        ("records kept for a day", replace(usual, retention_hours=24)),
        ("without late events", replace(usual, late_hour_rows=0, late_day_rows=0)),
        ("a key of your own", replace(usual, own_key=True)),
        ("no access log", replace(usual, access_log_bytes=0)),
        ("Airflow on EKS, $450", replace(usual, airflow_month=450.0)),
    ]
    sources = ", ".join(f"[{what}](https://{where})" for what, where in SOURCES.items())
    return f"""<!-- Generated by `make docs` from infra/cost.py; change the calculation, not this file. -->

# What it costs

Dollars for a million events, by list prices of us-east-1 of 2025, and by what was measured here:

* a line has {usual.line_bytes} bytes, {usual.stored_bytes} of them in a raw object, and {usual.table_bytes} in tables:
  `python -m simulator history --raw out/raw --from 2026-11-20T10 --to 2026-11-20T12 --rate 30`, its lines through
  `make run INPUT=events.jsonl OUT=out`, and the sizes of what they leave;
* jobs 1 and 2 take {usual.cpu_us:g} µs of CPU for an event ([benchmarks](benchmarks.md), ten million events).

Assumed is the rest: {usual.day_cpu_us:g} µs for job 3, shards filled to {usual.shard_share:.0%}, workers that
compute for {usual.worker_share:.0%} of the time that is paid, {usual.airflow_month:.0f} dollars for Airflow's host.
`python -m infra.cost --help` calculates your own traffic.

Prices change; look them up before you rely on them: {sources}.

## By events in a request, at {usual.events_per_second:,.0f} events/s

{_parts_table(sizes, [f"{work.events_per_request}" for work in sizes])}
A page that sends each event alone pays for API Gateway and WAF above all; the [tracker](browser.md) sends batches, and
so should a server. Firehose counts a record in steps of 5 KB, of which an event has a tenth: events of one visitor that
follow each other in a request share a record ([decision 20](adr/020-a-record-has-a-visitors-lines.md)). So it is for
all of a page's; a server that sends many visitors' events in one request should sort them by visitor.

## By events a second, in requests of {usual.events_per_request}

{_parts_table(rates, [f"{work.events_per_second:,.0f}" for work in rates])}
A small shop pays for what is there whether anybody comes or not: Airflow's host, a shard, the firewall.

## By how it is run, at {usual.events_per_second:,.0f} events/s in requests of {usual.events_per_request}

{_parts_table([work for _, work in modes], [name for name, _ in modes])}
*Late events*: for each event that is received, {usual.late_hour_rows:g} of event hours and {usual.late_day_rows:g} of
days are computed once more. That is assumed, and more than the [model](benchmarks.md#late-events) says of a smaller
shop: the larger an hour, the more of its late events are worth making it again.
"""


def _parts_table(works: Sequence[Workload], names: Sequence[str]) -> str:
    columns = [per_million(work) for work in works]
    rows = [[part, *(f"{column[part]:.4f}" for column in columns)] for part in columns[0]]
    rows.append(["**all**", *(f"**{sum(column.values()):.3f}**" for column in columns)])
    lines = [["$ per million", *names], ["---", *("---:" for _ in names)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.cost", description="What traffic costs on AWS, part by part."
    )
    usual = Workload()
    for name, kind, text in (
        ("events-per-second", float, "the mean over a month"),
        ("events-per-request", int, "1 to 500"),
        ("events-per-record", int, "of one visitor, following each other"),
        ("retention-hours", int, "how long the stream keeps a record"),
        ("line-bytes", int, "an event with its envelope"),
        ("raw-days", int, "how long raw objects are kept"),
        ("table-months", int, "how long the tables' rows are kept"),
        ("airflow-month", float, "dollars for Airflow's host and database"),
    ):
        default = getattr(usual, name.replace("-", "_"))
        shown = "those of a request" if default is None else f"{default:g}"
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{text} (default: {shown})")
    parser.add_argument(
        "--on-demand", action="store_true", help="a stream in on-demand mode, without scale_event_stream"
    )
    page = parser.add_mutually_exclusive_group()
    page.add_argument("--write-docs", action="store_true", help=f"write {PAGE} instead")
    page.add_argument("--check-docs", action="store_true", help=f"fail if {PAGE} is out of date")
    given = parser.parse_args(arguments)
    for name in ("events_per_second", "events_per_request", "events_per_record", "line_bytes"):
        if getattr(given, name) is not None and getattr(given, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} is {getattr(given, name):g}; it must be more than 0")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the calculation, or write its page; return the exit code."""
    given = vars(_parse(arguments))
    write, check = given.pop("write_docs"), given.pop("check_docs")
    path = _ROOT / PAGE
    if write:
        path.write_text(cost_page(), encoding="utf-8")
    elif check and (not path.is_file() or path.read_text(encoding="utf-8") != cost_page()):
        print(f"{PAGE} is out of date; run: make docs", file=sys.stderr)
        return 1
    elif not check:
        print(report(Workload(**given)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
