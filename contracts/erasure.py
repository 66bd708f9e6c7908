"""A user's id → the hash that is kept of it once the user was erased, by all who write or look for one."""

import hashlib


def user_id_sha256(user_id: str) -> str:
    """Return SHA-256 of an id in UTF-8, in hexadecimal, as `erased_users` keeps it.

    Half of a surrogate pair, which only a line that is no event can hold, is hashed as it stands.
    """
    return hashlib.sha256(user_id.encode(errors="surrogatepass")).hexdigest()
