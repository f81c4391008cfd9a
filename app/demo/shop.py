"""A small shop on a server of its own: it shows how a merchant uses Onetill with three calls, and nothing else."""

from dataclasses import dataclass
from uuid import uuid4

import httpx
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.checkout.view import format_amount
from app.domain.currencies import EXPONENT
from app.domain.language import pick_language
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
        return self.cents if currency == "USD" else self.won


@dataclass(frozen=True, slots=True)
class Way:
    """A way to pay that the shop offers: a gateway of ours, or None for "let Onetill choose"."""

    gateway: str | None
    label: str
    label_ko: str
    currency: str = "KRW"


WAYS = {
    "auto": Way(None, "Let Onetill choose", "자동 선택"),
    "point3": Way("point3", "Point3", "Point3"),
    "portone_v1": Way("portone_v1", "Paymentwall (PortOne V1), in dollars", "페이먼트월 (포트원 V1, 달러)", "USD"),
    "portone_v2": Way("portone_v2", "Card (PortOne V2)", "카드 (포트원 V2)"),
    "unifi_pay": Way("unifi_pay", "Unifi Pay, in dollars", "유니파이 페이 (달러)", "USD"),
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


def create_shop(api: str, api_key: str, url: str) -> Starlette:
    """The shop's ASGI app. It keeps no database: the order page asks Onetill for the payment of the order."""
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    headers = {"Authorization": f"Bearer {api_key}"}

    def language(request: Request) -> str:
        chosen = request.query_params.get("lang")
        return chosen if chosen in {"en", "ko"} else pick_language(request.headers.get("accept-language"))

    def page(request: Request, template: str, **context: object) -> Response:
        return HTMLResponse(templates.get_template(template).render(lang=language(request), **context))

    async def index(request: Request) -> Response:
        lang = language(request)
        goods = [
            {
                "id": product.id,
                "name": product.name_ko if lang == "ko" else product.name,
                "note": product.note_ko if lang == "ko" else product.note,
                "amount_text": f"{format_amount(product.won, 'KRW', 0)} · {format_amount(product.cents, 'USD', 2)}",
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
        async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30) as client:
            answer = await client.post("/payments", json=body, headers={"Idempotency-Key": order_id})
        if answer.status_code != 201:
            return JSONResponse(answer.json(), answer.status_code)
        return RedirectResponse(answer.json()["checkout_url"], 303)

    async def order(request: Request) -> Response:
        order_id = request.path_params["order_id"]
        async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30) as client:
            answer = await client.get("/payments", params={"order_id": order_id, "limit": 1})
        found = answer.json().get("data") if answer.status_code == 200 else None
        if not found:
            return RedirectResponse("/", 303)
        payment = found[0]
        shown = {
            "order_id": order_id,
            "order_name": payment["order_name"],
            "amount_text": format_amount(payment["amount"], payment["currency"], EXPONENT[payment["currency"]]),
            "status": payment["status"],
            "payment_id": payment["id"],
            "checkout_url": payment["checkout_url"],
        }
        return page(request, "shop/order.html", order=shown)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/", index),
            Route("/buy", buy, methods=["POST"]),
            Route("/orders/{order_id}", order),
            Route("/healthz", healthz),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
    )
