"""A stream's tags, as Kinesis keeps them: each write replaces a value, and nobody is told."""

from collections.abc import Callable, Mapping
from typing import Any


class TaggedStream:
    """Answers the two tag calls; `after_write` is what another writer does then."""

    def __init__(
        self, tags: Mapping[str, str] | None = None, after_write: Callable[["TaggedStream"], None] | None = None
    ):
        self.tags = dict(tags or {})
        self.writes: list[dict[str, str]] = []
        self._after_write = after_write

    def list_tags_for_stream(self, *, StreamName: str, ExclusiveStartTagKey: str = "") -> dict[str, Any]:  # noqa: N803
        keys = sorted(key for key in self.tags if key > ExclusiveStartTagKey)
        page = [{"Key": key, "Value": self.tags[key]} for key in keys[:10]]
        return {"Tags": page, "HasMoreTags": len(keys) > 10}

    def add_tags_to_stream(self, *, StreamName: str, Tags: dict[str, str]) -> None:  # noqa: N803
        self.writes.append(Tags)
        self.tags |= Tags
        if self._after_write is not None:
            self._after_write(self)
