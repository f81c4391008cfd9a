"""What is wrong with a call before it is sent: an address that shows the secret key, an id or a key that would be another."""

import re

import httpx2

from onetill_client.sending import OnetillError

_LOOPBACK = re.compile(r"localhost|.+\.localhost|127(\.\d{1,3}){3}|::1")
_ID = re.compile(r"[A-Za-z0-9_-]+")
_KEY = re.compile(r"[!-~]+")


def base_url(url: str, *, allow_http: bool) -> httpx2.URL:
    """Raises OnetillError for an address to which the secret key would travel in plain text."""
    try:
        found = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise OnetillError(f"not an address: {url!r}") from error
    is_kept = found.scheme == "https" or (
        found.scheme == "http" and (allow_http or _LOOPBACK.fullmatch(found.host) is not None)
    )
    if not (is_kept and found.host):
        raise OnetillError(
            f"{url!r}: https, or whoever is on the way reads the secret key; http only to this machine, or with"
            " allow_http=True in a network that is yours alone"
        )
    return found


def path_part(text: str) -> str:
    """An id as it stands in a path. Raises OnetillError for one with which the call would be another, such as `..`."""
    if not _ID.fullmatch(text):
        raise OnetillError(f"not an id of Onetill: {text!r}; nothing was sent")
    return text


def key_header(idempotency_key: str | None) -> dict[str, str]:
    """Raises OnetillError for a key that no header carries."""
    if idempotency_key is None:
        return {}
    if not _KEY.fullmatch(idempotency_key):
        raise OnetillError(
            f"idempotency_key {idempotency_key!r}: printable ASCII without spaces, such as order-1001; nothing was sent"
        )
    return {"Idempotency-Key": idempotency_key}
