"""The headers by which a proxy in front of the API says whose request it passes on.

A shop can serve the API under its own domain, so that its pages send events to where they came from. The API then sees
the proxy's address in the place of the visitor's. So the proxy names the visitor, and shows a key that only it and the
firewall know; without the key such a request is blocked, or anybody could name anybody.
"""

from typing import Final

VISITOR_ADDRESS_HEADER: Final = "X-Visitor-Address"
PROXY_KEY_HEADER: Final = "X-Proxy-Key"
