"""PortOne V1's answers: the envelope around every one, and whether it says yes, no or nothing (portone-v1.md §1)."""

from dataclasses import dataclass
from typing import Any

import msgspec

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.gateways.facts import NULL
from app.gateways.http import HttpAnswer
from app.gateways.portone_v1.codes import DECLINES, NAME, refusal_of
from app.gateways.text import short
from app.gateways.values import Failure


class Envelope(msgspec.Struct, frozen=True):
    """What stands around every answer. `code` 0 is success, whatever the HTTP status says besides 200."""

    code: int | None = None
    message: Any = None
    response: msgspec.Raw = NULL


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A complete answer; `envelope` is None where the body is none."""

    status: int
    envelope: Envelope | None
    damage: str | None = None
    """Which byte of it could not be read."""

    @classmethod
    def of(cls, answer: HttpAnswer) -> "ApiResponse":
        """Read an answer, whatever it is."""
        try:
            return cls(answer.status, msgspec.json.decode(answer.body, type=Envelope), answer.damage)
        except (ValueError, RecursionError):  # not JSON, no object, or nested without end
            return cls(answer.status, None, answer.damage)

    @property
    def code(self) -> int | None:
        """The envelope's code, None where there is none."""
        return self.envelope.code if self.envelope else None

    @property
    def is_success(self) -> bool:
        """HTTP 200 *and* code 0 (docs/gateways/portone-v1.md §1)."""
        return self.status == 200 and self.code == 0

    @property
    def is_unknown(self) -> bool:
        """The gateway itself says that there is no such thing; a 404 of a proxy in front of it is not that."""
        return self.status == 404 and self.envelope is not None and self.code != 0

    @property
    def is_explicit_no(self) -> bool:
        """PortOne's own envelope, saying no to this call and nothing about credentials or its health."""
        return self.code not in {None, 0} and (self.status == 200 or self.status in DECLINES)

    def accepted(self) -> msgspec.Raw:
        """The `response` of a success; the errors of the port for everything else.

        For calls that move no money only: a 5xx counts as unavailable, since repeating them is harmless.
        """
        if self.is_success and self.envelope is not None:
            return self.envelope.response
        if self.status >= 500 or self.status == 429:
            raise GatewayUnavailable(gateway=NAME)
        if 200 <= self.status < 300 and not self.is_explicit_no:
            raise GatewayTimeout(gateway=NAME)
        raise GatewayRefused(gateway=NAME, raw_code=str(self.code if self.is_explicit_no else self.status))

    def explicit(self) -> Failure | None:
        """None: an explicit yes. A Failure: an explicit no. Anything else leaves the outcome open and raises so.

        For cancels, the only call here that moves money; the failure's code is a `Refusal`.
        """
        if self.is_success:
            return None
        if self.is_explicit_no or self.status in DECLINES:
            raw_code = self.code if self.is_explicit_no else self.status
            return Failure(refusal_of(self.status), raw_code=str(raw_code), message=self._message())
        if self.status == 429:
            raise GatewayUnavailable(gateway=NAME)
        if self.status in {401, 403}:
            raise GatewayRefused(gateway=NAME, raw_code=str(self.status))
        raise GatewayTimeout(gateway=NAME)

    def _message(self) -> str | None:
        return short(self.envelope.message) if self.envelope else None
