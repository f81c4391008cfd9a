"""Point3: its settings and what it can do."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.values import Capability
from app.setting_types import HttpUrl, Origin, Pairs, split

Letter = Annotated[str, Field(pattern=r"^[a-z]$")]


class Point3Settings(GatewaySettings):
    """Point3's payment widget. The vendor prints no API host; `api.point3.io` is the guess of docs/gateways/point3.md §2."""

    base_url: HttpUrl = "https://api.point3.io"
    """Point3's API."""
    secret: SecretStr = Field(examples=["from-point3"])
    """The secret that Point3 gave you."""
    widget_origin: Origin = "https://widget.point3.io"
    """Where the payment widget comes from."""
    client_business_num: str = Field(pattern=r"^[0-9]{10}$", examples=["1234567890"])
    """Your business registration number, ten digits."""
    client_nickname: str = Field(min_length=1, max_length=100, examples=["My shop"])
    """The shop's name that the buyer reads in the widget."""
    look_up: Literal["before", "after"] = "before"  # `after`: capture, then look, then refund what does not match
    """before or after: whether a look-up answers before confirm. Leave it unless Point3 says otherwise."""
    cash_receipt_type: Letter = "a"
    """Cash receipt where an order names none, one letter of Point3's list."""
    culture_expense_types: Annotated[list[Letter], BeforeValidator(split)] = Field([*"abcdf"], min_length=1)
    """Culture expense types that an order may name, comma-separated letters of Point3's list."""
    status_aliases: Pairs = Field({}, examples=["PAID=CONFIRMED"])
    """What Point3's unpublished status words mean, as VENDOR_WORD=MEANING pairs, comma-separated."""


def capabilities(account: Point3Settings) -> Capability:
    """What the account can do. Cancels are of the whole, and done with a batch; there are no webhooks."""
    can = Capability.REOPEN | Capability.CAPTURE | Capability.REFUND | Capability.ASYNC_REFUND | Capability.VOID
    return can | Capability.LOOKUP_BEFORE_CAPTURE if account.look_up == "before" else can


MANIFEST = Manifest(
    name="point3",
    title="Point3",
    settings=Point3Settings,
    capabilities=capabilities,
    identity=("client_business_num",),
    next_action="point3_widget",
    browser_fields={"signature": "what its widget posted"},
    offered_as=("Point3", "Point3"),
    simulated={
        "base_url": "{base_url}",
        "secret": "{secret}",
        "widget_origin": "{base_url}",
        "client_business_num": "1234567890",
        "client_nickname": "Onetill demo shop",
    },
    at_compose="base URL http://simulator:8003, widget origin http://127.0.0.1:8003, secret sim_point3_secret, and any business "
    "number and nickname",
)
