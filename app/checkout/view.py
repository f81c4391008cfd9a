"""What the checkout page shows and the policy that fences it. Values in, strings out; no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from app.checkout.ways import WayToPay
from app.domain.language import Language
from app.gateways.values import PageSources

# A return_url may be an app's own scheme (`myshop://done`), but never one that would run in this page.
_SCRIPT_SCHEMES: Final = frozenset({"javascript", "data", "vbscript", "blob", "filesystem", "about"})
# Failure codes of an attempt whose window never opened: nothing was declined.
_NOT_OPENED: Final = frozenset({"never_opened", "gateway_unavailable", "gateway_timeout", "gateway_refused"})


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of the order, as the buyer reads it; `amount_text` is for all of its quantity."""

    name: str
    quantity: int
    amount_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutView:
    """All that `templates/checkout.html` reads. Built per request: it carries the client token and a fresh nonce."""

    lang: Language
    texts: Mapping[str, str]
    nonce: str
    payment_id: str
    order_name: str
    amount_text: str
    items: Sequence["OrderLine"] = ()
    status: str
    client_token: str
    gateway: str
    """Where the newest attempt is; `gateways` are all where the buyer may pay."""
    gateways: Sequence[WayToPay] = ()
    choices: Sequence[WayToPay] = ()
    """What he is asked to choose among before the first window opens; see `to_choose`."""
    attempt_id: str
    seen: bool = False
    """Whether this browser has opened the payment before."""
    next_action: Mapping[str, object] | None = None
    return_url: str | None = None
    last_failure: Mapping[str, object] | None = None
    mismatch: str | None = None
    """Set where the newest attempt's money was not this order's."""
    captured_ref: str = ""
    """The gateway's own name of what was paid: an app around the page is told it."""
    deposit: Mapping[str, object] | None = None
    """Where the newest attempt waits for the buyer's transfer: bank, number, holder, expires_at."""
    expires_at: str | None = None

    @property
    def state(self) -> str:
        """The `data-state` of the first paint; `static/checkout/checkout.js` takes it from there."""
        if self.status == "processing":
            return "confirming"
        if self.status != "open":
            return self.status if f"{self.status}_heading" in self.texts else "review"
        if self.next_action is not None:
            return "choose" if self.choices else "paying"
        if self.mismatch is not None:
            return "mismatch"
        return "unopened" if self.decline is None else "declined"

    @property
    def decline(self) -> Mapping[str, object] | None:
        """`last_failure`, unless it only says that the payment window was never opened."""
        if self.last_failure is None or self.last_failure.get("code") in _NOT_OPENED:
            return None
        return self.last_failure

    @property
    def account(self) -> Mapping[str, object] | None:
        """The account as the first paint shows it; its end in UTC, until the script writes it in the buyer's time."""
        if self.deposit is None or self.status != "awaiting_deposit":
            return None
        return {**self.deposit, "until": self.deposit.get("expires_at")}

    @property
    def pay_link(self) -> str | None:
        """The gateway's own page, for a buyer whose browser does not run our script; None where it needs one."""
        action = self.next_action or {}
        return safe_link(str(action.get("url"))) if action.get("type") == "redirect" else None

    @property
    def return_link(self) -> str | None:
        """`return_url`, unless it is missing or its scheme could run as a script."""
        return safe_link(self.return_url)

    @property
    def data(self) -> dict[str, object]:
        """The page's JSON block; the template writes it with `tojson`, which escapes it for HTML."""
        return {
            "lang": self.lang,
            "texts": dict(self.texts),
            "payment_id": self.payment_id,
            "order_name": self.order_name,
            "amount_text": self.amount_text,
            "status": self.status,
            "client_token": self.client_token,
            "attempt_id": self.attempt_id,
            "seen": self.seen,
            "gateway": self.gateway,
            "gateways": [{"name": each.name, "title": each.title} for each in self.gateways],
            "choices": [each.name for each in self.choices],
            "next_action": None if self.next_action is None else dict(self.next_action),
            "return_url": self.return_link,
            "last_failure": None if self.decline is None else dict(self.decline),
            "mismatch": self.mismatch,
            "captured_ref": self.captured_ref,
            "deposit": None if self.deposit is None else dict(self.deposit),
            "expires_at": self.expires_at,
        }


def safe_link(url: str | None) -> str | None:
    """The shop's URL, unless it is missing or its scheme could run as a script."""
    return None if not url or urlsplit(url).scheme.lower() in _SCRIPT_SCHEMES | {""} else url


def content_security_policy(
    nonce: str, page: PageSources, frame_ancestors: Sequence[str], images: Sequence[str] = ()
) -> str:
    """Return the Content-Security-Policy of the checkout page; an empty list of sources means `'none'`.

    The nonce starts our one module script. `'self'` is there for the modules that it imports: by the HTML standard they
    inherit the nonce, but older WebKit web views do not pass it on. A third-party script comes from the present
    gateway's own origin only. Where that script opens card companies' and banks' pages, frames and forms may go to any
    https host, and its windows may carry styles of their own (inferred: no gateway publishes the hosts it uses).
    Raises ValueError for a source that would end or widen its directive.
    Source: W3C CSP Level 3 §6; docs/gateways/point3.md §7 (frame-src).
    """
    web = ("https:",) if page.opens_any_page else ()
    own = (*page.scripts, *web)
    styles = ("'unsafe-inline'",) if page.scripts else ()
    directives = (
        "default-src 'none'",
        f"script-src 'self' 'nonce-{_source(nonce)}'{_more(page.scripts)}",
        f"style-src 'self'{_more(styles)}",
        f"img-src 'self' data:{_more((*images, *own))}",
        f"connect-src 'self'{_more(own)}",
        f"frame-src {_sources((*page.frames, *own))}",
        f"frame-ancestors {_sources(frame_ancestors)}",
        "base-uri 'none'",
        f"form-action {_sources(own)}",
    )
    return "; ".join(directives)


def _more(values: Sequence[str]) -> str:
    return "".join(f" {_source(value)}" for value in values)


def _sources(values: Sequence[str]) -> str:
    return " ".join(map(_source, values)) or "'none'"


def _source(value: str) -> str:
    if not value or not value.isascii() or not value.isprintable() or any(mark in value for mark in " ;,"):
        raise ValueError(f"{value!r} is not a single Content-Security-Policy source")
    return value
