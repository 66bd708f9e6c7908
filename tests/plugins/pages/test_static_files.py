"""The browser's files: small, of known origin, and without a way by which a text becomes HTML or script."""

import gzip
import hashlib
import re
from pathlib import Path
from typing import Final

import pytest

from pages.app import STATIC, _files
from tests.tracker.browser import ROOT

OURS: Final = sorted(path for path in STATIC.rglob("*.js") if path.parent.name != "uplot")
SHELL: Final = (STATIC / "index.html").read_text()
LIMIT: Final = 60_000


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(STATIC).as_posix() for path in paths]


def test_script_and_style_are_at_most_60_kb_compressed() -> None:
    sent = {name: content for name, content in _files(STATIC).items() if name.endswith((".js", ".css"))}
    sizes = {name: len(gzip.compress(content, 9)) for name, content in sent.items()}
    assert len(sizes) == len([*STATIC.rglob("*.js"), *STATIC.rglob("*.css")])
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size:6,} bytes  {name}")
    print(f"{sum(sizes.values()):6,} bytes of at most {LIMIT:,}")
    assert sum(sizes.values()) <= LIMIT


def test_files_are_sent_without_comments_and_with_all_else(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text(
        '/** What\n * it is. */\nlet a = "/* b */" // c\n  // d\nlet e\n/* f */ let g /* h */\n'
    )
    (tmp_path / "b.js").write_text("/*! whose it is */\nlet b\n")
    sent = _files(tmp_path)
    assert sent["a.js"].decode() == '\n\nlet a = "/* b */" // c\n\nlet e\n/* f */ let g /* h */\n'
    assert sent["b.js"] == (tmp_path / "b.js").read_bytes()
    for path in OURS:
        code = [line for line in path.read_text().splitlines() if not re.match(r"\s*(/\*|\*|//|$)", line)]
        assert [line for line in sent_lines(path) if line.strip()] == code, path.name


def sent_lines(path: Path) -> list[str]:
    return _files(STATIC)[path.relative_to(STATIC).as_posix()].decode().splitlines()


@pytest.mark.parametrize("path", OURS, ids=names(OURS))
def test_no_text_can_become_html_or_script(path: Path) -> None:
    ways = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc|"
        r"\beval\b|new Function|setTimeout\([\"'`]|setAttribute\([\"']on"
    )
    assert re.findall(ways, path.read_text()) == []


def test_shell_has_neither_inline_script_nor_inline_style() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|javascript:|https?:", SHELL) == []


def test_shell_asks_for_all_modules_at_once() -> None:
    asked = set(re.findall(r'(?:src|href)="{static}/([^"]+\.js)"', SHELL))
    assert asked == {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")}


def test_modules_import_each_other_by_relative_names_that_exist() -> None:
    for path in OURS:
        for name in re.findall(r'from "([^"]+)"', path.read_text()):
            assert name.startswith("."), f"{path.name} imports {name}"
            assert (path.parent / name).resolve() in OURS, f"{path.name} imports {name}"


def test_uplot_is_the_one_that_npm_has_and_its_licence_lies_beside_it() -> None:
    folder = STATIC / "uplot"
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        expected, _, name = line.partition("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected, name
        installed = ROOT / "tracker" / "node_modules" / "uplot" / "dist" / name
        assert not installed.exists() or installed.read_bytes() == (folder / name).read_bytes(), name
    assert (folder / "uPlot.iife.min.js").read_text().startswith("/*! https://github.com/leeoniya/uPlot (v1.6.32) */")
    assert "MIT License" in (folder / "LICENSE").read_text()


def test_both_themes_have_each_colour() -> None:
    style = (STATIC / "page.css").read_text()
    light, dark = (set(re.findall(r"(--[\w-]+):", block)) for block in re.findall(r":root[^{]*\{([^}]*)\}", style)[:2])
    assert light == dark
    used = set(re.findall(r"var\((--[\w-]+)\)", style)) - {"--share", "--swatch", "--stages"}
    assert used <= light
