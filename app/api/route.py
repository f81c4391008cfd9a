"""The one extension of FastAPI: its documented `route_class`, which authenticates and then reads JSON strictly.

FastAPI reads a body before it asks any dependency who is calling. Here nobody unknown has a body read, and what reaches
FastAPI's own handler is JSON without doubled members. All else (dependencies, validation, the document) is FastAPI's.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.parsing import StrictRequest, refuse_doubled
from app.api.security import Requirement
from app.domain.errors import IdempotencyKeyMalformed
from app.idempotency.service import Answered

_RETRY_AFTER_S = "2"
"""How long a caller waits before asking again after what is not decided yet."""


class StrictRoute(APIRoute):
    """A path operation of the API: who calls, then the headers and the query, then the body, then FastAPI."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with those steps before it."""
        handle = super().get_route_handler()
        requirement = Requirement.of(self.dependant)
        has_query, has_body = bool(self.dependant.query_params), self.body_field is not None
        has_key = bool(self.dependant.header_params)

        async def answer(request: Request) -> Response:
            if requirement is not None:
                await requirement.admit(request)
            if has_key and len(request.headers.getlist("idempotency-key")) > 1:
                raise IdempotencyKeyMalformed()
            if has_query and request.scope["query_string"]:
                refuse_doubled(request.query_params.multi_items())
            if has_body:
                request = StrictRequest(request.scope, request.receive)
                await request.json()
            return await handle(request)

        return answer


def check_credentials(app: FastAPI) -> set[str]:
    """The first parts of the paths that take a credential.

    Raises ValueError for a path operation with a credential that is not asked for before the body is read. That is one on
    another route class, or one whose credential was given to `include_router`.
    """
    keyed = set()
    for route in iter_route_contexts(app.routes):
        if isinstance(made := route.original_route, APIRoute):
            asked_for = Requirement.of(made.dependant) if isinstance(made, StrictRoute) else None
            if Requirement.of(route.dependant) != asked_for:
                raise ValueError(f"{route.path} takes a credential that no StrictRoute asks for; name it on the route")
            if asked_for is not None:
                keyed.add(made.path_format.split("/")[1])
    return keyed


class Answer(Response):
    """Ready JSON."""

    media_type = "application/json"

    def __init__(self, content: bytes, status_code: int = 200) -> None:
        super().__init__(content, status_code)
        if status_code == 202:
            self.headers["Retry-After"] = _RETRY_AFTER_S

    @classmethod
    def of(cls, answered: Answered) -> "Answer":
        """The answer to a call with an Idempotency-Key; it says so when it is the stored one of an earlier call."""
        answer = cls(answered.body, answered.status)
        if answered.is_replay:
            answer.headers["Idempotency-Replayed"] = "true"
        return answer
