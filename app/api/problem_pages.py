"""`/problems/{code}`: the page behind every problem's `type`."""

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from app.api.problem_examples import example, example_text
from app.api.problems import PROBLEMS
from app.domain.errors import NotFound
from app.domain.language import pick_language

router = APIRouter(include_in_schema=False)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Vary": "Accept-Language",
}
_WAY_OUT = {
    ("en", True): "Send the same request again later, with the same Idempotency-Key. Nothing happens twice.",
    ("en", False): "Sending the same request again will not help; change what the text above names.",
    ("ko", True): "나중에 같은 Idempotency-Key로 같은 요청을 다시 보내 주세요. 같은 일이 두 번 일어나지 않습니다.",
    ("ko", False): "같은 요청을 다시 보내도 결과는 같습니다. 위에서 말한 부분을 고쳐 주세요.",
}


@router.get("/problems/{code}")
async def show_problem(code: str, request: Request) -> Response:
    """One code, in the reader's language. Raises NotFound for a code that we do not have."""
    entry = PROBLEMS.get(code)
    if entry is None:
        raise NotFound()
    templates: Environment = request.app.state.templates
    language = pick_language(request.headers.get("accept-language"))
    html = templates.get_template("problem.html").render(
        code=code,
        status=entry.status,
        title=entry.title_ko if language == "ko" else entry.title,
        explanation=example_text(code, language),
        way_out=_WAY_OUT[language, entry.retryable],
        example=msgspec.json.format(msgspec.json.encode(example(code, language)), indent=2).decode(),
        lang=language,
    )
    return HTMLResponse(html, headers=_HEADERS | {"Content-Language": language})
