"""What the real log set-up writes, kept in memory."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from app import logs


class CapturedLogs:
    """The lines that were written, as text and as JSON."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def last(self) -> dict[str, Any]:
        return self.lines()[-1]


@contextmanager
def capture_logs(level: str) -> Iterator[CapturedLogs]:
    """Run `app.logs.configure` with standard error in memory, and put everything back afterwards."""
    captured, root = CapturedLogs(), logging.getLogger()
    before = (list(root.handlers), root.level, structlog.get_config(), sys.stderr)
    levels = {name: logging.getLogger(name).level for name in logging.root.manager.loggerDict}
    sys.stderr = captured.stream
    try:
        logs.configure(level)
        yield captured
    finally:
        root.handlers[:], root.level, config, sys.stderr = before
        structlog.configure(**config)
        for name, was in levels.items():
            logging.getLogger(name).setLevel(was)
