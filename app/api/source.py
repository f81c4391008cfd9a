"""Where a request came from, as far as that can be known: behind proxies only from as many hops as are configured."""

from collections.abc import Callable

from starlette.types import Scope

from app.domain.addresses import address_in

SourceOf = Callable[[Scope], str | None]


def source_behind(hops: int) -> SourceOf:
    """Reads the sender's address. `hops` proxies of ours stand in front, and each appends the address that it saw.

    With 0 the connection's own address counts, and `X-Forwarded-For`, which anybody may write, is not read. With n, the
    n-th entry from the right is the one that our outermost proxy wrote; a list that is shorter says nothing, and so does what
    is no address.
    """

    def source(scope: Scope) -> str | None:
        if hops == 0:
            client = scope.get("client")
            return address_in(client[0]) if client else None
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        forwarded = [part for line in lines for part in line.split(",")]
        return address_in(forwarded[-hops]) if len(forwarded) >= hops else None

    return source
