"""The Dockerfile: what it copies is there, what it runs works, and it does not run as root."""

import re

from app.api.documents import DOCUMENTS
from app.paths import ROOT
from app.ports import free_ports
from tests.deployment.files import last, stages, target
from tests.deployment.image import Image, at
from tests.support.databases import Urls


def copied() -> list[str]:
    return [
        source
        for stage in stages()
        for each in stage
        if each.word == "COPY" and "from" not in each.options
        for source in each.arguments[:-1]
    ]


def test_everything_that_it_copies_exists_and_reaches_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(source == name or source.startswith(f"{name}/") for name in let_in), f"{source} is ignored"
    assert {name for name in let_in if not any(source.startswith(name) for source in copied())} == set()


def test_it_installs_the_runtime_lock_and_checks_its_hashes() -> None:
    (run,) = [" ".join(each.arguments) for each in stages()[0] if each.word == "RUN"]
    assert "--require-hashes --requirement /requirements.lock" in run
    assert ["requirements.lock", "/requirements.lock"] in [each.arguments for each in stages()[0]]


def test_it_runs_as_nobody_in_particular() -> None:
    (user,) = last("USER").arguments
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    (made,) = [" ".join(each.arguments) for each in target() if "useradd" in each.arguments]
    uid, gid = user.split(":")
    assert f"--uid {uid} --gid {gid}" in made


def test_the_product_does_not_hold_the_simulator_and_says_where_it_is(image: Image) -> None:
    assert not image.inside("simulator").exists()
    for command in ("simulator", "demo"):
        done = image.run("onetill", command)
        assert done.returncode == 2
        assert f"`onetill {command}` needs the extra '{command}'" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_simulator_has_an_image_of_its_own(simulator_image: Image) -> None:
    assert simulator_image.inside("simulator").is_dir()
    assert [each.arguments for each in target("simulator") if each.word == "USER"][-1] == last("USER").arguments


def test_its_python_is_one_that_the_project_supports() -> None:
    assert {target(stage[0].arguments[-1])[0].arguments[0] for stage in stages()} == {"python:${PYTHON}"}
    assert re.search(r"^ARG PYTHON=3\.1[1-9]-slim", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)


def test_the_default_command_serves_and_the_health_check_sees_it(image: Image, urls: Urls) -> None:
    command, check = last("CMD").arguments, last("HEALTHCHECK").arguments
    assert last("EXPOSE").arguments == [command[command.index("--port") + 1]]
    assert f":{last('EXPOSE').arguments[0]}/" in check[-1]
    port = free_ports(1)
    ask = [check[0], re.sub(r":\d+/", f":{port}/", check[1])]
    before = image.files()
    down = image.run(*ask)
    assert down.returncode == 1
    assert "Traceback" not in down.stderr
    url = f"http://127.0.0.1:{port}"
    variables = {"ONETILL_DATABASE_URL": urls.app, "ONETILL_SECRET_KEY": "a secret of thirty-two characters"}
    with image.started(*at(command, port=port), variables=variables, url=f"{url}/healthz"):
        assert image.run(*ask, http_proxy="http://192.0.2.1:1").returncode == 0
        assert image.run(check[0], f"{url}/nothing-here").returncode == 1
    assert image.files() == before, "a read-only container could not do that"


def test_it_holds_every_document_that_is_served(image: Image) -> None:
    assert [name for name in DOCUMENTS if not image.inside(name).is_file()] == []
