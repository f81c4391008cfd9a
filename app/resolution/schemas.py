"""The body of a resolution."""

from typing import Annotated

from pydantic import Field

from app.api import patterns
from app.api.schemas import Input
from app.resolution.decisions import Action


class ResolvePayment(Input):
    """What a person decided, and why."""

    action: Annotated[
        Action,
        Field(
            strict=False,
            description="`accept` keeps the money, where a look-up shows the whole amount; `refund` sends back what the look-ups "
            "show; `close` ends the payment where they show none.",
        ),
    ]
    note: Annotated[
        str,
        Field(
            min_length=1,
            max_length=500,
            pattern=patterns.LINE,
            description="Why, and how you know. It stays in the audit trail for good, so no buyer's data.",
        ),
    ]
