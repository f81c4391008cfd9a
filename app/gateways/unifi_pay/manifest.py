"""LINE NEXT Unifi Pay (Classic): its settings and what it can do."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.values import Capability
from app.setting_types import HttpUrl, Pairs


class UnifiPaySettings(GatewaySettings):
    """LINE NEXT Unifi Pay (Classic). The host is issued at onboarding; nobody publishes it."""

    base_url: HttpUrl = Field(examples=["https://from-line-next.example"])
    """The host that LINE NEXT gave you; nobody publishes it."""
    app_id: str = Field(min_length=1, examples=["from-line-next"])
    """The app id, issued at onboarding."""
    api_key: SecretStr | None = Field(None, examples=["from-line-next"])
    """The API key, when one was issued."""
    app_secret: SecretStr = Field(examples=["from-line-next"])
    """The secret that signs every call."""
    store_id: str = Field(min_length=1, examples=["my-store"])
    """Your store, as you told LINE NEXT."""
    sign_with: Literal["api_key", "app_id"] = "api_key"
    """api_key or app_id: which of them stands in the signed text. The vendor's pages contradict each other."""
    country: str = Field("KR", pattern=r"^[A-Z]{2}$")
    """The buyer's country where an order names none, two letters."""
    status_aliases: Pairs = Field({}, examples=["STARTED=CREATED"])
    """What Unifi Pay's unpublished status words mean, as VENDOR_WORD=MEANING pairs, comma-separated."""

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
    identity=("app_id", "store_id"),
    next_action="redirect",
    browser_fields={"transactionId": "Unifi Pay's id of the payment"},
    offered_as=("Unifi Pay, in dollars", "유니파이 페이 (달러)"),
    known_as=("Unifi Pay", "유니파이 페이"),
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
    published=frozenset({"onetill-sim", "f3248c3e-881c-42bd-abe7-1232023fe896", "store_sim", "unifi-test-secret"}),
)
