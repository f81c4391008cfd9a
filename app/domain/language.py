"""Which of our two languages somebody reads."""

from typing import Literal

Language = Literal["en", "ko"]


def pick_language(accept_language: str | None) -> Language:
    """Korean when the Accept-Language header prefers it over English, else English (RFC 9110 §12.5.4)."""
    best: tuple[float, Language] = (0.0, "en")
    for part in (accept_language or "").split(",")[:20]:
        tag, _, parameters = part.strip().partition(";")
        try:
            quality = float(parameters.partition("q=")[2] or 1)
        except ValueError:
            continue
        primary = tag.split("-")[0].lower()
        if primary in {"ko", "en", "*"} and quality > best[0]:
            best = (quality, "ko" if primary == "ko" else "en")
    return best[1]
