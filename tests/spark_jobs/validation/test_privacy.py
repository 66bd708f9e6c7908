"""Rules of truncating addresses in validated lines: by the thousand as one by one, and in lines that are no JSON."""

import json
import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event import MAX_LINE_BYTES
from contracts.privacy import ADDRESS_FIELDS, truncated_address
from spark_jobs.validation.chunks import LineValidator
from spark_jobs.validation.privacy import Privacy, truncated_column, truncated_in_detail, truncated_in_line
from tests.spark_jobs.hostile_lines import lines
from tests.spark_jobs.validation.test_line import line_of

ADDRESSES = st.one_of(
    st.none(),
    st.ip_addresses().map(str),
    st.ip_addresses(network="2001:db8::/32").map(lambda address: address.exploded),
    st.ip_addresses(network="2400::/8").map(str),
    st.sampled_from(["", "unknown", "256.1.1.1", "1.2.3.04", "2002:cb00:714d:1:2:3:4:5", "2001:1:2:3:4:5:6:7:8"]),
    st.text(alphabet="0123456789abcdef.:", max_size=20),
)


@settings(max_examples=300)
@given(texts=st.lists(ADDRESSES, max_size=20))
def test_a_column_is_truncated_as_each_of_its_texts(texts: list[str | None]) -> None:
    column = pa.chunked_array([texts], pa.string())
    assert truncated_column(column).to_pylist() == [None if text is None else truncated_address(text) for text in texts]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        pytest.param(rb'{"user_ip":"203.0.113.77"}', rb'{"user_ip":"203.0.113.0"}', id="text"),
        pytest.param(rb'{"source_ip" : "203.0.113.77" }', rb'{"source_ip" : "203.0.113.0" }', id="white space"),
        pytest.param(rb'{"user_ip":"203.0.113.77', rb'{"user_ip":"203.0.113.0', id="breaks off after the address"),
        pytest.param(rb'{"user_ip":"203.0.11', rb'{"user_ip":"', id="breaks off within it"),
        pytest.param(rb'{"user\u005Fip":"\u003203.0.113.77"}', rb'{"user\u005Fip":"203.0.113.0"}', id="escapes"),
        pytest.param(rb'{"user_ip":"a\"203.0.113.77"}', rb'{"user_ip":""}', id="no address, but one in it"),
        pytest.param(b'{"user_ip":"\xff203.0.113.77"}', b'{"user_ip":""}', id="no UTF-8"),
        pytest.param(rb'{"user_ip":3405803853}', rb'{"user_ip":0}', id="number"),
        pytest.param(rb'{"user_ip":203.0.113.77}', rb'{"user_ip":0}', id="text without quotes"),
        pytest.param(rb'{"user_ip":["203.0.113.77"],"a":1}', rb'{"user_ip":[],"a":1}', id="array"),
        pytest.param(rb'{"user_ip":{"a":"203.0.113.77"}}', rb'{"user_ip":{}}', id="object"),
        pytest.param(rb'{"user_ip":null,"source_ip":true}', rb'{"user_ip":null,"source_ip":true}', id="no value"),
        pytest.param(rb'"{\"user_ip\":\"203.0.113.77\"}"', rb'"{\"user_ip\":\"203.0.113.0\"}"', id="JSON in a text"),
        pytest.param(rb'"{\"user_ip\":[\"203.0.113.77\"]}"', rb'"{\"user_ip\":[]}"', id="array in a text"),
        pytest.param(rb'"\\\"user_ip\\\":\\\"203.0.113.77', rb'"\\\"user_ip\\\":\\\"203.0.113.0', id="text in a text"),
        pytest.param(rb'{"user_ips":"203.0.113.77"}', rb'{"user_ips":"203.0.113.77"}', id="another name"),
        pytest.param(rb'{"a":"user_ip","b":"1.2.3.4"}', rb'{"a":"user_ip","b":"1.2.3.4"}', id="a value, no name"),
    ],
)
def test_in_a_rejected_line_the_values_of_the_two_fields_are_truncated_and_nothing_else(
    line: bytes, kept: bytes
) -> None:
    assert truncated_in_line(line) == kept
    assert truncated_in_line(kept) == kept


@given(line=st.one_of(lines(), st.binary(max_size=200)))
def test_a_line_without_the_two_fields_stays_as_it_is_byte_for_byte(line: bytes) -> None:
    without = re.sub(rb"ip|\\u", b"__", line)
    assert truncated_in_line(without) == without


@given(line=lines(), address=st.ip_addresses(v=4).map(str), name=st.sampled_from(ADDRESS_FIELDS))
def test_no_whole_address_is_kept_of_a_line(line: bytes, address: str, name: str) -> None:
    given_line = line.replace(b"{", b'{"%s":%s,' % (name.encode(), json.dumps(address).encode()))
    kept = str(truncated_address(address))
    with LineValidator() as validator:
        validated = Privacy().applied_to(validator.validate(given_line))
    addresses = {row[column] for row in validated.received.to_pylist() for column in ADDRESS_FIELDS}
    assert addresses <= {None, kept, "10.0.0.0"}
    if address != kept:
        assert all(f'"{address}"'.encode() not in row["line"] for row in validated.rejected.to_pylist())


@pytest.mark.parametrize(
    ("changed", "quoted"),
    [
        pytest.param({"source_ip": 3405803853}, "`source_ip` is a number, not a string", id="number"),
        pytest.param({"source_ip": ["203.0.113.77"]}, "`source_ip` is an array, not a string", id="array"),
        pytest.param({"event": '{"user_ip":"203.0.113.77"}'}, r"{\"user_ip\":\"203.0.113.0\"}", id="JSON in a text"),
        pytest.param({"event": ["x" * 150, {"user_ip": "203.0.113.77" * 9}]}, '"user_ip":"', id="cut"),
    ],
)
def test_a_detail_quotes_no_whole_address(changed: dict[str, object], quoted: str) -> None:
    with LineValidator() as validator:
        (row,) = Privacy().applied_to(validator.validate(line_of(**changed))).rejected.to_pylist()  # type: ignore[arg-type]
    assert quoted in row["detail"]
    assert not re.search("113.77|3405803853", row["detail"] + row["line"].decode())


def test_another_detail_stays_as_it_is() -> None:
    assert truncated_in_detail("`user_id` is a number, not a string: 35") == "`user_id` is a number, not a string: 35"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "part",
    [b"\\", b'"', b"{", b'"user_ip":', b'"user_ip" ', b'"user_ip":"', b'"user_ip":[', rb"\"user_ip\":\"", rb"\u0075"],
)
def test_no_line_of_the_largest_size_takes_long(part: bytes) -> None:
    line = part * (MAX_LINE_BYTES // len(part))
    assert len(truncated_in_line(line + b"\\" * 100)) > 0
    truncated_in_line(part + b"\\" * MAX_LINE_BYTES)
    truncated_in_line(part + b" " * MAX_LINE_BYTES)
