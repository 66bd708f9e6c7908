"""What the tables keep of an IP address: the network that a visitor came from; and of a page's address: no query.

A text that is no single address becomes None, because a text such as `203.0.113.7, 10.0.0.1` or `at 203.0.113.7`
could still hold one.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from contracts.envelope import STAMPED_FIELDS
from contracts.event import VALUE_FIELDS, Kind
from contracts.rules import IPV4_BITS, IPV6_BITS

_ADDRESSES: Final = tuple(field for field in (*STAMPED_FIELDS, *VALUE_FIELDS) if field.kind is Kind.ADDRESS)
#: The names of the fields that hold an address, in an event and in its envelope.
ADDRESS_FIELDS: Final = tuple(field.name for field in _ADDRESSES)
#: The columns that these fields become.
ADDRESS_COLUMNS: Final = tuple(field.column for field in _ADDRESSES)
#: The columns that hold the address of a page.
URL_COLUMNS: Final = tuple(field.column for field in VALUE_FIELDS if field.kind is Kind.URL)
#: A page's address from its query or fragment on, where names, tokens and e-mail addresses are.
URL_QUERY: Final = r"(?s)[?#].*"

_HOST_AND_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](:[0-9]{1,5})?|(?P<v4>[0-9.]+):[0-9]{1,5}")
_IPV4_MASK: Final = -1 << 32 - IPV4_BITS
_IPV6_MASK: Final = -1 << 128 - IPV6_BITS


def truncated_address(text: str) -> str | None:
    """Return the first bits of an address, the others being zero; None if `text` is no address.

    White space around it, a port and a zone are cut off. An address that carries one of IPv4 (mapped, or 6to4, which
    has it in the first 48 bits) becomes that one, truncated. Truncating twice is truncating once.

    >>> [truncated_address(text) for text in ("203.0.113.77", "203.0.113.77:8080", "::ffff:203.0.113.77", "unknown")]
    ['203.0.113.0', '203.0.113.0', '203.0.113.0', None]
    >>> [truncated_address(text) for text in ("2001:db8:1:2::3", "[2001:db8:1:2::3]:443", "fe80::1%eth0")]
    ['2001:db8:1::', '2001:db8:1::', 'fe80::']
    """
    text = text.strip(" \t\r\n")
    with_port = _HOST_AND_PORT.fullmatch(text)
    host = (with_port["v6"] or with_port["v4"] or "") if with_port else text
    host = host.partition("%")[0]
    try:
        return str(_network(IPv6Address(host) if ":" in host else IPv4Address(host)))
    except AddressValueError:
        return None


def _network(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if carried is None:
            return IPv6Address(int(address) & _IPV6_MASK)
        address = carried
    return IPv4Address(int(address) & _IPV4_MASK)
