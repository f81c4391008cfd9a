"""`/problems/{code}`: the page behind every problem's `type`."""

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.api.problem_examples import example, example_text
from app.api.problems import PROBLEMS, problem
from app.domain.language import pick_language

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Vary": "Accept-Language",
}
"""For pages of documentation: no script at all, styles and icon from here."""

_WAY_OUT = {
    ("en", True): "Send the same request again later, with the same Idempotency-Key. Nothing happens twice.",
    ("en", False): "Sending the same request again will not help; change what the text above names.",
    ("ko", True): "나중에 같은 Idempotency-Key로 같은 요청을 다시 보내 주세요. 같은 일이 두 번 일어나지 않습니다.",
    ("ko", False): "같은 요청을 다시 보내도 결과는 같습니다. 위에서 말한 부분을 고쳐 주세요.",
}


def problem_pages(templates: Environment) -> Route:
    """The route of the pages, one per code, in the reader's language."""
    page = templates.get_template("problem.html")

    async def show(request: Request) -> Response:
        request.scope["path_kind"] = "/problems/{code}"
        code = request.path_params["code"]
        entry = PROBLEMS.get(code)
        if entry is None:
            return problem(request, "not_found", {})
        language = pick_language(request.headers.get("accept-language"))
        html = page.render(
            code=code,
            status=entry.status,
            title=entry.title_ko if language == "ko" else entry.title,
            explanation=example_text(code, language),
            way_out=_WAY_OUT[language, entry.retryable],
            example=msgspec.json.format(msgspec.json.encode(example(code, language)), indent=2).decode(),
            lang=language,
        )
        return HTMLResponse(html, headers=PAGE_HEADERS | {"Content-Language": language})

    return Route("/problems/{code}", show, include_in_schema=False)
