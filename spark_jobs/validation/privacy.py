"""What the tables do not keep of validated lines: all that erased users sent, the last bits of IP addresses, and the
queries of pages' addresses.

A received event has its addresses in columns. A rejected line may be anything, even no JSON: there every value of a
field that the contract names as an address is truncated, by its bytes, and the rest of the line stays as it was. So
does what the detail quotes of the line.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from contracts.event_settings import DEFAULTS, EventSettings
from contracts.privacy import ADDRESS_COLUMNS, ADDRESS_FIELDS, URL_COLUMNS, URL_QUERY, truncated_address
from contracts.rules import IPV4_BITS, IPV6_BITS
from spark_jobs.validation.chunks import Validated
from spark_jobs.validation.erased_lines import without_erased


@dataclass(frozen=True, kw_only=True)
class Privacy:
    """The hashes of users whose lines are refused, and what the settings keep of addresses."""

    erased: frozenset[str] = frozenset()
    settings: EventSettings = DEFAULTS

    def applied_to(self, validated: Validated) -> Validated:
        """Return what may be kept of validated lines; each is still one received or one rejected row."""
        received, rejected = validated.received, validated.rejected
        if not self.settings.keep_url_queries:
            received = _without_queries(received)
        if self.erased:
            received, rejected = without_erased(received, rejected, self.erased)
        if not self.settings.keep_ip_addresses:
            received, rejected = without_addresses(received, rejected)
        return replace(validated, received=received, rejected=rejected)


def _without_queries(received: pa.Table) -> pa.Table:
    """Return events whose pages' addresses end before their query."""
    for name in URL_COLUMNS:
        at = received.schema.get_field_index(name)
        if received.column(at).null_count == len(received):
            continue
        encoded = received.column(at).combine_chunks().dictionary_encode()
        kept = pc.replace_substring_regex(encoded.dictionary, URL_QUERY, "")
        kept = pc.if_else(pc.equal(kept, ""), pa.scalar(None, kept.type), kept)
        received = received.set_column(at, received.schema.field(at), kept.take(encoded.indices))
    return received


_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_GROUP: Final = "[1-9a-f][0-9a-f]{0,3}"
#: Patterns of nearly every address, which Arrow truncates at once: the first group stays. Those of IPv6 are the
#: addresses of providers, written out, that carry no address of IPv4. They are of use while whole groups are kept, as
#: many as the patterns say; with other lengths each address is parsed.
_USUAL: Final = tuple(
    (pattern, kept)
    for pattern, kept, as_long in (
        (rf"^({_OCTET}\.{_OCTET}\.{_OCTET}\.){_OCTET}$", r"\10", IPV4_BITS == 24),
        (
            rf"^((?:2001|2003|2[4-9a-f][0-9a-f][0-9a-f]):{_GROUP}:{_GROUP}:)(?:[0-9a-f]{{1,4}}:){{4}}[0-9a-f]{{1,4}}$",
            r"\1:",
            IPV6_BITS == 48,
        ),
    )
    if as_long
)


def truncated_column(addresses: pa.ChunkedArray) -> pa.Array:
    """Return addresses truncated, null where a text is no address; each distinct text is parsed once."""
    encoded = addresses.combine_chunks().dictionary_encode()
    truncated, unusual = encoded.dictionary, pa.repeat(True, len(encoded.dictionary))
    for pattern, replacement in _USUAL:
        unusual = pc.and_not(unusual, pc.match_substring_regex(encoded.dictionary, pattern))
        truncated = pc.replace_substring_regex(truncated, pattern, replacement)
    if pc.any(unusual).as_py():
        texts = encoded.dictionary.filter(unusual).to_pylist()
        truncated = pc.replace_with_mask(truncated, unusual, pa.array(map(truncated_address, texts), pa.string()))
    return truncated.take(encoded.indices)


def without_addresses(received: pa.Table, rejected: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return events and rejections with their addresses truncated."""
    for name in ADDRESS_COLUMNS:
        at = received.schema.get_field_index(name)
        received = received.set_column(at, received.schema.field(at), truncated_column(received.column(name)))
    if rejected.num_rows:
        rejected = _mapped(rejected, "line", truncated_in_line)
        rejected = _mapped(rejected, "detail", truncated_in_detail)
    return received, rejected


def _mapped(table: pa.Table, name: str, change: Callable[..., object]) -> pa.Table:
    at = table.schema.get_field_index(name)
    field = table.schema.field(at)
    values = [value if value is None else change(value) for value in table.column(at).to_pylist()]
    return table.set_column(at, field, pa.array(values, field.type))


def truncated_in_line(line: bytes) -> bytes:
    """Return a line of any bytes with the values of its address fields truncated.

    Their names are found in double quotes, with any character escaped, also in JSON that is itself a JSON string
    (nested up to three times), and also where the line breaks off. A text that is no address becomes empty, another
    value `0`, `[]` or `{}`.
    """
    return _NESTED_VALUE.sub(_truncated_value, _VALUE.sub(_truncated_value, line))


def truncated_in_detail(detail: str) -> str:
    """Return a rejection's detail with what it quotes of a line truncated."""
    return truncated_in_line(_WORDED_VALUE.sub(r"\1", detail).encode()).decode()


def _spelled(name: str) -> bytes:
    """Return the pattern of a name, each of its characters as it is or as an escape."""
    return b"".join(rb"(?:%c|\\{1,7}u00(?i:%02x))" % (ord(letter), ord(letter)) for letter in name)


_NAME: Final = b"(?:%s)" % b"|".join(map(_spelled, ADDRESS_FIELDS))
_SPACE: Final = rb"[ \t\r\n]*"
_NOT_TEXT: Final = rb'(?P<array>\[[^\]]*\]?)|(?P<object>\{[^}]*\}?)|(?!null\b|true\b|false\b)(?P<bare>[^\s",\]}\\]+)'

#: Runs of backslashes are bounded, because a line of a million of them would take hours otherwise.
_VALUE: Final = re.compile(
    rb'(?P<before>"%s"%s:%s)(?:(?P<quote>")(?P<text>(?:[^"\\]|\\.)*+)|%s)' % (_NAME, _SPACE, _SPACE, _NOT_TEXT),
    re.DOTALL,
)
_NESTED_VALUE: Final = re.compile(
    rb'(?P<before>(?P<mark>\\{1,7}")%s(?P=mark)%s:%s)'
    rb'(?:(?P<quote>(?P=mark))(?P<text>[^"]*?)(?=\\{0,8}(?:"|\Z))|%s)' % (_NAME, _SPACE, _SPACE, _NOT_TEXT),
    re.DOTALL,
)
_WORDED_VALUE: Final = re.compile(rf"(`(?:{'|'.join(ADDRESS_FIELDS)})` is [^:]*): .*", re.DOTALL)


def _truncated_value(match: re.Match[bytes]) -> bytes:
    if match["quote"] is None:
        emptied = b"[]" if match["array"] else b"{}" if match["object"] else b"0"
        return match["before"] + emptied
    return match["before"] + match["quote"] + (truncated_address(_unescaped(match["text"])) or "").encode()


def _unescaped(text: bytes) -> str:
    try:
        return str(json.loads(b'"%s"' % text))
    except ValueError:
        return ""  # no address needs what JSON does not allow
