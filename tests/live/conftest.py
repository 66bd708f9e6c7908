"""A raw folder and a clock for each test."""

from pathlib import Path

import pytest

from tests.live.raw_tail import RawFolder, SetClock


@pytest.fixture
def raw(tmp_path: Path) -> RawFolder:
    path = tmp_path / "raw"
    path.mkdir()
    return RawFolder(path=path)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()
