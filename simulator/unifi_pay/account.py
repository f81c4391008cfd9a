"""The caller's account at the imitated Unifi Pay."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class UnifiPayAccount:
    """One caller ("PG" in the vendor's words). The values are worth nothing."""

    app_id: str = "onetill-sim"
    api_key: str = "f3248c3e-881c-42bd-abe7-1232023fe896"
    app_secret: str = "sim_unifi_app_secret"  # noqa: S105
    store_id: str = "store_sim"
    sign_with: Literal["api_key", "app_id"] = "api_key"
    """Whose text stands in the signed message; the vendor's documents contradict each other."""
    sign_callbacks: bool = True
    """Whether callbacks carry the three headers of a signature; the vendor's documents do not say."""
    timestamps: Literal["simulated", "real"] = "real"
    """Which clock signatures are made and checked by. With `simulated`, `/_sim/advance` makes the caller's signatures
    stale, as a wrong clock would; with `real` it moves intervals only, for callers whose own clock cannot be moved."""

    @property
    def signing_id(self) -> str:
        """The `ID` of the signed message."""
        return self.api_key if self.sign_with == "api_key" else self.app_id
