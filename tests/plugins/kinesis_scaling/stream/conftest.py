"""A stream whose every call was expected."""

from collections.abc import Iterator

import pytest

from tests.plugins.kinesis_scaling.stream.stubbed_stream import StubbedStream


@pytest.fixture
def stream() -> Iterator[StubbedStream]:
    stubbed = StubbedStream()
    yield stubbed
    stubbed.all_were_called()
