"""Calls to PortOne V1's API: logged in, within one deadline, and repeated only after a 401."""

import time

from app.domain.errors import GatewayUnavailable
from app.gateways.http import GatewayHttp
from app.gateways.portone_v1.codes import NAME
from app.gateways.portone_v1.login import Login
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.gateways.portone_v1.response import ApiResponse


class ApiClient:
    """The connections and the login of one account."""

    def __init__(self, settings: PortOneV1Settings, http: GatewayHttp) -> None:
        self.http = http
        self.login = Login(self.http, settings.imp_key.get_secret_value(), settings.imp_secret.get_secret_value())
        self.headers = {"Accept": "application/json"} | ({"Tier": settings.tier} if settings.tier else {})

    def begin(self) -> "Operation":
        """Begin an operation: its calls share one deadline, login included."""
        return Operation(self, time.monotonic() + self.http.deadline_s)


class Operation:
    """The calls of one operation."""

    def __init__(self, api: ApiClient, ends_at: float) -> None:
        self._api = api
        self._ends_at = ends_at

    async def call(self, operation: str, method: str, path: str, body: bytes | None = None) -> ApiResponse:
        """One call and its answer, whatever that is.

        A 401 is answered before anything is done (portone-v1.md §2), so a new token is fetched and the call repeated, once; a
        second 401 is the answer. Raises GatewayUnavailable when the call was never sent, GatewayTimeout when it may have
        arrived, GatewayRefused when the keys are wrong.
        """
        token = await self._api.login.token(self._left_s())
        answer = await self._send(token, operation, method, path, body)
        if answer.status == 401:
            self._api.login.forget(token)
            fresh = await self._api.login.token(self._left_s())
            answer = await self._send(fresh, operation, method, path, body)
        return answer

    async def _send(self, token: str, operation: str, method: str, path: str, body: bytes | None) -> ApiResponse:
        headers = self._api.headers | {"Authorization": f"Bearer {token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        got = await self._api.http.request(
            operation, method, path, headers=headers, body=body, deadline_s=self._left_s()
        )
        return ApiResponse.of(got)

    def _left_s(self) -> float:
        """What is left of the deadline. Raises GatewayUnavailable when nothing is: the next call is not sent any more."""
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise GatewayUnavailable(gateway=NAME)
        return left_s
