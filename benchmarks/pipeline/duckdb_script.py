"""The pipeline as a DuckDB script: JSON in, Parquet partitioned by hour out."""

from pathlib import Path

import duckdb
from crawleruseragents import is_crawler

from benchmarks.pipeline.contender import MakeTables
from contracts.rules import BOT_EVENTS_AT_ONCE, BOT_EVENTS_PER_HOUR

_RECEIVED = """
COPY (
    SELECT strptime(regexp_extract(filename, 'landing_date=([0-9-]+)', 1) || ' '
                    || regexp_extract(filename, 'landing_hour=([0-9]+)', 1), '%Y-%m-%d %H') AS landing_hour,
           event.timestamp AS event_time,
           make_timestamp(received_at * 1000) AS received_at,
           event.user_id AS user_id,
           event.click_id AS click_id,
           event.event_name AS event_name,
           nullif(event.pixel_id, '') AS pixel_id,
           nullif(event.additional_data.product_id, '') AS product_id,
           CASE WHEN event.event_name = 'Refund' THEN abs(event.additional_data.price)
                ELSE event.additional_data.price END AS price,
           event.additional_data.time_on_data AS time_on_data,
           event.additional_data.percent_viewed AS percent_viewed,
           event.insertion_timestamp AS insertion_timestamp,
           regexp_replace(nullif(event.user_ip, ''), '[0-9]+$', '0') AS user_ip,
           regexp_replace(nullif(source_ip, ''), '[0-9]+$', '0') AS source_ip,
           nullif(user_agent, '') AS user_agent,
           nullif(request_id, '') AS request_id,
           substr(filename, {prefix}) AS object_key
    FROM read_json('{raw}/*/*/*.gz', format = 'newline_delimited', filename = true, columns = {{
        received_at: 'BIGINT', request_id: 'VARCHAR', source_ip: 'VARCHAR', user_agent: 'VARCHAR',
        event: 'STRUCT(timestamp TIMESTAMP, user_id VARCHAR, click_id VARCHAR, event_name VARCHAR, pixel_id VARCHAR,
                       insertion_timestamp TIMESTAMP, user_ip VARCHAR,
                       additional_data STRUCT(time_on_data DOUBLE, percent_viewed DOUBLE, product_id VARCHAR,
                                              price DECIMAL(18,2)))'
    }})
    WHERE make_timestamp(received_at * 1000) - event.timestamp BETWEEN -INTERVAL 5 MINUTES AND INTERVAL 7 DAYS
) TO '{out}/received_events' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (landing_hour), WRITE_PARTITION_COLUMNS)
"""

_AGENTS = """
SELECT DISTINCT user_agent FROM read_parquet('{out}/received_events/*/*.parquet', hive_partitioning = false)
WHERE user_agent IS NOT NULL
"""

_CLEAN = f"""
COPY (
    WITH deduplicated AS (
        SELECT * EXCLUDE (landing_hour, object_key), date_trunc('hour', event_time) AS event_hour
        FROM read_parquet('{{out}}/received_events/*/*.parquet', hive_partitioning = false)
        QUALIFY row_number() OVER (PARTITION BY date_trunc('hour', event_time), click_id
                                   ORDER BY received_at, insertion_timestamp, user_id) = 1
    ), machines AS (
        SELECT event_hour, user_id, count(*) > {BOT_EVENTS_PER_HOUR} AS fast,
               count(*) > {BOT_EVENTS_AT_ONCE} AND max(event_time) < min(event_time) + INTERVAL 1 SECOND AS instant
        FROM deduplicated GROUP BY ALL HAVING fast OR instant
    ), flagged AS (
        SELECT *, CASE WHEN user_agent IN (SELECT agent FROM crawlers) THEN ['crawler_user_agent'] ELSE [] END
                  || CASE WHEN fast THEN ['rate'] ELSE [] END
                  || CASE WHEN instant THEN ['instant'] ELSE [] END AS bot_reasons
        FROM deduplicated LEFT JOIN machines USING (event_hour, user_id)
    )
    SELECT * EXCLUDE (fast, instant), len(bot_reasons) > 0 AS is_bot FROM flagged
    ORDER BY event_hour, user_id, event_time
) TO '{{out}}/clean_events' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_hour), WRITE_PARTITION_COLUMNS)
"""

