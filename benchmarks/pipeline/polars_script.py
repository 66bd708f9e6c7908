"""The pipeline as a Polars script: lazy frames, streamed from JSON lines to Parquet partitioned by hour."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
from crawleruseragents import is_crawler

from benchmarks.pipeline.contender import MakeTables
from contracts.rules import BOT_EVENTS_AT_ONCE, BOT_EVENTS_PER_HOUR

_EVENT = pl.Struct(
    {
        "timestamp": pl.String,
        "user_id": pl.String,
        "click_id": pl.String,
        "event_name": pl.String,
        "pixel_id": pl.String,
        "insertion_timestamp": pl.String,
        "user_ip": pl.String,
        "additional_data": pl.Struct(
            {"time_on_data": pl.Float64, "percent_viewed": pl.Float64, "product_id": pl.String, "price": pl.Float64}
        ),
    }
)
_ENVELOPE = pl.Schema(
    {
        "received_at": pl.Int64(),
        "request_id": pl.String(),
        "source_ip": pl.String(),
        "user_agent": pl.String(),
        "event": _EVENT,
    }
)
_HOUR = pl.col("event_time").dt.truncate("1h").alias("event_hour")
_PURCHASE = pl.col("event_name") == "Purchase"
_REFUND = pl.col("event_name") == "Refund"


def start(directory: Path) -> MakeTables:
    """Return the script."""

    def make_tables(raw: Path, run: str) -> None:
        out = directory / run
        received = _received(raw)
        _sink(received, out / "received_events", by="landing_hour")
        clean = _clean(pl.scan_parquet(f"{out}/received_events/**/*.parquet", hive_partitioning=False))
        _sink(clean, out / "clean_events", by="event_hour")
        events = pl.scan_parquet(f"{out}/clean_events/**/*.parquet", hive_partitioning=False)
        hourly = {
            "hourly_event_counts": _event_counts(events),
            "hourly_traffic": _traffic(events),
            "hourly_product_stats": _product_stats(events),
        }
        for table, rows in hourly.items():
            rows.sink_parquet(out / table / "rows.parquet", mkdir=True, engine="streaming")

    return make_tables


def _sink(rows: pl.LazyFrame, path: Path, *, by: str) -> None:
    rows.sink_parquet(pl.PartitionBy(path, key=by, include_key=True), mkdir=True, engine="streaming")


def _received(raw: Path) -> pl.LazyFrame:
    lines = pl.scan_ndjson(f"{raw}/**/*.gz", schema=_ENVELOPE, include_file_paths="object_key")
    event, data = pl.col("event").struct, pl.col("event").struct.field("additional_data").struct
    price = data.field("price")
    date, hour = (pl.col("object_key").str.extract(f"landing_{part}=([0-9-]+)") for part in ("date", "hour"))
    rows = lines.select(
        (date + " " + hour + ":00").str.to_datetime("%Y-%m-%d %H:%M", time_unit="us").alias("landing_hour"),
        _timestamp(event.field("timestamp")).alias("event_time"),
        (pl.col("received_at") * 1000).cast(pl.Datetime("us")).alias("received_at"),
        event.field("user_id", "click_id", "event_name"),
        _text(event.field("pixel_id")),
        _text(data.field("product_id")),
        pl.when(event.field("event_name") == "Refund")
        .then(price.abs())
        .otherwise(price)
        .cast(pl.Decimal(18, 2))
        .alias("price"),
        data.field("time_on_data", "percent_viewed"),
        _timestamp(event.field("insertion_timestamp")),
        _network(_text(event.field("user_ip"))),
        _network(_text(pl.col("source_ip"))),
        _text(pl.col("user_agent")),
        _text(pl.col("request_id")),
        pl.col("object_key").str.slice(len(str(raw.parent)) + 1),
    )
    late = pl.col("received_at") - pl.col("event_time")
    return rows.filter(late.is_between(-timedelta(minutes=5), timedelta(days=7)))


def _timestamp(text: pl.Expr) -> pl.Expr:
    return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")


def _text(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _network(address: pl.Expr) -> pl.Expr:
    return address.str.replace(r"[0-9]+$", "0")


def _clean(received: pl.LazyFrame) -> pl.LazyFrame:
    """Return the first event of each click_id in its event hour, flagged, the hours sorted by user and time."""
    order = ["received_at", "insertion_timestamp", "user_id"]
    agents = received.select("user_agent").unique().drop_nulls().collect(engine="streaming").to_series()
    crawler = pl.col("user_agent").is_in([agent for agent in agents if is_crawler(agent)]).fill_null(value=False)
    events, time = pl.len(), pl.col("event_time")
    rate = (events > BOT_EVENTS_PER_HOUR).over("event_hour", "user_id")
    at_once = (events > BOT_EVENTS_AT_ONCE) & (time.max() < time.min() + timedelta(seconds=1))
    instant = at_once.over("event_hour", "user_id")
    reasons = pl.concat_list(
        pl.when(crawler).then(pl.lit("crawler_user_agent")),
        pl.when(rate).then(pl.lit("rate")),
        pl.when(instant).then(pl.lit("instant")),
    ).list.drop_nulls()
    return (
        received.drop("landing_hour", "object_key")
        .with_columns(_HOUR)
        .sort("event_hour", "click_id", *order, nulls_last=True)
        .unique(["event_hour", "click_id"], keep="first", maintain_order=True)
        .with_columns((crawler | rate | instant).alias("is_bot"), reasons.alias("bot_reasons"))
        .sort("event_hour", "user_id", "event_time")
    )


def _event_counts(events: pl.LazyFrame) -> pl.LazyFrame:
    return events.group_by("event_hour", "event_name").agg(*_with_twins(_events_and_users))


def _traffic(events: pl.LazyFrame) -> pl.LazyFrame:
    gap = pl.col("event_time") - pl.col("event_time").shift().over("user_id", order_by=["event_time", "is_bot"])
    starts = (gap.is_null() | (gap > timedelta(minutes=30))).alias("starts_session")
    columns = events.select("event_hour", "user_id", "event_name", "price", "is_bot", starts)
    return columns.group_by("event_hour").agg(
        *_with_twins(_events_and_users), *_with_twins(_visits), *_with_twins(_shopping)
    )


def _product_stats(events: pl.LazyFrame) -> pl.LazyFrame:
    shopping = pl.col("event_name").is_in(["ViewContent", "AddToCart", "Purchase", "Refund"])
    products = events.filter(pl.col("product_id").is_not_null() & shopping)
    return products.group_by("event_hour", "product_id").agg(*_with_twins(_shopping))


def _with_twins(measures: Callable[[pl.Expr], dict[str, pl.Expr]]) -> Iterator[pl.Expr]:
    for of, counted in {"": pl.lit(value=True), "_without_bots": ~pl.col("is_bot")}.items():
        yield from (measure.alias(f"{name}{of}") for name, measure in measures(counted).items())


def _events_and_users(counted: pl.Expr) -> dict[str, pl.Expr]:
    return {"events": _count(counted), "users": pl.col("user_id").filter(counted).n_unique().cast(pl.Int64)}


def _visits(counted: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "sessions_started": _count(counted & pl.col("starts_session")),
        "searches": _count(counted & (pl.col("event_name") == "Search")),
        "purchases_without_price": _count(counted & _PURCHASE & pl.col("price").is_null()),
    }


def _shopping(counted: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "views": _count(counted & (pl.col("event_name") == "ViewContent")),
        "carts": _count(counted & (pl.col("event_name") == "AddToCart")),
        "purchases": _count(counted & _PURCHASE),
        "revenue": pl.col("price").filter(counted & _PURCHASE).sum().cast(pl.Decimal(38, 2)),
        "refunds": _count(counted & _REFUND),
        "refunded": pl.col("price").filter(counted & _REFUND).sum().cast(pl.Decimal(38, 2)),
    }


def _count(condition: pl.Expr) -> pl.Expr:
    return (condition & pl.col("event_name").is_not_null()).sum().cast(pl.Int64)
