"""Structured logs: one JSON line per fact, with the request's id, and no secret, token or buyer's data in it (law 12)."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

import structlog

_SECRET_TEXT = re.compile(
    r"(?<![0-9A-Za-z])(?:sk_(?:live|test)_|ct_|whsec_)[0-9A-Za-z_\-+/=]{8,}"  # our keys and tokens
    r"|(?i:\b(?:basic|bearer|portone)\s+)[^\s\"',]{6,}"  # Authorization values
)
_NAMES = r"secret|password|token|authorization|signature|api[_-]?key|cookie|email|phone|address|customer|card"
_SECRET_NAMES = re.compile(_NAMES, re.IGNORECASE)
_SECRET_PARTS = re.compile(
    r"(?P<kept>\b[a-z][a-z0-9+.\-]{0,20}://[^:@/\s]*:)[^/\s]+(?=@)"  # passwords in URLs, a database's above all
    r"|(?P<url>\?)(?=[\w.\-]{1,40}=)[^\s\"']+"  # queries of URLs: a widget's token stands there
    rf"|(?P<name>\b[\w\-]{{0,40}}(?:{_NAMES})[\w\-]{{0,40}}[\"']?\s{{0,4}}[=:]\s{{0,4}}[\"']?)"  # name=value …
    r"(?!\[redacted)[^\s\"',;&(){}\[\]]{4,}"  # … unless it is blanked already
    r"|(?P<mail>)(?<![0-9a-z._%+\-])[0-9a-z._%+\-]{1,64}@[0-9a-z\-]+(?:\.[0-9a-z\-]+)+"
    r"|(?P<detail>^DETAIL:).*?(?=^(?:HINT|CONTEXT|Traceback|The above|During)\b|\Z)",  # Postgres quotes whole rows there
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_MARKS = frozenset("=:@?")
"""Without one of these, `_SECRET_PARTS` finds nothing: most values are short words, and every line passes here."""
MASK = "[redacted]"


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: blanks values under telling names, and anything that looks like a key or token.

    What comes out holds JSON's own types only, so that no renderer writes an object that was not looked into.
    """
    return {
        name: value if name == "timestamp" else MASK if _tells(name) else _redacted(value)
        for name, value in event.items()
    }


@lru_cache(maxsize=1024)
def _tells(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _redacted(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(name): MASK if _tells(str(name)) else _redacted(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(item) for item in value]
    text = value if isinstance(value, str) else repr(value)
    if text.isalnum():
        return text
    text = _SECRET_TEXT.sub(MASK, text)
    if _MARKS.isdisjoint(text):
        return text
    return _SECRET_PARTS.sub(lambda part: f"{part[part.lastgroup or 0]}{MASK}", text)


def _is_news(record: logging.LogRecord) -> bool:
    """Not uvicorn's two lines about a request that asks for another protocol: it is served all the same."""
    return not str(record.msg).startswith(("Unsupported upgrade request", "No supported WebSocket library"))


_SHARED = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(level: str) -> None:
    """Send our own and every library's log lines as JSON to standard error. Call once per process."""
    render = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(render)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "httpx2", "asyncio", "alembic.runtime.migration"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines carry `name`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
