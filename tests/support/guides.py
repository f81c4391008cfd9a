"""Guides whose curl calls are made, in order, and whose answers are compared with what the guide shows."""

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

import httpx

EXAMPLE = re.compile(r"```sh\n(curl .*?)\n```\n+`(\d{3})`:\n+```json\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """One call of the guide, the status it states and the answer it shows."""

    curl: str
    status: int
    answer: Any


def examples_of(text: str) -> list[Example]:
    """The calls of a guide, in order."""
    return [Example(curl, int(status), json.loads(answer)) for curl, status, answer in EXAMPLE.findall(text)]


def agrees(shown: Any, real: Any) -> bool:
    """What is shown is in the answer; `…` stands for any text."""
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(name in real and agrees(shown[name], real[name]) for name in shown)
    if isinstance(shown, list):
        return isinstance(real, list) and len(shown) <= len(real) and all(map(agrees, shown, real))
    if isinstance(shown, str) and "…" in shown:
        return isinstance(real, str) and re.fullmatch(re.escape(shown).replace("…", ".+"), real) is not None
    return bool(type(shown) is type(real) and shown == real)


async def run(client: httpx.AsyncClient, curl: str, values: dict[str, str]) -> httpx.Response:
    """Make one call, with `values` for the variables in it; `$KEY` is the client's own."""
    words = shlex.split(curl.replace("\\\n", " "))
    method, url, headers, body = "GET", "", {}, None
    arguments = iter(words[1:])
    for word in arguments:
        if word == "-X":
            method = next(arguments)
        elif word == "-H":
            name, _, value = next(arguments).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(arguments)
        elif word != "-s":
            url = word
    for name, value in {**values, "KEY": client.headers["authorization"].removeprefix("Bearer ")}.items():
        url, body = url.replace(f"${name}", value), body and body.replace(f"${name}", value)
        headers["Authorization"] = headers["Authorization"].replace(f"${name}", value)
    assert "$" not in url + headers["Authorization"] + (body or ""), curl
    return await client.request(method, url, headers=headers, content=body)
