"""README.md and docs/ → the commands that a reader would type, each with its place."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN: Final = re.compile(r"`([^`]+)`")
#: What a command in running text begins with; another word between backticks is no command.
_PROGRAM: Final = re.compile(r"(make|python|spark-submit|submit|docker|docker-compose|aws|\.venv/bin/\S+) \S")
_USAGE: Final = re.compile(r"python -m ([\w.]+\w)")
_PRODUCT: Final = ("contracts", "storage", "simulator", "infra", "local", "spark_jobs", "live", "plugins", "dags")
_CODE: Final = (*_PRODUCT, "benchmarks", "tests/proofs")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command, a definition or a whole loop of the shell, as it stands in a page."""

    text: str
    page: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def commands() -> list[Command]:
    """Return every command of the pages, in their order."""
    return [command for page in PAGES for command in _of_page(page)]


def usages() -> list[tuple[str, str]]:
    """Return the modules that docstrings tell to start with `python -m`, each with the file that does."""
    files = [file for folder in _CODE for file in sorted((ROOT / folder).rglob("*.py"))]
    texts = [(file, ast.get_docstring(ast.parse(file.read_text())) or "") for file in files]
    return [(module, str(file.relative_to(ROOT))) for file, text in texts for module in _USAGE.findall(text)]


def _of_page(page: Path) -> Iterator[Command]:
    text, name = page.read_text(), str(page.relative_to(ROOT))
    for fence in _FENCE.finditer(text):
        first = text.count("\n", 0, fence.start()) + 2
        for line, command in _statements(fence[3]):
            if fence[2] == "sh":
                yield Command(text=command, page=name, line=first + line)
            elif command.startswith("$ "):
                yield Command(text=command[2:], page=name, line=first + line)
    without_fences = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    for span in _SPAN.finditer(without_fences):
        command = " ".join(span[1].split())
        if _PROGRAM.match(command):
            yield Command(text=command, page=name, line=text_line(without_fences, span.start()))


def text_line(text: str, offset: int) -> int:
    """Return the number of the line that an offset is in, from 1."""
    return text.count("\n", 0, offset) + 1


def _statements(block: str) -> Iterator[tuple[int, str]]:
    """Return each command of a block with its line: one that goes on after a backslash is one, comments are none."""
    lines = block.splitlines()
    place = 0
    while place < len(lines):
        first, command = place, lines[place]
        while command.endswith("\\") and place + 1 < len(lines):
            place += 1
            command = command[:-1].rstrip() + " " + lines[place].strip()
        place += 1
        command = re.sub(r"(^|\s+)#.*", "", command).strip()
        if command:
            yield first, command
