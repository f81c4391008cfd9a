"""Calls to PortOne V2's API: the secret in a header, JSON both ways, and names that make a repeated call the same one."""

import re
from hashlib import sha256
from urllib.parse import quote

import msgspec

from app.gateways.http import GatewayHttp
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.portone_v2.response import ApiResponse
from app.gateways.values import Json

_PLAIN_KEY = re.compile(r"[0-9A-Za-z_\-]{1,200}")


class ApiClient:
    """The connections of one store."""

    def __init__(self, settings: PortOneV2Settings, http: GatewayHttp) -> None:
        self._secret = settings.api_secret
        self._store = f"storeId={quote(settings.store_id, safe='')}"
        self.http = http

    async def ask(self, operation: str, reference: str, *, deadline_s: float) -> ApiResponse:
        """Read one payment of our store."""
        return await self._send(operation, "GET", f"{_path(reference)}?{self._store}", {}, None, deadline_s)

    async def post(
        self, operation: str, reference: str, action: str, content: Json | None = None, *, key: str | None = None
    ) -> ApiResponse:
        """Do something to one payment, once for each `key`: see `idempotency_key`.

        Our store is named in the content, or in the query where there is none.
        """
        path = f"{_path(reference)}/{action}"
        if content is None:
            return await self._send(operation, "POST", f"{path}?{self._store}", {}, None, None)
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        return await self._send(operation, "POST", path, headers, msgspec.json.encode(content), None)

    async def _send(
        self,
        operation: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        deadline_s: float | None,
    ) -> ApiResponse:
        """One call and its answer, whatever that is. Source: portone-v2.md §1, the secret itself after `PortOne `."""
        everywhere = {"Authorization": f"PortOne {self._secret.get_secret_value()}", "Accept": "application/json"}
        answer = await self.http.request(
            operation, method, path, headers=everywhere | headers, body=body, deadline_s=deadline_s
        )
        return ApiResponse.of(answer)


def idempotency_key(operation: str, identity: str) -> str:
    """The header's value: quoted, and 16 to 256 characters of the recommended ones (docs/gateways/portone-v2.md §1)."""
    plain = identity if _PLAIN_KEY.fullmatch(identity) else sha256(identity.encode()).hexdigest()
    return f'"onetill-{operation}-{plain}"'


def _path(reference: str) -> str:
    return f"/payments/{quote(reference, safe='')}"
