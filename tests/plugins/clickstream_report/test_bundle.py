"""Modules become one script that does the same; what cannot be bundled is named."""

from pathlib import Path

import pytest

from clickstream_report.bundle import BundleError, bundle


def written(folder: Path, **modules: str) -> Path:
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "entry.js"


def test_module_comes_once_and_before_those_that_import_it(tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        base="export const one = 1\nconst hidden = 2\nexport function two() { return hidden }\n",
        left='import { one } from "./base.js"\nexport const left = one\n',
        entry='import { left } from "./left.js"\nimport { one, two } from "./base.js"\nconsole.log(left, one, two())\n',
    )

    script = bundle(entry)

    assert script.count("const hidden = 2") == 1
    assert "return { one, two }" in script
    assert "const { one } = m0" in script
    assert script.index("const m0") < script.index("const m1") < script.index("console.log")
    assert "import" not in script
    assert "export" not in script


@pytest.mark.parametrize(
    ("line", "named"),
    [
        pytest.param('import base from "./base.js"', "import base", id="default"),
        pytest.param('import {\n  one,\n} from "https://example.invalid/x.js"', "import {", id="from-elsewhere"),
        pytest.param("export default 3", "export default 3", id="default-export"),
        pytest.param('export { one } from "./base.js"', "export { one }", id="passed-on"),
    ],
)
def test_what_cannot_be_bundled_is_named(tmp_path: Path, line: str, named: str) -> None:
    entry = written(tmp_path, base="export const one = 1\n", entry=f"{line}\n")

    with pytest.raises(BundleError, match=r"entry\.js: .*import and export names on one line") as raised:
        bundle(entry)
    assert named in str(raised.value)


def test_circle_of_imports_is_named(tmp_path: Path) -> None:
    entry = written(tmp_path, entry='import { a } from "./other.js"\n', other='import { b } from "./entry.js"\n')

    with pytest.raises(BundleError, match=r"entry\.js imports itself by way of other\.js"):
        bundle(entry)
