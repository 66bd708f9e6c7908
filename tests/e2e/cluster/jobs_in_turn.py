"""`jobs_in_turn.py FOLDER JOBS`: the entry points of a folder one after the other, in one Spark session.

JOBS is a JSON file: pairs of an entry point's name and its arguments. Each job is announced on standard output. It
stands for itself, because on a cluster nothing but the package is there.
"""

import json
import runpy
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path


def main(folder: str, jobs: str, *, around: Callable[[str], AbstractContextManager[object]] = nullcontext) -> None:
    """Run them, each within the context that `around` makes for its name; end with a text if one fails."""
    for name, arguments in json.loads(Path(jobs).read_text()):
        print(f"job {name}", flush=True)
        sys.argv = [name, *arguments]
        try:
            with around(name):
                runpy.run_path(f"{folder}/{name}.py", run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                sys.exit(f"{name} ended with {ended.code}")
    print("all done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
