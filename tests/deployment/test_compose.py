"""docker-compose.yml, word by word: commands, variables, ports, paths, conditions."""

import dataclasses
import socket
from typing import Any

import pytest

from app.paths import ROOT
from simulator.server import twins
from tests.deployment.files import compose, setting_names, target, variables_of_compose
from tests.deployment.image import Image

SECRETS = {
    "POSTGRES_PASSWORD": "superuser0",
    "POSTGRES_OWNER_PASSWORD": "owner0",
    "POSTGRES_APP_PASSWORD": "app0",
    "ONETILL_SECRET_KEY": "a secret of thirty-two characters",
}
OWNER_URL = "ONETILL_DATABASE_OWNER_URL"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(compose(SECRETS | {name: "1" for name in setting_names() if name not in SECRETS})["services"])


@pytest.fixture(scope="module")
def ours(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if service["image"].startswith("onetill")}


def test_it_has_the_processes_and_starts_the_simulator_only_when_asked(services: dict[str, Any]) -> None:
    assert set(services) == {"postgres", "migrate", "api", "worker", "simulator"}
    assert {name for name, service in services.items() if "profiles" in service} == {"simulator"}


def test_only_the_simulator_runs_in_the_image_that_holds_it(ours: dict[str, Any]) -> None:
    assert {name for name, service in ours.items() if service["image"] != "onetill"} == {"simulator"}
    assert ours["simulator"]["build"] == {"context": ".", "target": "simulator"}


def test_the_simulator_knows_the_accounts_that_the_product_is_told(ours: dict[str, Any]) -> None:
    known = {
        f"ONETILL_{twin.name}__{field.name}".upper()
        for twin in twins()
        for field in dataclasses.fields(twin.account_type)
    }
    assert set(ours["simulator"]["environment"]) == known & setting_names() | {"ONETILL_TIME_SCALE"}


def test_every_command_and_option_exists(image: Image, ours: dict[str, Any]) -> None:
    for name, service in ours.items():
        command, *words = service["command"]
        known = image.run("onetill", command, "--help", COLUMNS="200")
        assert known.returncode == 0, (name, known.stderr)
        for option in (word for word in words if word.startswith("--")):
            assert option in known.stdout, (name, option)


@pytest.mark.parametrize("missing", SECRETS)
def test_it_refuses_to_start_without_a_secret_and_names_it(missing: str) -> None:
    for environment in ({**SECRETS, missing: ""}, {name: text for name, text in SECRETS.items() if name != missing}):
        with pytest.raises(KeyError, match=f"{missing}: set it"):
            compose(environment)


def test_every_variable_is_a_setting_and_every_setting_is_passed_on(ours: dict[str, Any]) -> None:
    assert {name for name in variables_of_compose() if name.startswith("ONETILL_")} <= setting_names()
    for name in ("api", "worker"):
        assert set(ours[name]["environment"]) == setting_names() - {OWNER_URL}, name


def test_only_the_migration_knows_the_owner(services: dict[str, Any]) -> None:
    knowing = {name for name, service in services.items() if "owner0" in str(service["environment"])}
    assert knowing == {"migrate", "postgres"}
    assert set(services["migrate"]["environment"]) == setting_names(), (
        "it makes API keys as well, in the mode of the others"
    )


def test_a_setting_that_is_not_set_is_not_passed_on_empty() -> None:
    environment = compose(SECRETS)["services"]["api"]["environment"]
    assert set(environment) == {"ONETILL_DATABASE_URL", "ONETILL_SECRET_KEY"}


def test_ports_are_published_to_this_machine_only(services: dict[str, Any]) -> None:
    for service in services.values():
        for published in service.get("ports", []):
            address, _, _ = published.split(":")
            assert socket.inet_aton(address)[0] == 127


def test_every_service_that_is_waited_for_can_become_what_is_waited_for(services: dict[str, Any]) -> None:
    waits = [
        (other, wait["condition"])
        for service in services.values()
        for other, wait in service.get("depends_on", {}).items()
    ]
    assert {other for other, _ in waits} == {"postgres", "migrate"}
    for other, condition in waits:
        if condition == "service_healthy":
            assert services[other]["healthcheck"]["test"]
        else:
            assert condition == "service_completed_successfully"
            assert services[other]["restart"] == "no"


def test_a_service_without_the_api_does_not_inherit_its_health_check(ours: dict[str, Any]) -> None:
    assert [each.word for each in target()].count("HEALTHCHECK") == 1
    for name, service in ours.items():
        assert service["healthcheck"].get("disable") or service["healthcheck"]["test"][0] == "CMD", name


def test_mounted_files_exist_and_volumes_are_declared(services: dict[str, Any]) -> None:
    for mount in services["postgres"]["volumes"]:
        source = mount.split(":")[0]
        assert (ROOT / source).is_file() if source.startswith(".") else source in compose(SECRETS)["volumes"]


def test_our_processes_can_do_little(ours: dict[str, Any]) -> None:
    for name, service in ours.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
