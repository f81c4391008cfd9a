"""uvicorn's own HTTP protocol, with ends: so large a head, so long for the head, for the body, and for taking the answer.

uvicorn bounds the time between two requests (`timeout_keep_alive`) and nothing within one, it keeps an answer until somebody
reads it, and httptools keeps a header of any length until it is whole. What is refused here never reaches the application.
"""

from asyncio import TimerHandle, Transport
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.domain.schedule import ANSWER_S, BODY_S, HEAD_S

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers together; proxies in front allow a half of that or less."""

MAX_URL_BYTES, MAX_URL_FIELDS = 8 * 1024, 100
"""Of path and query together (RFC 9110 §4.1 asks for 8,000 bytes at least): every route has its whole query parsed before it
looks at a field, which takes milliseconds for thousands of fields, and gateways' callbacks have some hundred bytes."""

_TOO_LARGE = (431, b"Request Header Fields Too Large")
_TOO_LONG = (414, b"URI Too Long")
_TOO_SLOW = (408, b"Request Timeout")


class EdgeProtocol(HttpToolsProtocol):
    """One connection of a client."""

    head_s: ClassVar[float] = HEAD_S
    body_s: ClassVar[float] = BODY_S
    answer_s: ClassVar[float] = ANSWER_S

    _in_head = True
    _head_bytes = 0
    _is_refused = False
    _deadline: TimerHandle | None = None
    _unread: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn narrows it as well
        """Somebody has connected; until he sends something, he is idle like between two requests."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and so are its deadlines."""
        self._expect(None)
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client leaves its answers unread: of what is written to it, nothing goes out."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.answer_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads on."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head before the parser keeps it."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._expect(self.head_s)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(*_TOO_LARGE)

    def on_message_begin(self) -> None:
        """The first byte of a request, perhaps in one read with the end of the one before."""
        self._expect(self.head_s)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Let the application see a head that is small enough."""
        # The bytes of the last read may be body already: what counts is what was understood.
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refuse(*_TOO_LARGE)
        elif len(self.url) > MAX_URL_BYTES or self.url.count(b"&") >= MAX_URL_FIELDS:
            self._refuse(*_TOO_LONG)
        if not self._is_refused:
            self._in_head = False
            self._expect(self.body_s)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; of a request that was refused, nobody wants it."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole. The next bytes begin another head."""
        if not self._is_refused:
            self._expect(None)
            self._in_head, self._head_bytes = True, 0
            super().on_message_complete()

    def _expect(self, within_s: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if within_s is not None:
            self._deadline = self.loop.call_later(within_s, self._on_deadline)

    def _on_deadline(self) -> None:
        self._deadline = None
        if self.pipeline or self.flow.read_paused or (self._in_head and self._is_answering):
            self._expect(self.body_s)  # the answers to the requests before it come first
        elif not self.transport.is_closing():
            self._refuse(*_TOO_SLOW)

    @property
    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _refuse(self, status: int, phrase: bytes) -> None:
        """Say why, unless another answer has begun, and hang up."""
        self._is_refused = True
        self._expect(None)
        if not (self._is_answering if self._in_head else self.cycle.response_started):
            self.transport.write(b"HTTP/1.1 %d %b\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % (status, phrase))
        self.transport.close()
