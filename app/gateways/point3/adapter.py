"""The Point3 adapter: opens a widget session, looks up, confirms, cancels, and reads settlement figures."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import msgspec

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable, InvalidRequest
from app.domain.money import Money
from app.gateways.breaker import Breaker
from app.gateways.http import GatewayHttp
from app.gateways.point3 import cancel
from app.gateways.point3.codes import DECLINES, aliases, refusal_of, status_of
from app.gateways.point3.wire import CURRENCY, TokenRequest, gateway_payment_of, rows_of, split_vat
from app.gateways.port import (
    Capability,
    CaptureAnswer,
    CapturedPayment,
    CaptureRequest,
    ChargeRequest,
    Failure,
    GatewayPayment,
    GatewayStatus,
    LookupHint,
    PageSources,
    PaymentQuery,
    RefundAnswer,
    RefundPolicy,
    RefundRequest,
    Session,
)
from app.settings import Point3Settings

KST = timezone(timedelta(hours=9))
OPTIONS = frozenset({"culture_expense_type", "cash_receipt_type", "client_business_num", "client_nickname"})
_RANK = (
    GatewayStatus.CAPTURED,
    GatewayStatus.REFUND_PENDING,
    GatewayStatus.CANCELED,
    GatewayStatus.AUTHORIZED,
    GatewayStatus.UNRECOGNIZED,
    GatewayStatus.STATUS_MISSING,
    GatewayStatus.PENDING,
)
"""Which of several payments of one order id speaks for it: first where money moved or may have, last the explicit no."""
_CLOSED = frozenset({GatewayStatus.REFUND_PENDING, GatewayStatus.CANCELED, GatewayStatus.FAILED})
"""Where a refused cancel finds it closed all the same: by an earlier cancel, or by itself."""


class Point3:
    """One Point3 merchant account. Amounts on the wire are whole won."""

    name = "point3"
    title = "Point3"

    def __init__(self, settings: Point3Settings, *, deadline_s: float, breaker: Breaker | None = None) -> None:
        self._settings = settings
        self.title = settings.label or self.title
        self.deadline_s = deadline_s
        self.page = PageSources(frames=(settings.widget_origin,))
        self._aliases = aliases(settings.status_aliases)
        self._http = GatewayHttp(
            self.name, settings.base_url, deadline_s=deadline_s, connections=settings.connections, breaker=breaker
        )
        self.capabilities = (
            Capability.REOPEN
            | Capability.CAPTURE
            | Capability.REFUND
            | Capability.ASYNC_REFUND
            | Capability.VOID
            | Capability.SETTLEMENT
            | Capability.SECRET_ROTATION
        )
        if settings.look_up == "before":
            self.capabilities |= Capability.LOOKUP_BEFORE_CAPTURE

    @property
    def is_available(self) -> bool:
        """Whether its calls have not failed in a row."""
        return not self._http.breaker.is_open

    def check(self, request: ChargeRequest) -> None:
        """Refuse locally what the contract's §4 rules out; the message names the field of our API."""
        self._token_request(request)

    async def create_session(self, request: ChargeRequest) -> Session:
        """Get a widget token for this attempt. Repeating it is harmless: a token alone charges nobody."""
        body = msgspec.json.encode(self._token_request(request))
        result = self._accepted(await self._request("token", "POST", "/purchase/token", body))
        token = result.get("token") if isinstance(result, Mapping) else None
        if not isinstance(token, str) or not token:
            raise GatewayTimeout(gateway=self.name)
        origin = self._settings.widget_origin
        return Session({"type": "point3_widget", "url": f"{origin}/?d={quote(token, safe='')}", "origin": origin})

    async def fetch_payment(self, question: PaymentQuery) -> GatewayPayment:
        """What Point3 holds, by signature, or by our reference when no signature is known yet.

        Order ids are not unique at Point3: of several rows the one where money moved comes first, then the one with our
        total. A row of another order id is never ours; one that does not show its order id is reported as it is.
        """
        if question.gateway_ref is not None:
            rows = await self._rows(f"/api/payments/{quote(question.gateway_ref, safe='')}")
            ours = [row for row in rows if row.gateway_ref == question.gateway_ref] or rows
        else:
            rows = await self._rows(f"/api/payments/orderid/{quote(question.reference, safe='')}")
            ours = [row for row in rows if row.reference in {None, question.reference}]
        return min(ours, key=lambda row: _rank(row, question.expected), default=GatewayPayment(GatewayStatus.ABSENT))

    async def capture(self, request: CaptureRequest) -> CaptureAnswer:
        """Take the money for this signature. Never blindly repeated: a lost answer is for the next look-up to settle."""
        body = msgspec.json.encode({"signature": request.gateway_ref})
        failure = self._explicit(await self._request("confirm", "POST", "/purchase/confirm", body))
        return CaptureAnswer(failure, {"confirm": "declined" if failure else "accepted"})

    def refund_policy(self, captured: CapturedPayment, now: datetime) -> RefundPolicy:  # noqa: ARG002  every gateway's signature
        """Whole only, and done with a batch: see `cancel.TERMS`."""
        return cancel.TERMS

    def check_refund(self, request: RefundRequest) -> None:
        """Refuse a part, and an account: see `cancel.check`."""
        cancel.check(request)

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Ask for a cancel of the whole charge. Accepted is not done: Point3 works through cancels every 5 minutes."""
        cancel.check(request)
        failure = await self._cancel(request.gateway_ref)
        if failure is not None:
            failure = replace(failure, code=refusal_of(failure.raw_code))
        answer = "refused" if failure else "accepted"
        evidence = {"cancel": answer, "amount": request.amount.minor, "reason": request.reason}
        return RefundAnswer(is_done=False, failure=failure, evidence=evidence)

    async def void(self, question: PaymentQuery) -> Failure | None:
        """Cancel a payment that the buyer finished and we did not confirm. None as well when it is canceled already.

        Of one that we confirmed, the same call gives the money back: look up first. Without a signature nothing is called:
        only our confirm would move money, and there is none to send.
        """
        if question.gateway_ref is None:
            return None
        failure = await self._cancel(question.gateway_ref)
        if failure is not None and (await self.fetch_payment(question)).status in _CLOSED:
            return None
        return failure

    async def payments_of_user(self, user_id: str) -> list[GatewayPayment]:
        """All payments of one `clientGeneratedUserId` (the path says `userId`, camel case: contract §9 trap 12)."""
        return await self._rows(f"/api/payments/userId/{quote(user_id, safe='')}")

    async def payments_between(
        self, start: datetime, end: datetime | None, page: int, count: int = 30
    ) -> list[GatewayPayment]:
        """One page of the payments of a period; pages start at 1. Times go out as 24-hour KST (contract §9 trap 5)."""
        until = _kst(end) if end else ""
        query = f"?startDate={_kst(start)}&endDate={until}&page={page}&count={count}"
        return await self._rows(f"/api/payments/date{query}")

    async def settlement(self) -> object:
        """The amount available for settlement as Point3 states it; refreshed there every 30 minutes."""
        return self._accepted(await self._request("settlement", "GET", "/api/settlement"))

    async def refresh_secret(self) -> str:
        """Have a new merchant secret issued. **The old one is dead at once**: store the answer before any other call.

        Raises GatewayTimeout when it may have happened: then only the vendor's dashboard has the secret.
        """
        answer = await self._request("refresh_secret", "POST", "/api/token/refresh")
        if max(answer[0], _code(*answer)) >= 500:
            raise GatewayTimeout(gateway=self.name)
        found = _secret_in(self._accepted(answer))
        if not found:
            raise GatewayTimeout(gateway=self.name)
        return found

    def parse_callback(self, fields: Mapping[str, str]) -> LookupHint:
        """The widget's signature."""
        return LookupHint(gateway_ref=fields.get("signature"))

    async def close(self) -> None:
        """Close the connection pool."""
        await self._http.close()

    async def _cancel(self, signature: str) -> Failure | None:
        """The one cancel that there is. Its body is not documented, so none is sent."""
        path = f"/api/payments/{quote(signature, safe='')}/cancel"
        return self._explicit(await self._request("cancel", "POST", path))

    async def _rows(self, path: str) -> list[GatewayPayment]:
        status, answer = await self._request("fetch_payment", "GET", path)
        if status == 404 or _code(status, answer) == 404:
            return []
        try:
            rows = rows_of(self._accepted((status, answer)))
        except ValueError as error:
            raise GatewayTimeout(gateway=self.name) from error
        return [gateway_payment_of(row, status_of(row.get("status"), self._aliases)) for row in rows]

    async def _request(self, operation: str, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        """One call. Returns the status and the decoded body; None for a body that is not JSON.

        Source: contract §2, the secret goes out verbatim after `Basic `, as issued.
        """
        headers = {"Authorization": f"Basic {self._settings.secret.get_secret_value()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = await self._http.request(operation, method, path, headers=headers, body=body)
        try:
            return answer.status, msgspec.json.decode(answer.body)
        except (ValueError, RecursionError):  # not JSON, not UTF-8, or nested without end
            return answer.status, None

    def _accepted(self, answer: tuple[int, Any]) -> object:
        """The `result` of a success; the errors of the port for everything else.

        For calls that move no money only: a 5xx counts as unavailable, since repeating them is harmless.
        """
        status, body = answer
        code = _code(status, body)
        if code == 200:
            return body.get("result")
        if status >= 500 or status == 429 or code >= 500:
            raise GatewayUnavailable(gateway=self.name)
        if status == 200 and code == 0:
            raise GatewayTimeout(gateway=self.name)
        raise GatewayRefused(gateway=self.name, raw_code=str(code or status))

    def _explicit(self, answer: tuple[int, Any]) -> Failure | None:
        """None: an explicit yes. A Failure: an explicit no. Anything else leaves the outcome open and raises so."""
        status, body = answer
        code = _code(status, body)
        if code == 200:
            return None
        if status in DECLINES or (status == 200 and code in DECLINES):
            return Failure("declined", raw_code=str(code or status), message=_message(body))
        if status == 429:
            raise GatewayUnavailable(gateway=self.name)
        if status in {401, 403}:
            raise GatewayRefused(gateway=self.name, raw_code=str(status))
        raise GatewayTimeout(gateway=self.name)

    def _token_request(self, request: ChargeRequest) -> TokenRequest:
        if request.amount.currency != CURRENCY:
            raise InvalidRequest(
                ("currency", f"Point3 takes KRW only, got {request.amount.currency}; choose another gateway")
            )
        vat, without_vat = split_vat(request)
        return TokenRequest(
            client_generated_user_id=request.customer.id or f"guest{request.reference}",
            total_charge=request.amount.minor,
            order_id_from_client=request.reference,
            purchasing_product_name=request.order_name,
            tax_free_amount=without_vat,
            vat=vat,
            **self._options(request.options),
        )

    def _options(self, given: Mapping[str, object]) -> dict[str, str]:
        at = "gateway_options.point3"
        if unknown := sorted(set(given) - OPTIONS):
            raise InvalidRequest((f"{at}.{unknown[0]}", f"is not known; Point3 takes {', '.join(sorted(OPTIONS))}"))
        if wrong := sorted(name for name, value in given.items() if not isinstance(value, str)):
            raise InvalidRequest((f"{at}.{wrong[0]}", "must be a string"))
        allowed = self._settings.culture_expense_types
        options = {
            "culture_expense_type": allowed[0],
            "cash_receipt_type": self._settings.cash_receipt_type,
            "client_business_num": self._settings.client_business_num,
            "client_nickname": self._settings.client_nickname,
        } | {name: str(value) for name, value in given.items()}
        if options["culture_expense_type"] not in allowed:
            raise InvalidRequest((f"{at}.culture_expense_type", f"must be one of {', '.join(allowed)}"))
        if not re.fullmatch(r"[a-z]", options["cash_receipt_type"]):
            raise InvalidRequest((f"{at}.cash_receipt_type", "must be one lower-case letter"))
        if not re.fullmatch(r"[0-9]{10}", options["client_business_num"]):
            raise InvalidRequest((f"{at}.client_business_num", "must be ten digits without dashes"))
        nickname = options["client_nickname"]
        if not nickname.strip() or len(nickname) > 100 or not nickname.isprintable():
            raise InvalidRequest((f"{at}.client_nickname", "must be 1 to 100 printable characters"))
        return options


def _rank(row: GatewayPayment, expected: Money) -> tuple[int, bool]:
    return (_RANK.index(row.status) if row.status in _RANK else len(_RANK), row.amount != expected)


def _code(status: int, body: Any) -> int:
    """The envelope's code; 0 when the body is no envelope. HTTP 200 is a success only together with `statusCode` 200."""
    stated = body.get("statusCode") if isinstance(body, Mapping) else None
    if type(stated) is int and (status == 200 or stated != 200):
        return stated
    return 0


def _message(body: Any) -> str | None:
    message = body.get("message") if isinstance(body, Mapping) else None
    return message[:300] if isinstance(message, str) else None


def _secret_in(result: object) -> str | None:
    """The secret in a refresh's `result`, whose shape is not documented: the text itself, or the member named for one.

    The longest text is the last resort: losing the only copy would be worse, and a timestamp or a word is shorter.
    """
    texts = list(_texts("secret", result))
    named = [(name, text) for name, text in texts if re.search(r"secret|token|key", name, re.IGNORECASE)]
    return max((text for _, text in named or texts), key=len, default=None)


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for inner, each in value.items():
            yield from _texts(str(inner), each)


def _kst(moment: datetime) -> str:
    return quote(moment.astimezone(KST).strftime("%Y-%m-%dT%H:%M:%S"), safe="")
