"""A flood, in a process of its own: `python -m tests.concurrency.flood PORT REFERENCE SHARE`. Prints the statuses, as JSON.

10,000 unsigned webhooks, 1,000 of some hundred bytes that hold 256 KiB of damage, 10,000 calls with a key that is made up, 1,000
redirects that name somebody's payment (or a SHARE of them), 100 requests that are never finished, and one header of 64 MiB; all
at once, over some 700 connections, each as fast as it is answered.
"""

import asyncio
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import uvloop

HINTS, BOMBS, GUESSES, RETURNS, HALVES, HUGE_MIB = 10_000, 1_000, 10_000, 1_000, 100, 64
CONNECTIONS = {"hints": 250, "bombs": 50, "guesses": 250, "returns": 50}
BOMB = gzip.compress(b'{"imp_uid":"imp_1","x":"' + b"\x01" * 262_000 + b'"}')


def hint(number: int, reference: str) -> bytes:
    """A webhook of PortOne V1; every tenth names the payment that there is."""
    named = reference if number % 10 == 0 else f"nobody{number}"
    return webhook(json.dumps({"imp_uid": f"imp_{number:012}", "merchant_uid": named, "status": "paid"}).encode())


def webhook(body: bytes) -> bytes:
    head = f"POST /webhooks/portone-v1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def guess(number: int) -> bytes:
    """A call with a key that is none of ours."""
    return f"GET /payments HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk_test_{number:043}\r\n\r\n".encode()


def come_back(number: int, reference: str) -> bytes:
    """A redirect with a made-up payment, as a stranger's browser asks for it."""
    path = f"/checkout/return/portone-v1?merchant_uid={reference}&imp_uid=imp_{number:012}"
    return f"GET {path} HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n".encode()


async def one_by_one(port: int, requests: Iterator[bytes], statuses: Counter[str]) -> None:
    """Send what is left of the requests over a connection that is opened again when it is closed."""
    reader = writer = None
    for request in requests:
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert reader is not None
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            statuses[head.split()[1].decode()] += 1
            is_closing = b"connection: close" in head.lower()
        except (OSError, EOFError):
            statuses["cut"] += 1
            is_closing = True
        if is_closing and writer is not None:
            writer.close()
            writer = None


async def half(port: int, number: int) -> str:
    """A request that is never finished: its head, or its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    whole = hint(number, "nobody")
    writer.write(whole[: len(whole) // 3] if number % 2 else whole[:-5])
    answer = await reader.read()
    writer.close()
    return answer.split(b" ", 2)[1].decode() if answer else "cut"


async def huge_header(port: int) -> str:
    """A header that does not end before 64 MiB."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(OSError):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-Huge: ")
        for _ in range(HUGE_MIB):
            writer.write(b"x" * (1 << 20))
            await writer.drain()
        answer = await reader.read()
        return answer.split(b" ", 2)[1].decode() if answer else "cut"
    return "cut"


async def flood(port: int, reference: str, share: float) -> dict[str, dict[str, int]]:
    """All of it at once; the statuses of each kind."""
    statuses: dict[str, Counter[str]] = {kind: Counter() for kind in CONNECTIONS}
    requests = {
        "hints": iter([hint(number, reference) for number in range(int(HINTS * share))]),
        "bombs": iter([webhook(BOMB)] * int(BOMBS * share)),
        "guesses": iter([guess(number) for number in range(int(GUESSES * share))]),
        "returns": iter([come_back(number, reference) for number in range(int(RETURNS * share))]),
    }
    async with asyncio.TaskGroup() as group:
        for kind, count in CONNECTIONS.items():
            for _ in range(count):
                group.create_task(one_by_one(port, requests[kind], statuses[kind]))
        halves = [group.create_task(half(port, number)) for number in range(HALVES)]
        huge = group.create_task(huge_header(port))
    statuses |= {"halves": Counter(each.result() for each in halves), "huge": Counter([huge.result()])}
    return {kind: dict(counted) for kind, counted in statuses.items()}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(flood(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))))