_CLEAN_EVENTS = """
CREATE OR REPLACE TEMP VIEW clean_events AS
SELECT * FROM read_parquet('{out}/clean_events/*/*.parquet', hive_partitioning = false)
"""

#: What a measure's name ends with → the events that it counts.
_VARIANTS = {"": "true", "_without_bots": "NOT is_bot"}


def _with_twins(*measures: str) -> str:
    return ", ".join(
        measure.format(of=of, counted=counted) for of, counted in _VARIANTS.items() for measure in measures
    )


_SHOPPING = (
    "count_if({counted} AND event_name = 'ViewContent') AS views{of}",
    "count_if({counted} AND event_name = 'AddToCart') AS carts{of}",
    "count_if({counted} AND event_name = 'Purchase') AS purchases{of}",
    "coalesce(sum(price) FILTER ({counted} AND event_name = 'Purchase'), 0)::DECIMAL(38,2) AS revenue{of}",
    "count_if({counted} AND event_name = 'Refund') AS refunds{of}",
    "coalesce(sum(price) FILTER ({counted} AND event_name = 'Refund'), 0)::DECIMAL(38,2) AS refunded{of}",
)
_EVENTS = "count_if({counted}) AS events{of}"
_USERS = "count(DISTINCT user_id) FILTER ({counted}) AS users{of}"

_COUNTS = f"SELECT event_hour, event_name, {_with_twins(_EVENTS, _USERS)} FROM clean_events GROUP BY ALL"

_TRAFFIC = f"""
SELECT event_hour, {
    _with_twins(
        _EVENTS,
        _USERS,
        "count_if({counted} AND starts_session) AS sessions_started{of}",
        "count_if({counted} AND event_name = 'Search') AS searches{of}",
        *_SHOPPING,
        "count_if({counted} AND event_name = 'Purchase' AND price IS NULL) AS purchases_without_price{of}",
    )
}
FROM (
    SELECT event_hour, user_id, event_name, price, is_bot,
           coalesce(event_time - lag(event_time) OVER (PARTITION BY user_id ORDER BY event_time, is_bot)
                    > INTERVAL 30 MINUTES, true) AS starts_session
    FROM clean_events
)
GROUP BY event_hour
"""

_PRODUCTS = f"""
SELECT event_hour, product_id, {_with_twins(*_SHOPPING)}
FROM clean_events
WHERE product_id IS NOT NULL AND event_name IN ('ViewContent', 'AddToCart', 'Purchase', 'Refund')
GROUP BY ALL
"""

_HOURLY = {"hourly_event_counts": _COUNTS, "hourly_traffic": _TRAFFIC, "hourly_product_stats": _PRODUCTS}


def start(directory: Path) -> MakeTables:
    """Return the script, with a connection of its own that spills beside its output."""
    connection = duckdb.connect(config={"temp_directory": str(directory / "spill")})
    # Rows of a file need not keep the order of their lines; and every open partition holds a row group in memory.
    connection.execute("SET preserve_insertion_order = false")

    def make_tables(raw: Path, run: str) -> None:
        out = directory / run
        out.mkdir(parents=True)
        names = {"raw": raw, "out": out, "prefix": len(str(raw.parent)) + 2}
        connection.execute(_RECEIVED.format(**names))
        agents = [agent for (agent,) in connection.execute(_AGENTS.format(**names)).fetchall() if is_crawler(agent)]
        connection.execute("CREATE OR REPLACE TEMP TABLE crawlers AS SELECT unnest(?::VARCHAR[]) AS agent", [agents])
        connection.execute(_CLEAN.format(**names))
        connection.execute(_CLEAN_EVENTS.format(**names))
        for table, rows in _HOURLY.items():
            (out / table).mkdir()
            connection.execute(f"COPY ({rows}) TO '{out}/{table}/rows.parquet' (FORMAT parquet, COMPRESSION zstd)")

    return make_tables
