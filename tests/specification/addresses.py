"""An IP address → its network: what is kept of a visitor's address is the /24 of an IPv4, the /48 of an IPv6."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

#: A value of one of the two fields that hold an address, as text, wherever it stands in a line.
ADDRESS = re.compile(rb'("(?:source_ip|user_ip)"\s*:\s*")([^"\\]*)(?=")')


def truncated(address: str | None) -> str | None:
    """The address with the bits of the visitor set to zero; a text that is no address is nothing.

    Spaces around it, a port and a zone are no part of it; an IPv4 inside an IPv6 counts as itself.
    """
    host = re.fullmatch(r"([0-9.]+):\d{1,5}|\[([^\]]*)\](?::\d{1,5})?|(.*)", (address or "").strip(" \t\r\n"), re.S)
    try:
        known = ip_address((host[1] or host[2] or host[3]).partition("%")[0] if host else "")
    except ValueError:
        return None
    if isinstance(known, IPv6Address):
        known = known.ipv4_mapped or known.sixtofour or known
    prefix = 24 if isinstance(known, IPv4Address) else 48
    return str(ip_network((known, prefix), strict=False).network_address)


def without_addresses(line: bytes) -> bytes:
    """A rejected line with its addresses truncated, and every other byte as it was."""
    return ADDRESS.sub(lambda match: match[1] + (truncated(match[2].decode()) or "").encode(), line)
