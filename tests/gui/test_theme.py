"""The colours: readable in light and dark, alone and with a codebook's."""

import dataclasses

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

import resources
from app.gui import theme
from app.gui.theme import DARK, LIGHT, Tokens
from app.study.codebook import Codebook

BOTH = pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])


def _luminance(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str | QColor, other: str | QColor) -> float:
    """Return the contrast of two colours after WCAG 2, 1 to 21."""
    low, high = sorted((_luminance(QColor(one)), _luminance(QColor(other))))
    return (high + 0.05) / (low + 0.05)


@BOTH
@pytest.mark.parametrize("ground", ["window", "surface", "raised"])
@pytest.mark.parametrize("ink", ["text", "muted", "accent", "good", "warning", "bad"])
def test_text_is_readable(tokens: Tokens, ground: str, ink: str) -> None:
    assert contrast(getattr(tokens, ink), getattr(tokens, ground)) >= 4.5


@BOTH
def test_text_on_colour_is_readable(tokens: Tokens) -> None:
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5
    assert contrast(tokens.text, tokens.selection) >= 4.5


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_signs_of_classes_are_seen(choice: str) -> None:
    theme.apply(choice)
    colours = [leaf.colour for leaf in Codebook.default().leaves]
    # What a researcher may well choose: pale, full, white, black, yellow.
    for colour in [*colours, "#EBF0AE", "#22ff22", "#ffffff", "#000000", "#ffff00", "#0000ff", ""]:
        t = theme.tokens()
        for ground in (t.window, t.surface, t.raised):
            assert contrast(theme.leaf_colour(colour), ground) >= 3.0, colour


def test_a_choice_is_applied_to_the_whole_program(qapp: QApplication) -> None:
    for choice, tokens in (("dark", DARK), ("light", LIGHT)):
        theme.apply(choice)
        assert theme.is_dark() is (choice == "dark")
        assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(tokens.window)
        assert tokens.accent in qapp.styleSheet()


def test_every_icon_can_be_drawn() -> None:
    for name in resources.icon_names():
        icon = theme.icon(name)
        assert not icon.pixmap(24, 24).toImage().isNull()
        assert icon.pixmap(24, 24).toImage().hasAlphaChannel()


def test_tokens_are_colours() -> None:
    for tokens in (LIGHT, DARK):
        assert all(QColor(value).isValid() for value in dataclasses.asdict(tokens).values())
