"""Every program of docs/reading.md runs over a small lake, and its settings are those of an environment."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from contracts.names import EnvironmentNames
from contracts.partitions import QUERY_RESULT_PREFIX
from tests.docs.conftest import SimulatedLake
from tests.docs.pages import ROOT
from tests.docs.test_commands import environment

PAGE: Final = (ROOT / "docs" / "reading.md").read_text()
#: By their section.
PROGRAMS: Final = {
    section.partition("\n")[0]: program
    for section in PAGE.split("\n## ")
    for program in re.findall(r"^```python\n(.+?)^```$", section, re.MULTILINE | re.DOTALL)
}


def test_the_page_has_a_program_for_each_library() -> None:
    assert list(PROGRAMS) == ["Python", "Athena"]
    assert PAGE.count("```python") == len(PROGRAMS)


@pytest.mark.spark
@pytest.mark.cloud
@pytest.mark.timeout(900)
@pytest.mark.parametrize("section", PROGRAMS)
def test_a_program_of_the_page_prints_the_days(section: str, simulated_lake: SimulatedLake, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAMS[section])
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env=environment(**simulated_lake.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2026-11-22" in done.stdout.replace(",", "-")
    assert "revenue" in done.stdout


def test_the_settings_of_other_tools_name_what_the_stack_makes() -> None:
    names = EnvironmentNames(environment="prod")
    results = f"{names.warehouse_bucket('ACCOUNT', 'REGION')}/{QUERY_RESULT_PREFIX}"
    uri = (
        f"awsathena+rest://KEY:SECRET@athena.REGION.amazonaws.com/{names.database}"
        f"?s3_staging_dir=s3%3A//{results}&work_group={names.workgroup}"
    )
    assert f"`{uri}`" in PAGE
    assert f"`s3://{results}`" in PAGE
    assert f"| Workgroup | `{names.workgroup}` |" in PAGE
