"""The example in the docs is what `explain` prints today."""

from pathlib import Path

import pytest

from benchmarks.scaling.__main__ import main
from benchmarks.scaling.docs_page import PAGE, example_page

ROOT = Path(__file__).parents[3]


def test_the_page_in_the_docs_is_what_the_command_prints_today() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == example_page(), "run: make docs"


def test_a_page_that_is_out_of_date_fails_the_check_and_is_written_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.scaling.docs_page.REPOSITORY", tmp_path)
    (tmp_path / "docs").mkdir()
    assert main(["write-docs", "--check"]) == 2
    assert f"{PAGE} is out of date; run: make docs" in capsys.readouterr().err
    assert main(["write-docs"]) == 0
    assert main(["write-docs", "--check"]) == 0
    assert (tmp_path / PAGE).read_text(encoding="utf-8") == example_page()
