"""PortOne V2's answers, and whether one says yes, no or nothing (portone-v2.md §1: errors are told by their `type`)."""

from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.gateways.facts import Told, read_told
from app.gateways.http import HttpAnswer
from app.gateways.portone_v2.codes import DECLINES, NAME, NOT_FOUND, PG_PROVIDER
from app.gateways.text import short
from app.gateways.values import Failure, Json

LONGEST_CODE = 100

T = TypeVar("T", bound=Told)


class Problem(msgspec.Struct, rename="camel", frozen=True):
    """An error in PortOne's own words. What people read may hold anything; `type` decides."""

    type: str
    message: Any = None
    pg_code: Any = None
    pg_message: Any = None


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A complete answer. `problem` is None for a success, and for a refusal that is not PortOne's."""

    status: int
    body: bytes
    problem: Problem | None
    damage: str | None = None
    """Which byte of it could not be read."""

    @classmethod
    def of(cls, answer: HttpAnswer) -> "ApiResponse":
        """Read an answer, whatever it is."""
        problem = _problem(answer.body) if answer.status >= 400 else None
        return cls(answer.status, answer.body, problem, answer.damage)

    @property
    def reason(self) -> str | None:
        """The error's `type`; None where PortOne names none."""
        return self.problem.type if self.problem else None

    @property
    def is_pg_word(self) -> bool:
        """Whether the payment company behind PortOne said no, and PortOne itself is well."""
        return self.status == 502 and self.reason == PG_PROVIDER

    @property
    def is_unknown(self) -> bool:
        """PortOne itself says that there is no such payment; a 404 of anybody in front of it is not that."""
        return self.status == 404 and self.reason == NOT_FOUND

    @property
    def is_explicit_no(self) -> bool:
        """PortOne names the reason why it did not do what was asked, and that is nothing about credentials or health.

        A 409 of another name may mean that the same call runs or has gone through. Statuses that the vendor does not
        document, such as 422, are no answer: they may speak of a repeated Idempotency-Key instead of the call.
        """
        if self.status == 409:
            return self.reason in DECLINES
        return self.is_pg_word or (self.status in {400, 404} and self.reason is not None)

    def accepted(self, shape: type[T]) -> T:
        """The body of a success; the errors of the port for everything else.

        For calls that move no money only: a 5xx counts as unavailable, since repeating them is harmless.
        """
        if self.status == 200:
            return self._read(shape)
        if self.status >= 500 or self.status == 429:
            raise GatewayUnavailable(gateway=NAME)
        if self.status < 300:
            raise GatewayTimeout(gateway=NAME)
        raise self._refused()

    def explicit(self, shape: type[T]) -> T | Failure:
        """The body of an explicit yes, or the Failure of an explicit no. Raises when neither was said: it is open."""
        if self.status == 200:
            return self._read(shape)
        if self.is_explicit_no:
            return self.failure()
        if self.status == 429:
            raise GatewayUnavailable(gateway=NAME)
        if self.status in {401, 403}:
            raise self._refused()
        raise GatewayTimeout(gateway=NAME)

    def failure(self) -> Failure:
        """The no, in PortOne's words."""
        problem = self.problem or Problem("")
        text = problem.pg_message if problem.type == PG_PROVIDER else None
        return Failure("declined", raw_code=problem.type[:LONGEST_CODE], message=short(text) or short(problem.message))

    def refusal(self) -> Json:
        """The no, as evidence."""
        told: Json = {"type": self.reason}
        pg_code = short(self.problem.pg_code) if self.problem else None
        return told | ({"pg_code": pg_code} if pg_code else {})

    def _read(self, shape: type[T]) -> T:
        try:
            return read_told(self.body, shape)
        except ValueError:  # not JSON, no object, or without what must be there
            raise GatewayTimeout(gateway=NAME) from None

    def _refused(self) -> GatewayRefused:
        named = None if self.status in {401, 403} else self.reason
        return GatewayRefused(gateway=NAME, raw_code=(named or str(self.status))[:LONGEST_CODE])


def is_ill(answer: HttpAnswer) -> bool:
    """Whether an answer counts against PortOne's health: a payment company's no, passed on as 502, does not."""
    return answer.status == 429 or (answer.status >= 500 and not ApiResponse.of(answer).is_pg_word)


def _problem(body: bytes) -> Problem | None:
    try:
        return msgspec.json.decode(body, type=Problem)
    except (ValueError, RecursionError):
        return None
