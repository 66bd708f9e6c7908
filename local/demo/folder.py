"""The folder that a demo fills: which one it may empty, and what it leaves there for other programs to find the demo.

Never emptied is a folder with somebody's files, nor a running demo's.
"""

import fcntl
import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local.cloud.errors import FolderError, StateInUseError
from local.demo.lake import StackOutputs
from local.lake_shell.lake import CONNECTION

DEFAULT_FOLDER: Final = Path("var/demo")
#: Says that a folder is the demo's, and may be emptied by the next one; holds nothing that is read again.
MARK: Final = ".clickstream-demo"
#: Where the demo is reached, as shell variables; `CONNECTION` has the same for programs.
ENVIRONMENT: Final = "environment.sh"


def prepare(folder: Path) -> None:
    """Make the folder anew; raise `LocalCloudError` rather than lose what is not an ended demo's."""
    try:
        if folder.exists():
            _require_ours(folder)
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / MARK).write_text("Made by the demo; the next one into this folder replaces it.\n")
    except OSError as error:
        raise FolderError(f"can't make {folder} anew: {error.strerror}; choose another with --folder") from error


def write_connection(
    folder: Path, *, outputs: StackOutputs, cloud_environment: Mapping[str, str], airflow_url: str
) -> None:
    """Write how the demo that fills the folder is reached."""
    connection = {
        "endpoint_url": cloud_environment["AWS_ENDPOINT_URL"],
        "region": cloud_environment["AWS_REGION"],
        "airflow_url": airflow_url,
        "api_url": outputs.api_url,
        "stream_name": outputs.stream_name,
        "raw_uri": outputs.raw_uri,
        "warehouse_uri": outputs.warehouse_uri,
        "database": outputs.database,
    }
    (folder / CONNECTION).write_text(json.dumps(connection, indent=2) + "\n")
    variables = {**cloud_environment, **outputs.pipeline_variables(), "API_URL": outputs.api_url}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items())]
    (folder / ENVIRONMENT).write_text("# Read by a shell: . environment.sh\n" + "".join(lines))


def _require_ours(folder: Path) -> None:
    if not folder.is_dir():
        raise FolderError(f"{folder} is a file; name a folder with --folder")
    if any(folder.iterdir()) and not (folder / MARK).exists():
        raise FolderError(
            f"{folder} holds what no demo left there, and would be emptied: choose a new or empty folder with "
            f"--folder, or remove it yourself"
        )
    lock = folder / "cloud" / "lock"
    if lock.exists():
        with lock.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StateInUseError(folder, option="--folder") from error
