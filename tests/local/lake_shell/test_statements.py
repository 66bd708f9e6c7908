"""Where a statement ends, and whose SQL it is."""

import pytest

from local.lake_shell.session import is_athena_sql, is_complete, split_statements


@pytest.mark.parametrize(
    "text", ["SELECT 1;", "SELECT ';';", "SELECT 1; -- done", "SELECT $$it's; $$;", "/* ; */ SELECT 1;", ";"]
)
def test_a_semicolon_ends_a_statement(text: str) -> None:
    assert is_complete(text)


@pytest.mark.parametrize(
    "text",
    ["", "SELECT 1", "SELECT ';", 'SELECT ";', "SELECT 1 -- ;", "SELECT 1 /* ;", "SELECT $$ ;", "SELECT 1; SELECT 2"],
)
def test_a_semicolon_within_something_else_ends_nothing(text: str) -> None:
    assert not is_complete(text)


def test_statements_are_parted_where_they_end() -> None:
    text = "SELECT ';' AS a; -- two; follow\nSELECT 2;;\n"
    assert split_statements(text) == ["SELECT ';' AS a", "-- two; follow\nSELECT 2"]
    assert split_statements(" \n") == []
    assert split_statements("SELECT 'a") == ["SELECT 'a"]


@pytest.mark.parametrize(
    ("statement", "athena"),
    [
        ("SELECT * FROM t FOR VERSION AS OF 5", True),
        ("select * from t for timestamp\n as of current_timestamp", True),
        ('SELECT * FROM "daily_traffic$history"', True),
        ("SELECT version, $1 FROM t", False),
    ],
)
def test_only_what_duckdb_lacks_is_athena_sql(statement: str, athena: bool) -> None:
    assert is_athena_sql(statement) is athena
