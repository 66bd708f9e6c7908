"""Whose events are: a user's by `user_id`, or by site and `user_id` together where an environment's ids are per site.

The queries group and count by one text in the place of `user_id`, the key. It is the id itself unless ids are per site;
so only what reads events and what is stored knows of sites, and elsewhere nothing costs more.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class UserKeys:
    """How users are told apart, as SQL of DuckDB; `per_site` as in `EventSettings.ids_per_site`."""

    per_site: bool = False

    def key(self, *, site: str = "pixel_id") -> str:
        """Return the key of a row that has a `user_id` and a column that names its site, which may be null."""
        if not self.per_site:
            return "user_id"
        return f"length(coalesce({site}, ''))::VARCHAR || ':' || coalesce({site}, '') || user_id"

    def user_id(self, key: str = "user_id") -> str:
        """Return the id in a key."""
        return f"substr({key}, {_site_begins(key)} + {_site_length(key)})" if self.per_site else key

    def site(self, key: str = "user_id") -> str:
        """Return the site in a key; null where ids are not per site, or the row had none."""
        if not self.per_site:
            return "NULL::VARCHAR"
        return f"nullif(substr({key}, {_site_begins(key)}, {_site_length(key)}), '')"


#: Ids mean one person on all sites.
ONE_FOR_ALL_SITES: Final = UserKeys()


def _site_length(key: str) -> str:
    return f"split_part({key}, ':', 1)::BIGINT"


def _site_begins(key: str) -> str:
    return f"(length(split_part({key}, ':', 1)) + 2)"
