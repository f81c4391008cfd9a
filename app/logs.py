"""Structured logs: one JSON line per fact, with the request's id, and no secret, token or buyer's data in it (law 12)."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_TEXT = re.compile(
    r"(?:sk_(?:live|test)_|ct_|whsec_)[0-9A-Za-z_\-+/=]{8,}"  # our keys and tokens
    r"|(?i:\b(?:basic|bearer|portone)\s+)[^\s\"',]{6,}"  # Authorization values
    r"|(?i:(?:postgres(?:ql)?://[^:@/\s]*:))[^@/\s]+(?=@)"  # passwords in database URLs
)
_SECRET_NAMES = re.compile(
    r"secret|password|token|authorization|signature|api_?key|cookie|email|phone|address|customer|card", re.IGNORECASE
)
MASK = "[redacted]"


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: blanks values under telling names, and anything that looks like a key or token."""
    return {name: MASK if _SECRET_NAMES.search(name) else _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(MASK, value)
    if isinstance(value, dict):
        return {k: MASK if _SECRET_NAMES.search(str(k)) else _redacted(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(item) for item in value]
    return value


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
    for noisy in ("uvicorn.access", "httpx", "httpcore", "asyncio", "alembic.runtime.migration"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
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
