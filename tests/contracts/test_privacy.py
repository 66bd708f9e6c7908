"""What is kept of an IP address, whatever it is spelled like; and what is no address, and so not kept."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.privacy import truncated_address


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param("203.0.113.77", "203.0.113.0", id="ipv4"),
        pytest.param(" 203.0.113.77\n", "203.0.113.0", id="white space"),
        pytest.param("203.0.113.77:8080", "203.0.113.0", id="ipv4 with a port"),
        pytest.param("2001:db8:1:2::3", "2001:db8:1::", id="ipv6"),
        pytest.param("2001:0DB8:0001:0002:0003:0004:0005:0006", "2001:db8:1::", id="ipv6 written out"),
        pytest.param("[2001:db8:1:2::3]:443", "2001:db8:1::", id="ipv6 with a port"),
        pytest.param("[2001:db8:1:2::3]", "2001:db8:1::", id="ipv6 in brackets"),
        pytest.param("fe80::1%eth0", "fe80::", id="zone"),
        pytest.param("::ffff:203.0.113.77", "203.0.113.0", id="mapped"),
        pytest.param("::ffff:cb00:714d", "203.0.113.0", id="mapped, in hexadecimal"),
        pytest.param("2002:cb00:714d::1", "203.0.113.0", id="6to4"),
        pytest.param("::203.0.113.77", "::", id="compatible"),
        pytest.param("64:ff9b::203.0.113.77", "64:ff9b::", id="translated"),
    ],
)
def test_an_address_keeps_its_first_24_or_48_bits(text: str, kept: str) -> None:
    assert truncated_address(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        *("", "unknown", "localhost", "203.0.113", "203.0.113.256", "203.0.113.077", "203.0.113.77/32", "3405803853"),
        *("203.0.113.77, 10.0.0.1", "at 203.0.113.77", "203.0.113.77:port", "[203.0.113.77", "2001:db8::1::2"),
        *("２０３.0.113.77", "203.0.113.77\u00a0", "\x00", "2001:db8:1:2:3:4:5:6:7", "%eth0"),
    ],
)
def test_a_text_that_is_no_single_address_is_not_kept(text: str) -> None:
    assert truncated_address(text) is None


@given(address=st.ip_addresses())
def test_truncating_twice_is_truncating_once_and_the_last_bits_are_zero(address: IPv4Address | IPv6Address) -> None:
    once = truncated_address(str(address))
    assert once is not None
    assert truncated_address(once) == once
    if isinstance(address, IPv4Address):
        assert int(IPv4Address(once)) == int(address) >> 8 << 8


@given(text=st.text(max_size=40))
def test_any_text_is_truncated_or_not_kept(text: str) -> None:
    kept = truncated_address(text)
    assert kept is None or truncated_address(kept) == kept
