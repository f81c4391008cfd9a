"""Free ports for servers that are started a moment later, in development, the demo and the tests."""

import random
import socket

_RANGE = range(15_000, 30_000)
"""Below what systems hand to outgoing connections (from 32768 on Linux), so that none takes the port in between."""

_TRIES = 200


def free_ports(count: int = 1) -> int:
    """The first of so many ports of 127.0.0.1 in a row that nobody listens on. Raises RuntimeError when none is found."""
    for _ in range(_TRIES):
        first = random.randrange(_RANGE.start, _RANGE.stop - count)  # noqa: S311  no secret
        if all(is_free(first + offset) for offset in range(count)):
            return first
    raise RuntimeError(f"no {count} free ports in a row between {_RANGE.start} and {_RANGE.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
