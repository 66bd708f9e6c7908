"""`make env`: the `.env` of docker-compose.yaml, with random secrets, for the local cloud.

Airflow's services are given every line of it, so real AWS is a change of this file alone: leave `local` out of
COMPOSE_PROFILES, put your credentials and what `make outputs` prints in the place of the last part.
"""

import argparse
import base64
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from local.cloud.process import client_variables
from local.demo.pipeline import local_pipeline_variables

_ROOT: Final = Path(__file__).resolve().parents[2]
ENV: Final = _ROOT / ".env"
#: The local cloud in the services' network. By address, not by name: S3 clients then put the bucket into the path.
CLOUD: Final = "http://172.30.57.10:4566"


def secret_variables() -> dict[str, str]:
    """Return new secrets: of the database, of Airflow's connections and of its services' tokens, and of its admin."""
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_urlsafe(15),
    }


def local_variables() -> dict[str, str]:
    """Return what leads Airflow's services to the local cloud, and to the stack in it."""
    return client_variables(CLOUD) | local_pipeline_variables()


def _lines(comment: str, variables: Mapping[str, str]) -> list[str]:
    return [f"# {comment}", *(f"{name}={value}" for name, value in variables.items()), ""]


def environment_file() -> str:
    """Return the text of a new `.env`."""
    profiles = {"COMPOSE_PROFILES": "local,traffic"}
    lines = [
        *_lines("What runs beside Airflow: the local cloud, and visitors of a shop that send events.", profiles),
        *_lines("Secrets of this installation alone. Log in as admin, with the last of them.", secret_variables()),
        *_lines("Where Airflow works. On AWS: your credentials, and what `make outputs` prints.", local_variables()),
    ]
    return "\n".join(lines)


def write(path: Path) -> None:
    """Write a new `.env` that only its owner can read; raise `FileExistsError` if there is one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(environment_file())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write `.env`, but never over one that is there: a database knows its password, and Airflow's its key."""
    parser = argparse.ArgumentParser(prog="python -m local.compose.environment", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ENV, help="the file to write (default .env)")
    given = parser.parse_args(arguments)
    try:
        write(given.out)
    except FileExistsError:
        print(
            f"env: {given.out} is there already, and its secrets are those of the database: change lines of it by "
            "hand, or `docker compose down --volumes` and remove it",
            file=sys.stderr,
        )
        return 1
    print(f"wrote {given.out}: log in to Airflow as admin, with its AIRFLOW_ADMIN_PASSWORD")
    return 0


if __name__ == "__main__":
    sys.exit(main())
