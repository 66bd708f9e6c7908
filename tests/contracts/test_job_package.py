"""A package's version follows from the checkout, and from all that a job would run."""

from pathlib import Path

import pytest

from contracts.job_package import CODE_FOLDERS, REQUIREMENTS, JobPackage, PackageError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in CODE_FOLDERS:
        (tmp_path / folder / "inner").mkdir(parents=True)
        (tmp_path / folder / "inner" / "module.py").write_text("one = 1\n")
    (tmp_path / REQUIREMENTS).write_text("duckdb==1\n")
    return tmp_path


def version(checkout: Path, architecture: str = "arm64") -> str:
    return JobPackage.of_checkout(architecture, checkout).version


@pytest.mark.parametrize("changed", [*(f"{folder}/inner/module.py" for folder in CODE_FOLDERS), REQUIREMENTS])
def test_any_change_of_code_or_requirements_is_another_version(checkout: Path, changed: str) -> None:
    before = version(checkout)
    (checkout / changed).write_text("two = 2\n")

    assert version(checkout) != before


def test_a_file_under_another_name_is_another_version(checkout: Path) -> None:
    before = version(checkout)
    module = checkout / "contracts" / "inner" / "module.py"
    module.rename(module.with_name("renamed.py"))

    assert version(checkout) != before


def test_what_no_job_runs_changes_nothing(checkout: Path) -> None:
    before = version(checkout)
    (checkout / "contracts" / "__pycache__").mkdir()
    (checkout / "contracts" / "__pycache__" / "module.pyc").write_bytes(b"compiled")
    (checkout / "dags").mkdir()
    (checkout / "dags" / "one.py").write_text("")

    assert version(checkout) == before


def test_each_architecture_has_its_own() -> None:
    arm, intel = (JobPackage.of_checkout(name) for name in ("arm64", "x86_64"))

    assert arm.version.endswith("-arm64")
    assert intel.version.endswith("-x86_64")
    assert arm.uri("s3://code/jobs", arm.code) == f"s3://code/jobs/{arm.version}/clickstream.zip"


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(PackageError, match="no architecture 'sparc': take one of arm64, x86_64"):
        JobPackage.of_checkout("sparc")


def test_a_checkout_without_the_jobs_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"holds no contracts/\*\.py"):
        JobPackage.of_checkout("arm64", tmp_path)
