"""What a person types → statements, and which of them are in Athena's SQL."""

import re
from typing import Final

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

#: What Athena has and DuckDB lacks: a table as it was, and the list of its commits.
_ATHENA: Final = re.compile(r'\bFOR\s+(VERSION|TIMESTAMP)\s+AS\s+OF\b|"\w+\$(history|snapshots)"', re.IGNORECASE)


def is_complete(text: str) -> bool:
    """Say whether a text ends with a semicolon that is not part of a string, a name or a comment."""
    tokens = _tokens(text)
    return bool(tokens) and tokens[-1].token_type is TokenType.SEMICOLON


def split(text: str) -> list[str]:
    """Return the statements of a text, without semicolons; a text that can't be read is one, for DuckDB to refuse."""
    tokens = _tokens(text)
    if not tokens:
        return [text.strip()] if text.strip() else []
    ends = [token.start for token in tokens if token.token_type is TokenType.SEMICOLON]
    pieces = [text[start:end] for start, end in zip([0, *(end + 1 for end in ends)], [*ends, len(text)], strict=True)]
    return [piece.strip() for piece in pieces if _tokens(piece)]


def is_athenas(statement: str) -> bool:
    """Say whether a statement travels in time as only Athena's SQL does; all others are DuckDB's."""
    return _ATHENA.search(statement) is not None


def _tokens(text: str) -> list[Token]:
    try:
        return sqlglot.tokenize(text, read="duckdb")
    except TokenError:  # a string or a comment has no end
        return []
