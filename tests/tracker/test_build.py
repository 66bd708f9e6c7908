"""The built tracker in the tree: small enough, what the sources become, and without a dependency."""

import hashlib
import json
import re
import subprocess
from typing import Final

import pytest

from tests.tracker.browser import ROOT
from tests.tracker.shop import SNIPPET, TRACKER

FOLDER: Final = ROOT / "tracker"


def test_built_file_belongs_to_the_sources() -> None:
    for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
        expected, _, name = line.partition("  ")
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == expected, f"{name}: run `make tracker`"


def test_what_builds_it_is_pinned_and_names_no_registry() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())
    manifest = json.loads((FOLDER / "package.json").read_text())
    assert "dependencies" not in manifest
    assert all(re.fullmatch(r"[\d.]+", version) for version in manifest["devDependencies"].values())


def test_built_file_talks_to_no_other_address_than_the_shops() -> None:
    assert not re.search(rb"https?:", TRACKER.read_bytes())


@pytest.mark.browser
def test_sources_become_the_built_file_which_is_at_most_2048_bytes_of_gzip() -> None:
    done = subprocess.run(
        [FOLDER / "setup.sh", "--build", "--check"], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    (size,) = re.findall(r"(\d+) of at most 2048 bytes as gzip", done.stdout)
    assert int(size) <= 2_048


def test_snippet_of_the_page_is_the_one_that_is_tested() -> None:
    page = (ROOT / "docs" / "browser.md").read_text()
    assert f"<script>\n  {SNIPPET}\n</script>" in page


def test_types_name_every_method() -> None:
    source = (FOLDER / "src" / "clickstream.js").read_text()
    (exported,) = re.findall(r"Object\.assign\(clickstream, \{\n(.*?)\n  \}\)\n", source, re.DOTALL)
    methods = set(re.findall(r"^    (\w+): ", exported, re.MULTILINE))
    types = (FOLDER / "clickstream.d.ts").read_text()
    (interface,) = re.findall(r"export interface Clickstream \{\n(.*?)\n\}", types, re.DOTALL)
    assert methods == set(re.findall(r"^  (?:readonly )?(\w+)[(:]", interface, re.MULTILINE))
