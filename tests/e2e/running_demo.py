"""A demo that a test starts, as a person does, and ends by Ctrl-C."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class RunningDemo:
    """A demo that has reached its box and stays up: what it printed, and its summary."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        with (folder.parent / "demo.err").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.demo", "--folder", str(folder), *options],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            lines.append(line)
            if "Ctrl-C here" in line:
                break
        else:
            pytest.fail("".join(lines[-60:]) + (folder.parent / "demo.err").read_text()[-6000:])
        self.printed = "".join(lines)
        self.summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())

    def stop(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=120)
        return self._process.returncode
