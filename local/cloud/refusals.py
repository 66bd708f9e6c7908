"""A file operation that failed → the sentence for the client: nothing was stored, and it can be sent again later."""

import errno
from typing import Final

#: What passes when somebody frees room or descriptors; the client's retry is right for these and for all others.
_REMEDIES: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit of a file's size",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close programs that hold many files",
}
UNAVAILABLE: Final = 503
RETRY_AFTER: Final = {"Retry-After": "1"}


def sentence(error: OSError) -> str:
    """Why nothing was stored, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "look at the local cloud's log")
    return f"The local cloud can't write its state ({error.strerror or error}): {remedy} and send it again."
