"""Rules of where sessions come from: which text is a host, and whose it is."""

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_jobs.daily.source_queries import foreign_host
from tests.spark_jobs.hostile_urls import URLS
from tests.spark_jobs.specification.witness import SQL
from tests.specification import hosts

Pages = tuple[str | None, str | None]
NAMES = ("referrer", "page_url")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Return DuckDB with the macros of `duckdb_tables.sql`."""
    macros = SQL.read_text(encoding="utf-8").split("CREATE MACRO ")[1:]
    with duckdb.connect() as connected:
        for macro in macros:
            connected.execute(f"CREATE MACRO {macro.partition(';')[0]}")
        yield connected


def foreign_hosts(connection: duckdb.DuckDBPyConnection, pages: Sequence[Pages]) -> list[str | None]:
    """Return the host of each (referrer, page_url), about which the job and both specifications must agree."""
    values = zip(*pages, strict=True)
    columns = [pa.array(range(len(pages)), pa.int64()), *(pa.array(column, pa.string()) for column in values)]
    connection.register("pages", pa.table(columns, names=["place", *NAMES]))
    witnessed = "nullif(host_of(referrer), host_of(page_url))"
    answers = connection.execute(f"SELECT {foreign_host(*NAMES)}, {witnessed} FROM pages ORDER BY place").fetchall()
    assert [witness for _, witness in answers] == [hosts.foreign_host(*pair) for pair in pages]
    assert [host for host, _ in answers] == [hosts.foreign_host(*pair) for pair in pages]
    return [host for host, _ in answers]


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("https://search.example/", "search.example"),
        ("https://Search.EXAMPLE", "search.example"),
        ("http://search.example:8080/a:b@c/", "search.example"),
        ("https://ann:pass@word@search.example:443/", "search.example"),
        ("android-app://com.example.reader/", "com.example.reader"),
        ("https://[2001:DB8::1]:443/", "[2001:db8::1]"),
        ("https://BÜCHER.example/", "bÜcher.example"),
        ("https://search.example:/", "search.example"),
        ("//search.example/", None),
        ("search.example", None),
        ("about:client", None),
        ("https:///path", None),
        ("https://search.example:80a/", None),
        ("https://shop.example\\@search.example/", None),
        ("https://search example/", None),
        ("https://search.example\n", None),
        ("1http://search.example/", None),
        ("", None),
        (None, None),
    ],
)
def test_the_host_of_an_address_is_its_name_alone(
    connection: duckdb.DuckDBPyConnection, referrer: str | None, host: str | None
) -> None:
    assert foreign_hosts(connection, [(referrer, "https://shop.example/")]) == [host]


def test_the_pages_own_host_is_none_and_a_page_without_an_address_has_no_own(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    pages: list[Pages] = [
        ("https://shop.example/a", "http://SHOP.example:80/b"),
        ("https://www.shop.example/a", "https://shop.example/b"),
        ("https://shop.example/a", None),
        ("https://shop.example/a", "/b"),
    ]
    assert foreign_hosts(connection, pages) == [None, "www.shop.example", "shop.example", "shop.example"]


@given(pages=st.lists(st.tuples(URLS, URLS), min_size=1, max_size=60))
def test_the_job_and_both_specifications_find_the_same_host_in_hostile_addresses(
    connection: duckdb.DuckDBPyConnection, pages: list[Pages]
) -> None:
    assert len(foreign_hosts(connection, pages)) == len(pages)
