"""Point3: its settings and what it can do."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.port import Capability
from app.setting_types import HttpUrl, Origin, Pairs, split

Letter = Annotated[str, Field(pattern=r"^[a-z]$")]


class Point3Settings(GatewaySettings):
    """Point3's payment widget. The vendor prints no API host; `api.point3.io` is the documented guess of the contract."""

    base_url: Annotated[HttpUrl, Field(description="Point3's API.")] = "https://api.point3.io"
    secret: Annotated[SecretStr, Field(description="The secret that Point3 gave you.", examples=["from-point3"])]
    widget_origin: Annotated[Origin, Field(description="Where the payment widget comes from.")] = (
        "https://widget.point3.io"
    )
    client_business_num: Annotated[
        str,
        Field(
            pattern=r"^[0-9]{10}$",
            description="Your business registration number, ten digits.",
            examples=["1234567890"],
        ),
    ]
    client_nickname: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description="The shop's name that the buyer reads in the widget.",
            examples=["My shop"],
        ),
    ]
    look_up: Annotated[
        Literal["before", "after"],
        Field(
            description="before or after: whether a look-up answers before confirm. Leave it unless Point3 says otherwise."
        ),
    ] = "before"
    """The vendor does not say which; `after` confirms first, then looks, then refunds what does not match."""
    cash_receipt_type: Annotated[
        Letter, Field(description="Cash receipt where an order names none, one letter of Point3's list.")
    ] = "a"
    culture_expense_types: Annotated[list[Letter], BeforeValidator(split)] = Field(
        default_factory=lambda: [*"abcdf"],
        min_length=1,
        description="Culture expense types that an order may name, comma-separated letters of Point3's list.",
    )
    status_aliases: Pairs = Field(
        default_factory=dict,
        description="What Point3's unpublished status words mean, as VENDOR_WORD=MEANING pairs, comma-separated.",
        examples=["PAID=CONFIRMED"],
    )


def capabilities(account: Point3Settings) -> Capability:
    """What the account can do. Cancels are of the whole, and done with a batch; there are no webhooks."""
    can = Capability.REOPEN | Capability.CAPTURE | Capability.REFUND | Capability.ASYNC_REFUND | Capability.VOID
    return can | Capability.LOOKUP_BEFORE_CAPTURE if account.look_up == "before" else can


MANIFEST = Manifest(
    name="point3",
    title="Point3",
    settings=Point3Settings,
    capabilities=capabilities,
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
