"""A small shop on a server of its own: it shows how a merchant uses Onetill with a few calls, and nothing else."""

import re
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.checkout.amounts import format_amount
from app.domain.language import Language, pick_language
from app.gateways.registry import MANIFESTS
from app.http_client import open_client
from app.paths import STATIC, TEMPLATES


@dataclass(frozen=True, slots=True)
class Product:
    """Something to buy, in won, and in dollars for gateways that take nothing else."""

    id: str
    name: str
    name_ko: str
    note: str
    note_ko: str
    won: int
    cents: int

    def price(self, currency: str) -> int:
        """In minor units."""
        return self.won if currency == "KRW" else self.cents


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay that the shop offers: a gateway of ours, or None for "let Onetill choose"."""

    gateway: str | None
    label: str
    label_ko: str
    currency: str = "KRW"


WAYS = {
    "auto": Way(None, "Let Onetill choose", "자동 선택"),
    **{each.name: Way(each.name, *each.offered_as, each.offered_in) for each in MANIFESTS},
}


PRODUCTS = (
    Product("mug", "Ceramic mug", "도자기 머그컵", "Thrown by hand, 350 ml", "손으로 빚은 350ml", 24_000, 17_50),
    Product("notebook", "Linen notebook", "리넨 노트", "160 dotted pages", "도트 내지 160쪽", 12_000, 8_75),
    Product(
        "tote", "Canvas tote bag", "캔버스 토트백", "Carries a laptop and a lunch", "노트북과 도시락까지", 38_500, 28_00
    ),
)

BUYER = {
    "id": "demo-buyer",
    "name": "Minji Kim",
    "email": "minji.kim@shop.example",
    "phone": "010-5555-7788",
    "country": "KR",
}


_WHOLE = re.compile(r"[0-9]{1,16}")


class Refused(Exception):
    """Onetill has refused a call of the shop. `detail` says why, in the buyer's language."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def create_shop(api: str, api_key: str, url: str) -> Starlette:
    """The shop's ASGI app. It keeps no database: the order page asks Onetill for the payment of the order."""
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)

    def language(request: Request) -> Language:
        match request.query_params.get("lang"):
            case "en" | "ko" as chosen:
                return chosen
        return pick_language(request.headers.get("accept-language"))

    def page(request: Request, template: str, status: int = 200, **context: object) -> Response:
        return HTMLResponse(templates.get_template(template).render(lang=language(request), **context), status)

    def onetill(request: Request, timeout_s: float) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {api_key}", "Accept-Language": language(request)}
        return open_client(api, headers=headers, timeout_s=timeout_s)

    async def refused(request: Request, error: Exception) -> Response:
        """Whatever went wrong, in a page of the shop."""
        if isinstance(error, Refused):
            return page(request, "shop/problem.html", error.status, detail=error.detail)
        status = error.status_code if isinstance(error, HTTPException) else 502
        return page(request, "shop/problem.html", status, detail=None)

    async def index(request: Request) -> Response:
        lang = language(request)
        goods = [
            {
                "id": product.id,
                "name": product.name_ko if lang == "ko" else product.name,
                "note": product.note_ko if lang == "ko" else product.note,
                "amount_text": " · ".join(
                    format_amount(product.price(currency), currency, lang) for currency in ("KRW", "USD")
                ),
                "image": f"{product.id}.svg",
            }
            for product in PRODUCTS
        ]
        ways = [(name, way.label_ko if lang == "ko" else way.label) for name, way in WAYS.items()]
        return page(request, "shop/index.html", products=goods, ways=ways)

    async def buy(request: Request) -> Response:
        async with request.form() as form:
            wanted, way = form.get("product"), WAYS.get(str(form.get("way", "auto")))
        product = next((each for each in PRODUCTS if each.id == wanted), None)
        if product is None or way is None:
            return RedirectResponse("/", 303)
        order_id = f"demo-{uuid4().hex[:12]}"
        body = {
            "order_id": order_id,
            "order_name": product.name_ko if language(request) == "ko" else product.name,
            "amount": product.price(way.currency),
            "currency": way.currency,
            "gateway": way.gateway,
            "customer": BUYER,
            "return_url": f"{url}/orders/{order_id}",
        }
        async with onetill(request, 30) as client:
            payment = _good(await client.post("/payments", json=body, headers={"Idempotency-Key": order_id}))
        return RedirectResponse(payment["checkout_url"], 303)

    async def order(request: Request) -> Response:
        order_id = request.path_params["order_id"]
        async with onetill(request, 30) as client:
            payment = await _payment(client, order_id)
            if payment is None:
                return RedirectResponse("/", 303)
            staff = await _staff(client, payment, language(request)) if payment["captured_amount"] else None
        shown = {
            "order_id": order_id,
            "order_name": payment["order_name"],
            "amount_text": format_amount(payment["amount"], payment["currency"], language(request)),
            "status": payment["status"],
            "payment_id": payment["id"],
            "checkout_url": payment["checkout_url"],
        }
        return page(request, "shop/order.html", order=shown, staff=staff)

    async def give_back(request: Request) -> Response:
        """The shop's staff gives the money of an order back, all that is left or half of it."""
        order_id = request.path_params["order_id"]
        async with request.form() as form, onetill(request, 90) as client:
            payment = await _payment(client, order_id)
            left, number = str(form.get("left", "")), str(form.get("number", ""))
            if payment is None:
                return RedirectResponse("/", 303)
            if not (_WHOLE.fullmatch(left) and _WHOLE.fullmatch(number)):
                raise HTTPException(422)  # no form of ours
            body = {"reason": "Sent back by the buyer", "expected_refundable": int(left)}
            body |= {"amount": max(1, int(left) // 2)} if form.get("what") == "half" else {}
            # The page that was clicked names the refund, so a click that comes twice refunds once.
            key = {"Idempotency-Key": f"{payment['id']}-refund-{number}"}
            _good(await client.post(f"/payments/{payment['id']}/refunds", json=body, headers=key))
        return RedirectResponse(f"/orders/{order_id}", 303)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/", index),
            Route("/buy", buy, methods=["POST"]),
            Route("/orders/{order_id}", order),
            Route("/orders/{order_id}/refunds", give_back, methods=["POST"]),
            Route("/healthz", healthz),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={Refused: refused, HTTPException: refused, httpx2.HTTPError: refused},
    )


def _good(answer: httpx2.Response) -> dict[str, Any]:
    """The JSON of a good answer. Raises Refused for a problem."""
    told: dict[str, Any] = answer.json()
    if not answer.is_success:
        raise Refused(answer.status_code, told["detail"])
    return told


async def _payment(client: httpx2.AsyncClient, order_id: str) -> dict[str, Any] | None:
    """The newest payment of an order."""
    found = _good(await client.get("/payments", params={"order_id": order_id, "limit": 1}))["data"]
    return found[0] if found else None


async def _staff(client: httpx2.AsyncClient, payment: dict[str, Any], lang: Language) -> dict[str, Any]:
    """What the shop's staff sees of a paid order: what went back, and what can go back now, or why not."""
    path = f"/payments/{payment['id']}"
    options = _good(await client.get(f"{path}/refund-options"))
    refunds = _good(await client.get(f"{path}/refunds"))["data"]
    text = partial(format_amount, currency=payment["currency"], language=lang)
    return {
        "left": options["refundable_amount"],
        "left_text": text(options["refundable_amount"]),
        "half_text": text(max(1, options["refundable_amount"] // 2)),
        "whole": options["whole"],
        "part": options["part"],
        "next": len(refunds) + 1,
        "refunds": [{"amount_text": text(each["amount"]), "status": each["status"]} for each in refunds],
        "is_waiting": any(each["status"] in {"created", "unknown", "pending"} for each in refunds),
    }
