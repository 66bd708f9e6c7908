"""The template of production is the one that was reviewed."""

import difflib

import pytest

from tests.infra.snapshot import SNAPSHOT, current

pytestmark = pytest.mark.cdk


def test_the_template_is_the_reviewed_one() -> None:
    reviewed = SNAPSHOT.read_text(encoding="utf-8")
    difference = difflib.unified_diff(
        reviewed.splitlines(), current().splitlines(), "reviewed", "now", lineterm="", n=1
    )
    assert not (lines := list(difference)), "\n".join(["if this is meant, run: make snapshot", *lines])
