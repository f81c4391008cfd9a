"""The shop's own name, logo and colour on its buyers' pages."""

from dataclasses import dataclass
from typing import Final

from app.setting_types import origin_of
from app.settings import Settings

READABLE: Final = 4.5
"""The least contrast of text with what it stands on. Source: WCAG 2.2 §1.4.3 (AA)."""


@dataclass(frozen=True, slots=True)
class Brand:
    """What the settings say of it; all None: the page is plain."""

    name: str | None
    logo_url: str | None
    color: str | None

    @classmethod
    def of(cls, settings: Settings) -> "Brand":
        """As it is set."""
        return cls(settings.brand_name, settings.brand_logo_url, settings.brand_color)

    @property
    def images(self) -> tuple[str, ...]:
        """Where the page may load a picture from, beside its own server."""
        return (origin_of(self.logo_url),) if self.logo_url else ()

    @property
    def css(self) -> str:
        """The page's tokens in the shop's colour: with white or black on it, whichever is readable, in every theme."""
        if self.color is None:
            return ""
        ink, shade = ("#ffffff", "#000000") if contrast_with_white(self.color) >= READABLE else ("#000000", "#ffffff")
        return (
            f":root {{ --brand: {self.color}; --brand-dark: color-mix(in srgb, {self.color} 86%, {shade}); "
            f"--on-brand: {ink}; --focus: var(--ink); }}\n"
        )


def contrast_with_white(color: str) -> float:
    """Of `#rrggbb`, from 1 to 21. The contrast with black is 21 over it. Source: WCAG 2.2, "relative luminance"."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 1.05 / (luminance + 0.05)
