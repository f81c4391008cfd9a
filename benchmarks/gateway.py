"""A Point3 that costs next to nothing: it answers at once and remembers nothing, so that the product is what is measured.

The simulator is for truth, not for speed. This one keeps everything it must know in the signature itself.
"""

import asyncio
import re
from typing import cast
from urllib.parse import unquote

import uvloop

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TOKEN = b'{"statusCode":200,"message":"success","result":{"token":"t"}}'
_YES = b'{"statusCode":200,"message":"success","result":{}}'


class Instant(asyncio.Protocol):
    """One connection. A signature is `<order id>.<amount>`; its look-up shows exactly that."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = _LENGTH.search(head)
            total = end + 4 + (int(length.group(1)) if length else 0)
            if len(self._buffer) < total:
                return
            self._buffer = self._buffer[total:]
            body = _answer(head.split(b" ", 2)[1])
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
            )


def _answer(path: bytes) -> bytes:
    if path == b"/purchase/token":
        return _TOKEN
    if path.startswith(b"/api/payments/"):
        signature = unquote(path.removeprefix(b"/api/payments/").decode())
        order, _, amount = signature.partition(".")
        return (
            f'{{"statusCode":200,"message":"success","result":{{"signature":"{signature}","orderIdFromClient":"{order}",'
            f'"totalCharge":{amount},"status":"WIDGET_DONE"}}}}'
        ).encode()
    return _YES


async def serve(port: int) -> None:
    """Listen on 127.0.0.1 until the process ends."""
    server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", port)
    await server.serve_forever()


def main(port: int) -> None:
    """Entry of the process."""
    uvloop.run(serve(port))
