"""docker-compose.yaml in a copy of the checkout, with a `.env` of its own, so that a person's stack is left alone."""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import pytest

from local.airflow import AirflowApi
from local.cloud.process import local_client
from local.compose.environment import secret_variables, write

ROOT: Final = Path(__file__).resolve().parents[2]
PROJECT: Final = "clickstream-test"
IMAGE: Final = "clickstream:local"
_COPIED: Final = (
    *("contracts", "storage", "simulator", "infra", "local", "spark_jobs", "live", "plugins", "dags", "docs"),
    *("Dockerfile", "docker-compose.yaml", ".dockerignore", "requirements.lock"),
)
#: Published ports, so that a stack of the checkout may be up beside this one's images.
_PORTS: Final = {"AIRFLOW_PORT": "18081", "CLOUD_PORT": "14567"}
_AWS_SECRET: Final = "AWS_SECRET_ACCESS_KEY"
_PATIENCE_SECONDS: Final = 900.0


def compose_command() -> list[str]:
    """Return the command that this machine has; skip the test if there is no engine behind it."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("needs a Docker engine that runs")
    plugin = ["docker", "compose"]
    return plugin if subprocess.run([*plugin, "version"], capture_output=True).returncode == 0 else ["docker-compose"]


class Stack:
    """The services; gone with their volumes when the block is left."""

    def __init__(self, folder: Path) -> None:
        self._command = compose_command()
        self.folder = folder
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
            else:
                shutil.copyfile(source, folder / name)
        shutil.copytree(ROOT / "jars", folder / "jars", ignore=shutil.ignore_patterns("classes.*"))
        write(folder / ".env")
        _draw_aws_secret(folder / ".env")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.compose("down", "--volumes", "--remove-orphans")

    def compose(self, *arguments: str, refused: bool = False) -> str:
        """Run a command of docker-compose; return what it says, and fail if it does not do what is expected."""
        done = subprocess.run(
            [*self._command, "-p", PROJECT, *arguments],
            cwd=self.folder,
            env=os.environ | _PORTS,
            capture_output=True,
            text=True,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is refused, said[-6000:]
        return said

    @property
    def variables(self) -> Mapping[str, str]:
        """The lines of `.env`."""
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))

    @property
    def secrets(self) -> Mapping[str, str]:
        """The lines of `.env` that nobody else may know."""
        return {name: self.variables[name] for name in (*secret_variables(), _AWS_SECRET)}

    @property
    def airflow(self) -> AirflowApi:
        """Airflow's API, as the admin with the password of `.env`."""
        url = f"http://127.0.0.1:{_PORTS['AIRFLOW_PORT']}"
        return AirflowApi(url, password=self.variables["AIRFLOW_ADMIN_PASSWORD"])

    @property
    def endpoint_url(self) -> str:
        """The local cloud as this machine reaches it."""
        return f"http://127.0.0.1:{_PORTS['CLOUD_PORT']}"

    def client(self, service: str) -> Any:
        """Return a boto3 client of the local cloud."""
        return local_client(service, self.endpoint_url)

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return self.compose("ps", "-q", service).strip()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds; fail with what was waited for, long after the slowest machine has done it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self.compose('ps')}\n{self.compose('logs')[-6000:]}"
            time.sleep(1)

    def wait_until_up(self, *services: str) -> None:
        """Wait until services run, and are healthy where they say so."""
        for service in services:
            self.wait_until(partial(self._is_up, service), f"{service} is up")

    def _is_up(self, service: str) -> bool:
        state = json.loads(_inspected(self.container(service), "{{json .State}}"))
        healthy = state.get("Health", {}).get("Status", "healthy") == "healthy"
        return bool(state["Status"] == "running" and healthy)


def _draw_aws_secret(env: Path) -> None:
    """Give AWS clients a secret that no other text holds; the local cloud asks for none, so it takes any."""
    drawn = secrets.token_hex(24)
    lines = (
        f"{_AWS_SECRET}={drawn}" if line.startswith(_AWS_SECRET) else line for line in env.read_text().splitlines()
    )
    env.write_text("\n".join(lines) + "\n")


def image_bytes() -> int:
    """Return the size of the image."""
    return int(_inspected(IMAGE, "{{.Size}}"))


def _inspected(name: str, template: str) -> str:
    done = subprocess.run(["docker", "inspect", "-f", template, name], capture_output=True, text=True, check=True)
    return done.stdout
