"""`local/setup.sh` in a checkout that was moved, step by step: nothing is installed here."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

SETUP: Final = Path(__file__).resolve().parents[2] / "local" / "setup.sh"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the script, and an environment that holds no packages."""
    folder = tmp_path / "checkout"
    (folder / "local").mkdir(parents=True)
    shutil.copy(SETUP, folder / "local" / "setup.sh")
    (folder / ".venv" / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return folder


def step(checkout: Path, name: str) -> str:
    """Take one step; return what it said."""
    command = ["bash", "-c", f"source {checkout}/local/setup.sh && {name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_environment_knows_the_checkouts_packages(checkout: Path) -> None:
    step(checkout, "find_own_packages")
    paths = checkout / ".venv" / "lib" / "python3.11" / "site-packages" / "clickstream.pth"
    assert paths.read_text().splitlines() == [str(checkout), str(checkout / "plugins")]


def test_an_environment_in_its_place_is_kept(checkout: Path) -> None:
    step(checkout, "find_own_packages")
    assert step(checkout, "remove_moved_environment") == ""
    assert (checkout / ".venv").exists()


def test_an_environment_without_a_note_of_its_place_is_kept(checkout: Path) -> None:
    assert step(checkout, "remove_moved_environment") == ""
    assert (checkout / ".venv").exists()


def test_the_environment_of_a_moved_checkout_is_made_again(checkout: Path, tmp_path: Path) -> None:
    step(checkout, "find_own_packages")
    moved = checkout.rename(tmp_path / "moved")
    assert f"was made for {tmp_path / 'checkout'}" in step(moved, "remove_moved_environment")
    assert not (moved / ".venv").exists()
