"""The AcmePay adapter: a whole gateway as small as it gets. Told step by step in docs/gateways/adding-one.md."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from app.gateways.acmepay.codes import status_of
from app.gateways.acmepay.manifest import MANIFEST, AcmePaySettings
from app.gateways.acmepay.wire import Charge

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable, InvalidRequest
from app.domain.money import Money
from app.gateways.adapter import Adapter
from app.gateways.http import HttpAnswer
from app.gateways.manifest import AdapterContext
from app.gateways.values import (
    ChargeRequest,
    Failure,
    GatewayPayment,
    GatewayStatus,
    LookupHint,
    PaymentQuery,
    Session,
)


class AcmePay(Adapter):
    """One AcmePay account."""

    def __init__(self, settings: AcmePaySettings, context: AdapterContext) -> None:
        super().__init__(MANIFEST, settings, context, settings.base_url)
        self._key = settings.key

    def check(self, request: ChargeRequest) -> None:
        """Refuse before any call what AcmePay cannot take; the message names the field of our API."""
        if request.amount.currency != "EUR":
            raise InvalidRequest(("currency", f"AcmePay takes EUR only, got {request.amount.currency}"))

    async def create_session(self, request: ChargeRequest) -> Session:
        """Open a page. The same reference again is the same charge: harmless."""
        self.check(request)
        order = {
            "reference": request.reference,
            "amount": request.amount.minor,
            "currency": request.amount.currency,
            "return_url": request.return_url,
        }
        charge = self._read(await self._call("start", "POST", "/charges", msgspec.json.encode(order)))
        if charge.page is None:
            raise GatewayTimeout(gateway=self.name)
        return Session({"type": MANIFEST.next_action, "url": charge.page}, charge.id)

    async def fetch_payment(self, question: PaymentQuery) -> GatewayPayment:
        """What AcmePay holds, by its id or by our reference."""
        key = quote(question.gateway_ref or question.reference, safe="")
        answer = await self._call("fetch_payment", "GET", f"/charges/{key}")
        if answer.status == 404:
            return GatewayPayment(GatewayStatus.ABSENT)
        charge = self._read(answer)
        status = status_of(charge.status)
        return GatewayPayment(
            status=status,
            reference=charge.reference,
            gateway_ref=charge.id,
            amount=Money(charge.amount, charge.currency),
            failure=Failure("declined", raw_code=charge.status) if status is GatewayStatus.FAILED else None,
            evidence={"id": charge.id, "status": charge.status, "amount": charge.amount},
        )

    def parse_callback(self, fields: Mapping[str, str]) -> LookupHint:
        """The redirect's query."""
        return LookupHint(gateway_ref=fields.get("charge"))

    async def _call(self, operation: str, method: str, path: str, body: bytes | None = None) -> HttpAnswer:
        headers = {"Authorization": f"Bearer {self._key.get_secret_value()}", "Content-Type": "application/json"}
        return await self.http.request(operation, method, path, headers=headers, body=body)

    def _read(self, answer: HttpAnswer) -> Charge:
        """The charge in a success; the errors of the port for everything else. No call here moves money."""
        if answer.status >= 500 or answer.status == 429:
            raise GatewayUnavailable(gateway=self.name)
        if answer.status != 200:
            raise GatewayRefused(gateway=self.name, raw_code=str(answer.status))
        try:
            charge = msgspec.json.decode(answer.body, type=Charge)
            Money(charge.amount, charge.currency)
        except (ValueError, RecursionError) as error:
            raise GatewayTimeout(gateway=self.name) from error
        return charge


create = AcmePay
