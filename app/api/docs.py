"""`/docs`: Swagger UI over our document, with try-it-out. Its files are here, and the page may load no others."""

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from app.paths import TEMPLATES

router = APIRouter(include_in_schema=False)

_PAGE = (TEMPLATES / "docs.html").read_bytes()
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Content-Language": "en",
}


@router.get("/")
async def show_root() -> Response:
    """Somebody who tries the address finds the API's reference."""
    return RedirectResponse("/docs", 307)


@router.get("/docs")
async def show_docs() -> Response:
    """The page; the calls that it makes go to this origin alone."""
    return HTMLResponse(_PAGE, headers=_HEADERS)
