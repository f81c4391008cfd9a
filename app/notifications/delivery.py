"""One attempt to deliver an event: signed, guarded, within one deadline. Whatever becomes of it is a `Delivery`."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

import aiohttp
from yarl import URL

from app.domain.schedule import DELIVERY_DEADLINE_S, MOST_RETRY_AFTER_S
from app.metrics import DELIVERIES
from app.notifications.guard import Guard, Refused
from app.notifications.model import Delivery
from app.notifications.signing import headers_of

EXCERPT = 500
"""Characters of an answer that are kept."""

MOST_ANSWER_BYTES = 4 * EXCERPT
"""Of an answer so much is read; the rest is of no interest."""


class Deliverer:
    """Sends. It keeps connections, and nothing else."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def deliver(self, url: str, event_id: str, body: str, secrets: Sequence[str], at: datetime) -> Delivery:
        """One POST. A status stands once it was received: a body that never ends does not undo a 2xx."""
        started = time.perf_counter()
        status, error, excerpt, retry_after_s = None, None, None, 0.0
        headers = headers_of(event_id, body, secrets, at)
        try:
            self._guard.check_url(url)
            async with asyncio.timeout(DELIVERY_DEADLINE_S):
                answer = await self._open().post(URL(url), data=body.encode(), headers=headers, allow_redirects=False)
                try:
                    status = answer.status
                    retry_after_s = _seconds(answer.headers.get("Retry-After"))
                    excerpt = _excerpt(await answer.content.read(MOST_ANSWER_BYTES))
                finally:
                    _let_go(answer)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failure:
            error = _why(failure) if status is None else None
        took_ms = round((time.perf_counter() - started) * 1000, 1)
        made = Delivery(at, took_ms, status, error, excerpt, retry_after_s)
        DELIVERIES.labels("taken" if made.is_taken else "refused" if status else "unanswered").inc()
        return made

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = self._guard.open_session()
        return self._session


def _let_go(answer: aiohttp.ClientResponse) -> None:
    """Keep the connection where the answer was read to its end; else nobody waits for the rest."""
    if answer.content.at_eof():
        answer.release()
    else:
        answer.close()


def _why(failure: BaseException) -> str:
    """Why there was no answer, in words that name nothing of ours."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, Refused):
            return f"the URL {cause}"
        cause = cause.__cause__
    match failure:
        case TimeoutError():
            return f"no answer within {DELIVERY_DEADLINE_S:g} s"
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its TLS certificate is not good"
        case aiohttp.ClientConnectorDNSError():
            return "its name does not resolve"
        case aiohttp.ClientConnectorError():
            return "nobody listens there"
    return "the connection broke before an answer"


def _excerpt(body: bytes) -> str:
    """The first characters of an answer, printable."""
    text = body.decode("utf-8", "replace")[:EXCERPT]
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def _seconds(text: str | None) -> float:
    """`Retry-After` as seconds; a date counts as none."""
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) < 10
    return min(float(text or 0), MOST_RETRY_AFTER_S) if is_number else 0.0
