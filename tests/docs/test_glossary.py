"""The glossary's places are there, and so is each term that another page links to."""

import re
from typing import Final

import pytest

from tests.docs.pages import PAGES, ROOT

GLOSSARY: Final = (ROOT / "docs" / "glossary.md").read_text()
#: A file, and the name in it that says what the term means.
PLACES: Final = re.findall(r"\[`[^`]+`\]\(\.\./([^)]+\.py)\),\s+`(\w+)`", GLOSSARY)
TERMS: Final = re.findall(r"^### (.+)$", GLOSSARY, flags=re.MULTILINE)


def anchor(term: str) -> str:
    """Return what a link to a heading ends with."""
    return re.sub(r"[^\w -]", "", term.lower()).replace(" ", "-")


def test_every_term_has_a_place() -> None:
    sections = re.split(r"^### .+$", GLOSSARY, flags=re.MULTILINE)[1:]
    assert [term for term, text in zip(TERMS, sections, strict=True) if "](../" not in text] == []
    assert len(PLACES) >= len(TERMS) - 1


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_a_terms_place_is_there(file: str, name: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / file).read_text())


def test_every_link_to_a_term_finds_it() -> None:
    linked = {found for page in PAGES for found in re.findall(r"glossary\.md#([\w-]+)", page.read_text())}
    linked |= set(re.findall(r"\]\(#([\w-]+)\)", GLOSSARY))
    assert linked
    assert linked <= {anchor(term) for term in TERMS}
