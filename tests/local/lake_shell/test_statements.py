"""Where a statement ends, and whose SQL it is."""

import pytest

from local.lake_shell.statements import is_athenas, is_complete, split


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
    assert split(text) == ["SELECT ';' AS a", "-- two; follow\nSELECT 2"]
    assert split(" \n") == []
    assert split("SELECT 'a") == ["SELECT 'a"]


@pytest.mark.parametrize(
    ("statement", "athenas"),
    [
        ("SELECT * FROM t FOR VERSION AS OF 5", True),
        ("select * from t for timestamp\n as of current_timestamp", True),
        ('SELECT * FROM "daily_traffic$history"', True),
        ("SELECT version, $1 FROM t", False),
    ],
)
def test_only_what_duckdb_lacks_is_athenas(statement: str, athenas: bool) -> None:
    assert is_athenas(statement) is athenas
