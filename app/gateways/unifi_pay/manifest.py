"""LINE NEXT Unifi Pay (Classic): its settings and what it can do."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.port import Capability
from app.setting_types import HttpUrl


class UnifiPaySettings(GatewaySettings):
    """LINE NEXT Unifi Pay (Classic). The host is issued at onboarding; nobody publishes it."""

    base_url: Annotated[
        HttpUrl,
        Field(
            description="The host that LINE NEXT gave you; nobody publishes it.",
            examples=["https://from-line-next.example"],
        ),
    ]
    app_id: Annotated[
        str, Field(min_length=1, description="The app id, issued at onboarding.", examples=["from-line-next"])
    ]
    api_key: Annotated[
        SecretStr | None, Field(description="The API key, when one was issued.", examples=["from-line-next"])
    ] = None
    app_secret: Annotated[
        SecretStr, Field(description="The secret that signs every call.", examples=["from-line-next"])
    ]
    store_id: Annotated[
        str, Field(min_length=1, description="Your store, as you told LINE NEXT.", examples=["my-store"])
    ]
    sign_with: Annotated[
        Literal["api_key", "app_id"],
        Field(
            description="api_key or app_id: which of them stands in the signed text. The vendor's pages contradict each other."
        ),
    ] = "api_key"
    country: Annotated[
        str,
        Field(pattern=r"^[A-Z]{2}$", description="The buyer's country where an order names none, two letters."),
    ] = "KR"

    @model_validator(mode="after")
    def need_the_signing_id(self) -> Self:
        """Refuse to start when the id that is to be signed is missing."""
        if self.sign_with == "api_key" and self.api_key is None:
            raise ValueError("API_KEY is missing; set it, or SIGN_WITH=app_id if LINE NEXT says so")
        return self


def capabilities(_: UnifiPaySettings) -> Capability:
    """What every account can do.

    No `REOPEN`: a `requestId` is taken once, and used again it is refused (inferred). No `REFUND`: the vendor's page about it
    is an empty heading; money goes back by hand, in the vendor's console.
    """
    return Capability.WEBHOOKS


MANIFEST = Manifest(
    name="unifi_pay",
    title="Unifi Pay",
    settings=UnifiPaySettings,
    capabilities=capabilities,
    next_action="redirect",
    browser_fields={"transactionId": "Unifi Pay's id of the payment"},
    offered_as=("Unifi Pay, in dollars", "유니파이 페이 (달러)"),
    offered_in="USD",
    simulated={
        "base_url": "{base_url}",
        "app_id": "{app_id}",
        "api_key": "{api_key}",
        "app_secret": "{app_secret}",
        "store_id": "{store_id}",
    },
    at_compose="base URL http://simulator:8006, app id onetill-sim, API key f3248c3e-881c-42bd-abe7-1232023fe896, "
    "secret sim_unifi_app_secret, store store_sim",
)
