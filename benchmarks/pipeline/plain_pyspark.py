"""The pipeline as most would write it in PySpark: from_json, cache, a window against copies, a groupBy per table."""

from collections.abc import Iterator
from pathlib import Path

from crawleruseragents import is_crawler
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 (PySpark's own abbreviation)

from benchmarks.pipeline.contender import MakeTables
from contracts.names import CATALOG, LakeLocation
from contracts.rules import BOT_EVENTS_AT_ONCE, BOT_EVENTS_PER_HOUR
from spark_jobs.lake.session import LocalSize, spark_session

_ENVELOPE = (
    "received_at BIGINT, request_id STRING, source_ip STRING, user_agent STRING, event STRUCT<timestamp: TIMESTAMP, "
    "user_id: STRING, click_id: STRING, event_name: STRING, pixel_id: STRING, insertion_timestamp: TIMESTAMP, "
    "user_ip: STRING, additional_data: STRUCT<time_on_data: DOUBLE, percent_viewed: DOUBLE, product_id: STRING, "
    "price: DECIMAL(18,2)>>"
)
_PRICE = "IF(line.event.event_name = 'Refund', abs(line.event.additional_data.price), line.event.additional_data.price)"
_EVENTS = {"events": "count_if({counted})"}
_USERS = {"users": "count(DISTINCT user_id) FILTER (WHERE {counted})"}
_VISITS = {
    "sessions_started": "count_if({counted} AND starts_session)",
    "searches": "count_if({counted} AND event_name = 'Search')",
    "purchases_without_price": "count_if({counted} AND event_name = 'Purchase' AND price IS NULL)",
}
_SHOPPING = {
    "views": "count_if({counted} AND event_name = 'ViewContent')",
    "carts": "count_if({counted} AND event_name = 'AddToCart')",
    "purchases": "count_if({counted} AND event_name = 'Purchase')",
    "revenue": "CAST(coalesce(sum(price) FILTER (WHERE {counted} AND event_name = 'Purchase'), 0) AS DECIMAL(38,2))",
    "refunds": "count_if({counted} AND event_name = 'Refund')",
    "refunded": "CAST(coalesce(sum(price) FILTER (WHERE {counted} AND event_name = 'Refund'), 0) AS DECIMAL(38,2))",
}


def start(directory: Path) -> MakeTables:
    """Return the job, in a session of its own."""
    lake = LakeLocation(raw_uri="", warehouse_uri=str(directory), database="default")
    spark = spark_session("plain_pyspark", lake, size=LocalSize(heap="6g"))

    def make_tables(raw: Path, run: str) -> None:
        spark.sql(f"CREATE NAMESPACE {CATALOG}.{run}")
        received = _received(spark, raw).persist(StorageLevel.MEMORY_AND_DISK)
        _write(
            received, f"{run}.received_events", F.partitioning.hours("landing_hour"), F.partitioning.hours("event_time")
        )
        clean = _clean(received).persist(StorageLevel.MEMORY_AND_DISK)
        _write(clean.drop("event_hour"), f"{run}.clean_events", F.partitioning.hours("event_time"))
        _write(_event_counts(clean), f"{run}.hourly_event_counts", F.partitioning.days("event_hour"))
        _write(_traffic(clean), f"{run}.hourly_traffic", F.partitioning.days("event_hour"))
        _write(_product_stats(clean), f"{run}.hourly_product_stats", F.partitioning.days("event_hour"))
        clean.unpersist()
        received.unpersist()

    return make_tables


def _write(rows: DataFrame, table: str, *partitions: Column) -> None:
    rows.writeTo(f"{CATALOG}.{table}").using("iceberg").partitionedBy(*partitions).create()


def _received(spark: SparkSession, raw: Path) -> DataFrame:
    lines = spark.read.text(f"{raw}/*/*/*.gz").select(
        F.from_json("value", _ENVELOPE, {"timestampFormat": "yyyy-MM-dd HH:mm:ss[.SSSSSS]"}).alias("line"),
        F.col("_metadata.file_path").alias("path"),
    )
    landing = F.regexp_extract("path", "landing_date=([0-9-]+)/landing_hour=([0-9]+)", 1)
    hour = F.regexp_extract("path", "landing_date=([0-9-]+)/landing_hour=([0-9]+)", 2)
    rows = lines.select(
        F.to_timestamp(F.concat(landing, F.lit(" "), hour), "yyyy-MM-dd HH").alias("landing_hour"),
        F.col("line.event.timestamp").alias("event_time"),
        F.timestamp_millis("line.received_at").alias("received_at"),
        *(f"line.event.{name}" for name in ("user_id", "click_id", "event_name")),
        _text("line.event.pixel_id").alias("pixel_id"),
        _text("line.event.additional_data.product_id").alias("product_id"),
        F.expr(_PRICE).alias("price"),
        *(f"line.event.additional_data.{name}" for name in ("time_on_data", "percent_viewed")),
        "line.event.insertion_timestamp",
        _network("line.event.user_ip").alias("user_ip"),
        _network("line.source_ip").alias("source_ip"),
        *(_text(f"line.{name}").alias(name) for name in ("user_agent", "request_id")),
        F.regexp_extract("path", "raw/.*", 0).alias("object_key"),
    )
    return rows.where("received_at - event_time <= INTERVAL 7 DAYS AND event_time - received_at <= INTERVAL 5 MINUTES")


def _text(name: str) -> Column:
    return F.nullif(F.col(name), F.lit(""))


def _network(name: str) -> Column:
    return F.regexp_replace(_text(name), "[0-9]+$", "0")


def _clean(received: DataFrame) -> DataFrame:
    order = Window.partitionBy("event_hour", "click_id").orderBy("received_at", "insertion_timestamp", "user_id")
    agents = received.select("user_agent").where("user_agent IS NOT NULL").distinct().collect()
    crawlers = [row.user_agent for row in agents if is_crawler(row.user_agent)]
    crawler = F.coalesce(F.col("user_agent").isin(crawlers), F.lit(False))
    own = Window.partitionBy("event_hour", "user_id")
    events, time = F.count("*").over(own), F.col("event_time")
    at_once = F.max(time).over(own) < F.min(time).over(own) + F.expr("INTERVAL 1 SECOND")
    reasons = F.array(
        F.when(crawler, F.lit("crawler_user_agent")),
        F.when(F.col("is_fast"), F.lit("rate")),
        F.when(F.col("is_instant"), F.lit("instant")),
    )
    return (
        received.withColumn("event_hour", F.date_trunc("hour", "event_time"))
        .withColumn("copy", F.row_number().over(order))
        .where("copy = 1")
        .withColumn("is_fast", events > BOT_EVENTS_PER_HOUR)
        .withColumn("is_instant", (events > BOT_EVENTS_AT_ONCE) & at_once)
        .withColumn("bot_reasons", F.array_compact(reasons))
        .withColumn("is_bot", F.size("bot_reasons") > 0)
        .drop("copy", "is_fast", "is_instant", "landing_hour", "object_key")
    )


def _event_counts(events: DataFrame) -> DataFrame:
    return events.groupBy("event_hour", "event_name").agg(*_with_twins({**_EVENTS, **_USERS}))


def _traffic(events: DataFrame) -> DataFrame:
    previous = F.lag("event_time").over(Window.partitionBy("user_id").orderBy("event_time", "is_bot"))
    starts = F.coalesce(F.col("event_time") - previous > F.expr("INTERVAL 30 MINUTES"), F.lit(True))
    rows = events.withColumn("starts_session", starts)
    return rows.groupBy("event_hour").agg(*_with_twins({**_EVENTS, **_USERS, **_VISITS, **_SHOPPING}))


def _product_stats(events: DataFrame) -> DataFrame:
    shopping = F.col("event_name").isin("ViewContent", "AddToCart", "Purchase", "Refund")
    products = events.where(F.col("product_id").isNotNull() & shopping)
    return products.groupBy("event_hour", "product_id").agg(*_with_twins(_SHOPPING))


def _with_twins(measures: dict[str, str]) -> Iterator[Column]:
    """Yield each measure over all events, and over those that are not flagged as a bot's."""
    for of, counted in {"": "true", "_without_bots": "NOT is_bot"}.items():
        yield from (F.expr(measure.format(counted=counted)).alias(f"{name}{of}") for name, measure in measures.items())
