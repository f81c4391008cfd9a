"""Where a request came from, as far as that can be known: behind proxies only from as many hops as are configured."""

from collections.abc import Callable

from fastapi import Request

SourceOf = Callable[[Request], str | None]


def source_behind(hops: int) -> SourceOf:
    """Reads the sender's address. `hops` proxies of ours stand in front, and each appends the address that it saw.

    With 0 the connection's own address counts, and `X-Forwarded-For`, which anybody may write, is not read. With n, the
    n-th entry from the right is the one that our outermost proxy wrote; a list that is shorter says nothing.
    """

    def source(request: Request) -> str | None:
        if hops == 0:
            return request.client.host if request.client else None
        forwarded = [part.strip() for line in request.headers.getlist("x-forwarded-for") for part in line.split(",")]
        return forwarded[-hops][:100] if len(forwarded) >= hops else None

    return source
