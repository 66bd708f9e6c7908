"""Firehose's prefix expressions and a moment → the S3 prefix of an object.

`!{timestamp:PATTERN}` takes Java's date letters, in UTC, and all of a prefix show the same moment: the arrival of the
oldest record in the object. A prefix without one gets `yyyy/MM/dd/HH/` added, as on AWS.
"""

import re
from datetime import UTC, datetime

_EXPRESSION = re.compile(r"!\{([^:}]*):([^}]*)\}")
_LETTERS = re.compile(r"'([^']*)'|([A-Za-z])\2*|.")
_DEFAULT = "yyyy/MM/dd/HH/"
_FORMATS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "DDD": "%j"}


class PrefixError(ValueError):
    """A prefix that Firehose would refuse, or that the local cloud does not have."""


def evaluate(prefix: str, moment: datetime, *, random: str, error_type: str | None = None) -> str:
    """The prefix with its expressions filled in; `random` stands for each `!{firehose:random-string}`."""

    def value(match: re.Match[str]) -> str:
        match match.groups():
            case ("timestamp", pattern):
                return _java_date(pattern, moment)
            case ("firehose", "random-string"):
                return random
            case ("firehose", "error-output-type") if error_type is not None:
                return error_type
        raise PrefixError(f"{match.group()} cannot stand in the prefix {prefix!r}")

    evaluated = _EXPRESSION.sub(value, prefix)
    return evaluated if "!{timestamp:" in prefix else evaluated + _java_date(_DEFAULT, moment)


def check(prefix: str, error_prefix: str) -> None:
    """PrefixError for a pair of prefixes that Firehose would refuse."""
    moment = datetime.fromtimestamp(0, UTC)
    evaluate(prefix, moment, random="")
    evaluate(error_prefix, moment, random="", error_type="processing-failed")
    if _EXPRESSION.search(prefix) and "!{firehose:error-output-type}" not in error_prefix:
        raise PrefixError(
            f"the prefix {prefix!r} has expressions, so ErrorOutputPrefix must have !{{firehose:error-output-type}}"
        )


def _java_date(pattern: str, moment: datetime) -> str:
    def letters(match: re.Match[str]) -> str:
        if match.group(1) is not None:
            return match.group(1) or "'"
        if match.group(2) is None:
            return match.group()
        if match.group() not in _FORMATS:
            raise PrefixError(f"the local cloud does not have {match.group()!r} in a date pattern")
        # strftime leaves the year of a date before 1000 without its zeros
        return f"{moment.year:04d}" if match.group() == "yyyy" else moment.strftime(_FORMATS[match.group()])

    return _LETTERS.sub(letters, pattern)
