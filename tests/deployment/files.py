"""Readers of the deployment files: as much of their grammar as ours use."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from packaging.requirements import Requirement
from pydantic import BaseModel

from app.paths import ROOT
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the Dockerfile: `COPY --chmod=0755 a b` is COPY, {chmod: 0755}, [a, b]."""

    word: str
    options: dict[str, str]
    arguments: list[str]


@cache
def stages() -> list[list[Instruction]]:
    """The Dockerfile, one list for each FROM; the last one is what is built without a target."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[Instruction]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append(_instruction(word, rest))
    return found


def _instruction(word: str, rest: str) -> Instruction:
    options = {}
    while option := re.match(r"--([a-z-]+)=(\S+)\s+", rest):
        options[option[1]] = option[2]
        rest = rest[option.end() :]
    start = rest.find("[") if word in {"CMD", "ENTRYPOINT", "HEALTHCHECK"} else -1
    return Instruction(word, options, json.loads(rest[start:]) if start >= 0 else shlex.split(rest))


def target(name: str = "") -> list[Instruction]:
    """All instructions of an image, those of the stage that it stands on first; without a name the product's."""
    stage = stages()[-1]
    for each in stages():
        if name and each[0].arguments[1:] == ["AS", name]:
            stage = each
    base = stage[0].arguments[0]
    named = {each[0].arguments[-1] for each in stages()}
    return [*(target(base) if base in named - {name} else []), *stage]


def last(word: str) -> Instruction:
    """The one of that name that counts in the product's image."""
    return next(each for each in reversed(target()) if each.word == word)


def variables_of_compose() -> set[str]:
    """Every name that docker-compose.yml takes from outside."""
    text = (ROOT / "docker-compose.yml").read_text()
    return set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"^ +([A-Z_0-9]+):\s*$", text, flags=re.MULTILINE))


def compose(environment: Mapping[str, str]) -> dict[str, Any]:
    """docker-compose.yml as Compose sees it with these variables. Raises KeyError for a missing one that is demanded."""

    def value(found: re.Match[str]) -> str:
        given = environment.get(found["name"])
        if not given and found["sign"]:
            raise KeyError(f"{found['name']}: {found['message']}")
        return given or ""

    text = (ROOT / "docker-compose.yml").read_text()
    text = re.sub(r"\$\{(?P<name>\w+)(?P<sign>:\?)?(?P<message>[^}]*)\}", value, text)
    project: dict[str, Any] = yaml.safe_load(text)
    for service in project["services"].values():
        given = service.get("environment", {})
        service["environment"] = {
            name: environment[name] if text is None else str(text)
            for name, text in given.items()
            if text is not None or name in environment
        }
    return project


@cache
def setting_names(model: type[BaseModel] = Settings, prefix: str = "ONETILL_") -> frozenset[str]:
    """Every variable that sets something, those of a gateway with `__`."""
    names: set[str] = set()
    for field, info in model.model_fields.items():
        nested = [kind for kind in _kinds(info.annotation) if issubclass(kind, BaseModel)]
        name = prefix + field.upper()
        names |= setting_names(nested[0], f"{name}__") if nested else {name}
    return frozenset(names)


def _kinds(annotation: Any) -> list[type]:
    parts = getattr(annotation, "__args__", ())
    return [kind for part in parts for kind in _kinds(part)] or ([annotation] if isinstance(annotation, type) else [])


def locked(name: str) -> dict[str, Requirement]:
    """The pins of a lock, by the distribution's name."""
    lines = (ROOT / name).read_text().splitlines()
    pins = [Requirement(line.removesuffix("\\").strip()) for line in lines if re.match(r"[a-zA-Z]", line)]
    return {pin.name: pin for pin in pins}
