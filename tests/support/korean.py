"""Every problem that a test is answered can be said in Korean, whichever language it was asked in.

What `tests/unit/test_korean_texts.py` finds in the code it finds by how the code is written. Here it is found by what is said.
"""

import json
import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.korean import SENTENCES, in_korean
from app.api.problems import MEDIA_TYPE, PROBLEMS

HANGUL = re.compile("[가-힣]")
OF_OUR_OWN = re.compile(r"[a-z]+ [a-z]+")
"""A sentence of ours, at the least; what differs may also be told by a code."""


def not_korean(body: dict[str, Any]) -> list[str]:
    """The sentences of a problem that would stay English in Korean."""
    return [text for text in _sentences(body) if OF_OUR_OWN.search(text) and not HANGUL.search(text)]


def _sentences(body: dict[str, Any]) -> Iterator[str]:
    """What is said beside the problem's own text, in Korean as far as there is any."""
    for error in body.get("errors", []):
        yield in_korean(error["message"])
    entry = PROBLEMS[body["code"]]
    for text in (entry.detail, entry.detail_ko):
        if found := re.fullmatch(_pattern(text), body["detail"], re.DOTALL):
            yield from (in_korean(said) for name, said in found.groupdict().items() if name in SENTENCES)


def _pattern(text: str) -> str:
    parts = Formatter().parse(text)
    return "".join(re.escape(before) + (f"(?P<{name}>.*?)" if name else "") for before, name, _, _ in parts)


class KoreanToo:
    """Around an app: raises AssertionError for an answer that could not be said in Korean."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and read the problems."""
        is_problem, body = False, b""

        async def read(message: Message) -> None:
            nonlocal is_problem, body
            if message["type"] == "http.response.start":
                is_problem = (b"content-type", MEDIA_TYPE.encode()) in message["headers"]
            elif message["type"] == "http.response.body" and is_problem:
                body += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, read)
        if is_problem and body:  # none to a HEAD
            assert not_korean(json.loads(body)) == []
