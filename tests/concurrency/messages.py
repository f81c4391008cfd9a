"""Names for what passes a wiretap, the same in every run: the statement that Postgres is sent, the call that a gateway is."""

import re

_SSL_REQUEST = 80877103
_LONG = re.compile(r"[0-9A-Za-z_.%~-]{20,}|imp_[0-9]+")
"""Ids and references in paths: they differ from run to run."""
_CALL = re.compile(rb"([A-Z]+) ([^ ?]*)[^ ]* HTTP/1\.1\r\n")


class PostgresNames:
    """Names the messages of one session by their types (P parse, D describe, B bind, E execute, S sync …) and the SQL."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_started = False
        self._statements: dict[bytes, str] = {}

    def __call__(self, data: bytes) -> str:
        self._rest += data
        types, sql = "", ""
        while (message := self._next()) is not None:
            kind, body = message
            types += kind
            name, _, text = body.partition(b"\0")
            if kind == "P":
                sql = " ".join(text.partition(b"\0")[0].decode().split())
                self._statements[name] = sql
            elif kind == "B":
                sql = self._statements.get(text.partition(b"\0")[0], "")
            elif kind == "Q":
                sql = " ".join(name.decode().split())
        return f"{types} {sql}".strip()

    def _next(self) -> tuple[str, bytes] | None:
        start = 1 if self._is_started else 0
        if len(self._rest) < start + 4:
            return None
        end = start + int.from_bytes(self._rest[start : start + 4])
        if len(self._rest) < end:
            return None
        kind, body = self._rest[:start].decode(), self._rest[start + 4 : end]
        self._rest = self._rest[end:]
        if self._is_started:
            return kind, body
        if int.from_bytes(body[:4]) == _SSL_REQUEST:
            return "ssl?", b""
        self._is_started = True
        return "startup", b""


class HttpNames:
    """Names requests by method and path, ids left out; what follows their first piece is called the rest."""

    def __call__(self, data: bytes) -> str:
        call = _CALL.match(data)
        return f"{call[1].decode()} {_LONG.sub('…', call[2].decode())}" if call else "the rest of a request"
