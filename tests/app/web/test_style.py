"""The stylesheet: small, two tiers of tokens, contrast that WCAG AA asks for."""

import gzip
import re
from pathlib import Path

import pytest

CSS = Path(__file__).parents[3] / "app/web/static/web/app.css"
TEXT = ("ink", "muted", "link", "up", "late", "down")
THEMES = ("light", "dark")


def tokens() -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): ([^;]+);", CSS.read_text("utf-8")))


def colour(name: str, theme: str) -> str:
    """Return the colour of a token of the second tier in one theme, as #rrggbb."""
    known = tokens()
    pair = re.fullmatch(r"light-dark\(var\(--([\w-]+)\), var\(--([\w-]+)\)\)", known[name])
    assert pair, f"--{name} has to be light-dark() of two tokens of the first tier"
    return known[pair[1 + THEMES.index(theme)]]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["canvas", "surface"])
@pytest.mark.parametrize("name", [*TEXT, "line"])
def test_every_colour_can_be_read_on_every_ground(name: str, ground: str, theme: str) -> None:
    least = 3.0 if name == "line" else 4.5
    assert contrast(colour(name, theme), colour(ground, theme)) >= least


def test_the_measure_of_contrast_is_the_known_one() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#ffffff", "#767676") == pytest.approx(4.54, abs=0.01)


def test_the_stylesheet_stays_small() -> None:
    assert CSS.stat().st_size <= 16_500
    assert len(gzip.compress(CSS.read_bytes())) <= 5_000


def test_colours_are_written_in_the_first_tier_only() -> None:
    rules = re.sub(r"--[a-z]+-\d+: #[0-9a-f]{6};|--white: #ffffff;", "", CSS.read_text("utf-8"))
    assert not re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", rules)


def test_nothing_foreign_is_loaded() -> None:
    assert "url(" not in CSS.read_text("utf-8")
    assert "@import" not in CSS.read_text("utf-8")
