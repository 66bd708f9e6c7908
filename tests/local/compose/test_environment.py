"""`.env` and docker-compose.yaml: what one promises, and the other needs."""

import re
import stat
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from contracts.event_settings import OPTIONS
from infra.settings import settings_of
from live.settings import settings_from as live_settings_from
from local.cloud.process import client_variables
from local.compose.environment import CLOUD, environment_file, main
from pipeline.settings import settings_from

PROJECT: Final = {"CLICKSTREAM_PROJECT": "/opt/clickstream"}
COMPOSE: Final = Path(__file__).resolve().parents[3] / "docker-compose.yaml"
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load(COMPOSE.read_text())["services"]
#: These end when their work is done; the traffic and the live minutes have nothing that could be asked.
WITHOUT_HEALTH: Final = {"airflow-init", "deploy", "traffic", "live"}


def variables(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def test_a_new_file_has_secrets_of_its_own_and_is_its_owners_alone(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a", "b")]
    assert [main(["--out", str(file)]) for file in files] == [0, 0]
    one, other = (variables(file.read_text()) for file in files)
    assert {name for name, value in one.items() if value != other[name]} == {
        "POSTGRES_PASSWORD",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW_ADMIN_PASSWORD",
    }
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / ".env"
    file.write_text("POSTGRES_PASSWORD=ours\n")
    assert main(["--out", str(file)]) == 1
    assert "is there already, and its secrets are those of the database" in capsys.readouterr().err
    assert file.read_text() == "POSTGRES_PASSWORD=ours\n"


def test_nothing_starts_without_the_secrets_and_the_file_has_each_of_them() -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    assert len(demanded) == 4
    assert demanded <= variables(environment_file()).keys()
    typed = {
        name: value
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if re.search("PASSWORD$|SECRET|KEY", name) and value is not None and not value.startswith("${")
    }
    assert typed == {}


def test_airflow_finds_the_stack_of_the_local_cloud_by_the_file() -> None:
    given = variables(environment_file()) | PROJECT
    found = settings_from(given)
    assert found.buffer_interval.total_seconds() == settings_of("local").delivery.buffer_seconds
    assert found.environment.environment == "local"
    address = SERVICES["cloud"]["networks"]["default"]["ipv4_address"]
    assert found.endpoint_url == CLOUD == f"http://{address}:4566"


def test_the_live_minutes_get_what_they_need_of_the_file_and_no_secret_of_another_service() -> None:
    live = SERVICES["live"]
    assert live["read_only"] is True
    assert "env_file" not in live
    given = {name: value for name, value in variables(environment_file()).items() if name in live["environment"]}
    assert live_settings_from(given).lake == settings_from(given | {"CLICKSTREAM_ENVIRONMENT": "local"} | PROJECT).lake
    assert client_variables(CLOUD).keys() - {"AWS_EC2_METADATA_DISABLED"} <= given.keys()
    assert {option.variable for option in OPTIONS} <= live["environment"].keys()
    assert set(live["environment"].values()) == {None}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_bounds_and_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["restart"] in ("unless-stopped", "on-failure")
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert ("healthcheck" in service) != (name in WITHOUT_HEALTH)
    if name != "postgres":
        assert service["cap_drop"] == ["ALL"]


def test_on_aws_neither_the_local_cloud_nor_traffic_runs_and_nothing_waits_for_them() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert SERVICES.keys() - always == {"cloud", "deploy", "traffic"}
    assert all(SERVICES[name].get("depends_on", {}).keys() <= always for name in always)
