"""An IP address → its network: what is kept of a visitor's address is the /24 of an IPv4, the /48 of an IPv6."""

import ipaddress


def truncated(address: str | None) -> str | None:
    """The address with the bits of the visitor set to zero; a text that is no address stays what it is."""
    if address is None:
        return None
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    prefix = 24 if known.version == 4 else 48
    return str(ipaddress.ip_network((known, prefix), strict=False).network_address)
