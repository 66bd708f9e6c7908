"""The bucket → the live document as it is published now."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from contracts.live_document import DOCUMENT_NAME, LIVE_PREFIX, MOST_BYTES, LiveDocument, LiveDocumentError
from contracts.versions import RawObject
from pages.errors import LakeUnreachableError
from pages.lake.once import Believed
from storage.location import open_store
from storage.object_store import ObjectStore, StorageError

#: It changes every few seconds; so long one reading of it is good for all who look.
BELIEVED_SECONDS: Final = 1.0
_TRIES: Final = 3


@dataclass(frozen=True, kw_only=True)
class PublishedDocument:
    """The document, and the version under which it lies; None if none was ever published."""

    document: LiveDocument | None
    version: str

    @classmethod
    def none(cls) -> "PublishedDocument":
        """Return what there is before the first one."""
        return cls(document=None, version="none")


class LiveReader:
    """Reads the live document from beside the warehouse."""

    def __init__(self, warehouse_uri: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._store = open_store(warehouse_uri, error=StorageError).beside(LIVE_PREFIX)
        self._last = PublishedDocument.none()
        self._now = Believed(self._published, BELIEVED_SECONDS, clock=clock)

    def now(self) -> PublishedDocument:
        """Return what is published; raise `LakeUnreachableError`."""
        return self._now.now()

    def _published(self) -> PublishedDocument:
        try:
            for _ in range(_TRIES):
                stored = _document_in(self._store)
                if stored is None:
                    return PublishedDocument.none()
                if stored.etag != self._last.version:
                    content = self._content(stored)
                    if content is None:
                        continue  # the next one was published meanwhile
                    document = LiveDocument.from_json(content)
                    self._last = PublishedDocument(document=document, version=stored.etag)
                return self._last
        except LiveDocumentError as error:
            raise LakeUnreachableError(
                f"The live document cannot be read: {error}",
                "Start the live service and Airflow's API server from the same version of this project.",
            ) from error
        except StorageError as error:
            raise LakeUnreachableError(
                f"The live document cannot be read: {error}",
                "Look at the warehouse bucket, and at the rights of Airflow's API server there.",
            ) from error
        return self._last

    def _content(self, stored: RawObject) -> bytes | None:
        try:
            found = b"".join(self._store.blocks(stored))
        except StorageError:
            if _document_in(self._store) == stored:
                raise
            return None
        return found if len(found) <= 2 * MOST_BYTES else found[: 2 * MOST_BYTES]


def _document_in(store: ObjectStore) -> RawObject | None:
    return next((each for each in store.objects("") if each.key.endswith(f"/{DOCUMENT_NAME}")), None)
