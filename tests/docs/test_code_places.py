"""Files, folders and names of the code that the pages mention exist."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FOLDERS = "benchmarks|contracts|dags|docs|infra|live|local|plugins|simulator|spark_jobs|storage|tests|tracker"
#: `contracts/event.py`, `spark_jobs/lake/`, `tests/data`; not what has a placeholder or a pattern in it.
PLACE = re.compile(rf"`((?:{FOLDERS})/[\w./-]*)`")
#: `contracts.versions.hour_key`, `kinesis_scaling.stream_settings`
NAME = re.compile(r"`((?:contracts|infra|kinesis_scaling|live|local|pipeline|simulator|spark_jobs|storage)(?:\.\w+)+)`")


def mentioned(pattern: re.Pattern[str]) -> list[object]:
    found = {(page, match) for page in PAGES for match in pattern.findall(page.read_text(encoding="utf-8"))}
    return [
        pytest.param(text, id=f"{page.relative_to(ROOT)}:{text}")
        for page, text in sorted(found, key=lambda each: (str(each[0]), each[1]))
    ]


@pytest.mark.parametrize("place", mentioned(PLACE))
def test_a_file_or_folder_that_a_page_names_is_there(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("name", mentioned(NAME))
def test_a_name_of_the_code_that_a_page_names_is_there(name: str) -> None:
    module, left = _module_of(name)
    found: object = module
    for part in left:
        found = getattr(found, part)


def _module_of(name: str) -> tuple[ModuleType, list[str]]:
    """Return the longest module that a dotted name begins with, and the attributes after it."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            return importlib.import_module(".".join(parts[:end])), parts[end:]
        except ModuleNotFoundError:
            continue
    raise AssertionError(f"{name} begins with no module")
