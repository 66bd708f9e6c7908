"""Spark's daemon of Python workers, as it is, but without archives on its path that it can do without.

Before each task a worker asks Python to forget what it knows of the path (`importlib.invalidate_caches`), and of an
archive Python then reads the list of files again, once for each package in it that was ever looked into. Spark puts
its core jar and pyspark.zip on the path: a tenth of a second of CPU for each task, more than many of ours take.
"""

import runpy
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

#: What a worker must find, wherever it lies.
_NEEDED: Final = ("pyspark", "py4j")


def without_archives(path: Sequence[str]) -> list[str]:
    """Return the directories of a module search path; all of the path, if pyspark lies in an archive only."""
    directories = [place for place in path if not Path(place).is_file()]
    found = all(PathFinder.find_spec(name, directories) for name in _NEEDED)
    return directories if found else list(path)


if __name__ == "__main__":
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)
