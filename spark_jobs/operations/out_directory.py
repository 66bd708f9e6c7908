"""The directory that `make run` fills: which one it may take, and what lies where in it.

A directory that holds anything else than an earlier run's results is never touched: a slip of the keyboard must not
delete somebody's files.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Says that a directory is ours; holds nothing that is read again.
_MARK: Final = ".clickstream-run"
_OURS: Final = (_MARK, "raw", "warehouse", "tables", "summary.json")


class OutDirectoryError(ValueError):
    """The directory can't be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class OutDirectory:
    """An output directory."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def tables(self) -> Path:
        return self.root / "tables"

    @property
    def summary(self) -> Path:
        return self.root / "summary.json"

    def prepare(self, input_file: Path) -> None:
        """Make the directory ready and empty; raise `OutDirectoryError` rather than lose what is not ours."""
        try:
            self._require_ours(input_file)
            self._empty()
        except OSError as error:
            raise OutDirectoryError(f"can't use {self.root}: {error.strerror}; name another directory") from error

    def _require_ours(self, input_file: Path) -> None:
        root = self.root
        if root.exists() and not root.is_dir():
            raise OutDirectoryError(f"{root} is a file; name a directory for the results")
        if input_file.resolve().is_relative_to(root.resolve()):
            raise OutDirectoryError(f"{input_file} lies in {root}, which is emptied first; name another directory")
        foreign = sorted(path.name for path in root.iterdir()) if root.exists() else []
        if (root / _MARK).exists():
            foreign = [name for name in foreign if name not in _OURS]
        if foreign:
            raise OutDirectoryError(
                f"{root} holds what no earlier run left there ({', '.join(foreign[:3])}{'…' * (len(foreign) > 3)}); "
                "name a new or empty directory"
            )

    def _empty(self) -> None:
        for directory in (self.raw, self.warehouse, self.tables):
            if directory.exists():
                shutil.rmtree(directory)
        self.summary.unlink(missing_ok=True)
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / _MARK).write_text("Made by `make run`; the next run into this directory replaces it.\n")
