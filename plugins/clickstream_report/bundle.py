"""Modules of the pages → one script, since a file alone cannot import any.

Each module becomes a function that returns what it exports, called in the order of the imports. That is all that the
project's own modules need: they import names, and export constants, classes and functions.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_IMPORT: Final = re.compile(r'^import \{ ([^}]+) \} from "(\.[^"]+)"\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:const|class|function) (\w+))", re.MULTILINE)
#: What the two expressions above do not understand must not be left over.
_MODULE_SYNTAX: Final = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


class BundleError(Exception):
    """A module is written in a way that cannot be bundled; the message names the line."""


def bundle(entry: Path) -> str:
    """Return a script that does what the module `entry` does with all that it imports."""
    numbers = {path: number for number, path in enumerate(dict.fromkeys(_in_order(entry.resolve(), [])))}
    return "".join(_wrapped(path, number, numbers) for path, number in numbers.items())


def _in_order(path: Path, above: list[Path]) -> Iterator[Path]:
    """Yield the modules that a module needs, each before those that import it; the caller drops repetitions."""
    if path in above:
        raise BundleError(f"{path.name} imports itself by way of {above[-1].name}: cut the circle")
    for _, name in _IMPORT.findall(path.read_text(encoding="utf-8")):
        yield from _in_order((path.parent / name).resolve(), [*above, path])
    yield path


def _wrapped(path: Path, number: int, numbers: dict[Path, int]) -> str:
    def imported(found: re.Match[str]) -> str:
        return f"const {{ {found[1].strip()} }} = m{numbers[(path.parent / found[2]).resolve()]}\n"

    text = path.read_text(encoding="utf-8")
    exported = _EXPORT.findall(text)
    body = _EXPORT.sub("", _IMPORT.sub(imported, text))
    if left := _MODULE_SYNTAX.search(body):
        raise BundleError(f"{path.name}: {left[0]!r} cannot be bundled; import and export names on one line")
    return f"const m{number} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }}\n}})()\n"
