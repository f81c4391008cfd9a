"""HTTP out of everything but the gateways' adapters: httpx's API, by httpx2, its living continuation.

The gateways' calls go through `app/gateways/http.py`; docs/decisions/0016-one-client-for-gateways.md says why.
"""

from collections.abc import Mapping

import httpx2


def open_client(
    base_url: str = "", *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> httpx2.AsyncClient:
    """A client that follows no redirect and reads nothing of the environment: no proxies, no .netrc.

    `timeout_s` bounds each connect, send and receive, not the whole call.
    """
    return httpx2.AsyncClient(
        base_url=base_url,
        timeout=timeout_s,
        headers={"User-Agent": "onetill", **(headers or {})},
        follow_redirects=False,
        trust_env=False,
    )
