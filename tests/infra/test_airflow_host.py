"""The two ways to run Airflow on AWS, as far as they go without an instance and a cluster."""

import importlib.metadata
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

ROOT: Final = Path(__file__).resolve().parents[2]
HOST: Final = ROOT / "infra" / "airflow_host"
VALUES: Final[dict[str, Any]] = yaml.safe_load((HOST / "helm-values.yaml").read_text())


def step(name: str, folder: Path, **programs: str) -> "subprocess.CompletedProcess[str]":
    """Run one step of the script in a folder, with other programs in the place of some."""
    for program, script in programs.items():
        path = folder / "bin" / program
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return subprocess.run(
        ["bash", "-c", f"source {HOST / 'user-data.sh'}; HOME_FOLDER={folder}; {name}"],
        env=os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )


def test_the_host_takes_its_file_from_the_parameter_and_keeps_it_to_itself(tmp_path: Path) -> None:
    done = step("write_env", tmp_path, aws='echo "CLICKSTREAM_ENVIRONMENT=dev"; echo "asked: $*" >&2')
    assert done.returncode == 0, done.stderr
    assert "ssm get-parameter --region us-east-1 --name /clickstream/dev/airflow-env --with-decryption" in done.stderr
    assert (tmp_path / ".env").read_text() == "CLICKSTREAM_ENVIRONMENT=dev\n"
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_the_file_of_another_environment_stops_the_host(tmp_path: Path) -> None:
    done = step("write_env", tmp_path, aws="echo CLICKSTREAM_ENVIRONMENT=prod")
    assert done.returncode == 1
    assert done.stderr == "the parameter /clickstream/dev/airflow-env is not the .env of dev\n"


def test_the_host_unpacks_what_git_archive_makes(tmp_path: Path) -> None:
    done = step("fetch_checkout", tmp_path, aws=f"git -C {ROOT} archive --format=tar.gz HEAD docker-compose.yaml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "docker-compose.yaml").is_file()


def test_kubernetes_runs_the_airflow_of_the_lock_from_the_folders_of_the_image() -> None:
    assert VALUES["airflowVersion"] == importlib.metadata.version("apache-airflow")
    image = dict(re.findall(r"^(?:ENV| +) ?(\w+)=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    given = {variable["name"]: variable["value"] for variable in VALUES["env"]}
    assert given["PYTHONPATH"] == image["PYTHONPATH"]
    assert VALUES["airflowHome"] == image["AIRFLOW_HOME"]
    assert f"--uid {VALUES['uid']}" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("secret", [VALUES["data"]["metadataSecretName"], "airflow-fernet-key", "airflow-jwt-secret"])
def test_each_secret_that_the_values_name_is_made_by_a_command_of_the_page(secret: str) -> None:
    assert secret in str(VALUES)
    page = (ROOT / "docs" / "team-airflow.md").read_text()
    assert f"kubectl create secret generic {secret} " in page
