"""A page's address → its host, by which one knows from where a visitor came."""

import re
import string

#: Of a scheme, behind its first letter; and of a host's name, in which every character beyond ASCII is a letter, too.
SCHEME = {*string.ascii_letters, *string.digits, *"+.-"}
NAME = {*string.ascii_letters, *string.digits, *"._-"}


def host(url: str | None) -> str | None:
    """The host in `scheme://user-info@host:port/path?query#fragment`, A to Z in lower case; None if there is none."""
    scheme, mark, rest = (url or "").partition("://")
    if not mark or scheme[:1] not in {*string.ascii_letters} or not {*scheme} <= SCHEME:
        return None
    user_info, _, place = re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")
    if "\\" in user_info:
        return None  # what a browser takes for the end of the host
    if place.startswith("["):
        name, bracket, port = place[1:].partition("]")
        known, name = bool(bracket and name) and {*name} <= {*string.hexdigits, *":."}, f"[{name}]"
    else:
        name, colon, digits = place.partition(":")
        known, port = bool(name) and all(letter in NAME or ord(letter) >= 0x80 for letter in name), colon + digits
    if not known or (port and (port[0] != ":" or not {*port[1:]} <= {*string.digits})):
        return None
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def foreign_host(referrer: str | None, page_url: str | None) -> str | None:
    """The host of the page before; None if it is the page's own."""
    return None if host(referrer) == host(page_url) else host(referrer)
