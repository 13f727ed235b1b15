"""Light and dark from the same twelve colour tokens, and the one style sheet made of them."""

import logging
from dataclasses import dataclass
from functools import cache

from PySide6.QtCore import QLoggingCategory, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

import resources
from app import paths

_log = logging.getLogger(__name__)

# Distances between things, in device-independent pixels.
TIGHT, SMALL, MEDIUM, LARGE, WIDE = 4, 8, 12, 16, 24


@dataclass(frozen=True)
class Tokens:
    """The colours; everything on screen is one of these or a codebook's colour.

    Text on `window`, `surface` and `raised` has a contrast of at least 4.5:1 for `text`, `muted`, `accent`,
    `good`, `warning` and `bad` (a test computes it).
    """

    window: str
    surface: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selection: str
    good: str
    warning: str
    bad: str


LIGHT = Tokens(
    window="#f4f5f7",
    surface="#ffffff",
    raised="#eceef2",
    line="#d3d7de",
    text="#1b1f27",
    muted="#555d6b",
    accent="#1d5fbf",
    on_accent="#ffffff",
    selection="#d5e4fb",
    good="#1d6b3e",
    warning="#85500a",
    bad="#b3261e",
)

DARK = Tokens(
    window="#15181e",
    surface="#1d2129",
    raised="#272c36",
    line="#3a414e",
    text="#e8eaef",
    muted="#a6aebc",
    accent="#84b4ff",
    on_accent="#0d1626",
    selection="#2c4468",
    good="#74d69b",
    warning="#f0bd6a",
    bad="#ff9d94",
)

# Noto has all thirteen scripts; where it is missing, Qt looks further by itself.
_FAMILIES = [
    "Inter",
    "Noto Sans",
    "Segoe UI",
    "Helvetica Neue",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans CJK KR",
    "Noto Color Emoji",
]

_chosen = "system"


def is_dark() -> bool:
    """Tell whether the dark colours are in use."""
    if _chosen != "system":
        return _chosen == "dark"
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def tokens() -> Tokens:
    """Return the colours in use."""
    return DARK if is_dark() else LIGHT


def apply(choice: str) -> None:
    """Use a choice (system, light, dark) for the whole program, at once."""
    global _chosen
    _chosen = choice
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    # Qt tells of each family that cannot shape a script, on its way to the one that can.
    QLoggingCategory.setFilterRules("qt.text.font.db.info=false")
    application.setStyle("Fusion")
    font = QFont()
    font.setFamilies(_FAMILIES)
    font.setPointSizeF(10.5)
    application.setFont(font)
    application.setPalette(_palette(tokens()))
    application.setStyleSheet(style_sheet(tokens()))


def icon(name: str, colour: str = "") -> QIcon:
    """Return an icon of the program in a colour (the text's where none is given)."""
    data = resources.icon_bytes(name, colour or tokens().text)
    found = QIcon()
    for size in (16, 24, 32, 48, 64):
        pixmap = QPixmap()
        pixmap.loadFromData(_scaled(data, size), "SVG")
        found.addPixmap(pixmap)
    return found


def _scaled(svg: bytes, size: int) -> bytes:
    return svg.replace(b'width="24"', f'width="{size}"'.encode()).replace(
        b'height="24"', f'height="{size}"'.encode()
    )


def _arrow(direction: str, colour: str) -> str:
    """Return the style sheet's words for an arrow (down, up) or a tick: it can show images from files only."""
    points = {"down": "M3 6l5 5 5-5", "up": "M3 10l5-5 5 5", "tick": "M3 8l4 4 6-8"}[direction]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">'
        f'<path d="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round"/></svg>'
    )
    path = paths.cache_folder() / "theme" / f"{direction}-{colour.removeprefix('#')}.svg"
    try:
        if not path.is_file() or path.read_text(encoding="utf-8") != svg:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(svg, encoding="utf-8")
    except OSError as error:
        _log.warning("The arrows of the window cannot be written: %s", error)
        return ""
    return f'image: url("{path.as_posix()}");'


def leaf_colour(colour: str) -> QColor:
    """Return a codebook's colour, lightened or darkened until it has a contrast of 3:1 on every ground."""
    return QColor(_seen(colour or tokens().muted, is_dark()))


@cache
def _seen(colour: str, dark: bool) -> str:
    found = QColor(colour)
    hue, saturation, light = max(found.hslHueF(), 0.0), found.hslSaturationF(), found.lightnessF()
    if dark and light < 0.6:
        # Colours made for paper are too full on a dark ground.
        saturation, light = saturation * 0.85, 0.68
        found.setHslF(hue, saturation, light)
    t = DARK if dark else LIGHT
    while min(contrast(found, QColor(ground)) for ground in (t.window, t.surface, t.raised)) < 3.0:
        light += 0.02 if dark else -0.02
        found.setHslF(hue, saturation, min(1.0, max(0.0, light)))
    return found.name()


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast of two colours, 1 to 21, after WCAG 2 (https://www.w3.org/TR/WCAG22/)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _palette(t: Tokens) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in (
        (role.Window, t.window),
        (role.WindowText, t.text),
        (role.Base, t.surface),
        (role.AlternateBase, t.window),
        (role.Text, t.text),
        (role.PlaceholderText, t.muted),
        (role.Button, t.raised),
        (role.ButtonText, t.text),
        (role.ToolTipBase, t.raised),
        (role.ToolTipText, t.text),
        (role.Highlight, t.selection),
        (role.HighlightedText, t.text),
        (role.Link, t.accent),
        (role.Mid, t.line),
        (role.Midlight, t.line),
        (role.Dark, t.line),
        (role.Light, t.raised),
        (role.BrightText, t.bad),
    ):
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(t.muted))
    return palette


def style_sheet(t: Tokens) -> str:
    """Return the style sheet for a set of colours."""
    return f"""
QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.line}; padding: 4px 8px; }}
QMainWindow::separator {{ background: {t.line}; width: 1px; height: 1px; }}
QMenuBar {{ background: {t.window}; }}
QMenu {{ background: {t.surface}; border: 1px solid {t.line}; padding: 4px; }}
QMenu::item {{ padding: 4px 24px 4px 16px; border-radius: 4px; }}
QMenu::item:selected {{ background: {t.selection}; color: {t.text}; }}
QMenu::item:disabled {{ color: {t.muted}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: 4px 8px; }}
QPushButton {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 6px; padding: 6px 16px; }}
QPushButton:hover {{ background: {t.raised}; }}
QPushButton:pressed {{ background: {t.selection}; }}
QPushButton:focus {{ border: 2px solid {t.accent}; padding: 5px 15px; }}
QPushButton:disabled {{ color: {t.muted}; background: {t.window}; }}
QPushButton[primary="true"] {{ background: {t.accent}; color: {t.on_accent}; border-color: {t.accent};
    font-weight: 600; }}
QPushButton[primary="true"]:hover {{ border-color: {t.text}; }}
QPushButton[primary="true"]:disabled {{ background: {t.raised}; color: {t.muted}; border-color: {t.line}; }}
QToolButton {{ border: 1px solid transparent; border-radius: 6px; padding: 4px 8px; }}
QToolButton:hover {{ background: {t.raised}; }}
QToolButton:focus {{ border-color: {t.accent}; }}
QToolButton:checked {{ background: {t.selection}; }}
QToolButton::menu-indicator {{ image: none; width: 0; }}
QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ background: {t.surface};
    border: 1px solid {t.line}; border-radius: 6px; padding: 5px 8px; selection-background-color: {t.selection};
    selection-color: {t.text}; }}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {{
    border-color: {t.accent}; }}
QComboBox::drop-down {{ border: 0; width: 28px; }}
QComboBox::down-arrow {{ {_arrow("down", t.muted)} width: 12px; height: 12px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: 0; background: transparent; width: 24px; }}
QAbstractSpinBox::up-arrow {{ {_arrow("up", t.muted)} width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ {_arrow("down", t.muted)} width: 10px; height: 10px; }}
QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {t.line}; }}
QSlider::handle:horizontal {{ width: 16px; margin: -6px 0; border-radius: 8px; background: {t.accent}; }}
QSlider::handle:horizontal:focus {{ background: {t.text}; }}
QComboBox QAbstractItemView {{ background: {t.surface}; border: 1px solid {t.line}; }}
QTabBar {{ background: transparent; }}
QTabBar::tab {{ background: transparent; color: {t.muted}; border: 0; border-bottom: 2px solid transparent;
    padding: 6px 4px; margin-right: 20px; font-weight: 600; }}
QTabBar::tab:hover {{ color: {t.text}; }}
QTabBar::tab:selected {{ color: {t.text}; border-bottom-color: {t.accent}; }}
QTabBar::tab:focus {{ color: {t.accent}; }}
QProgressBar {{ background: {t.raised}; border: 0; border-radius: 4px; min-height: 8px; max-height: 8px;
    text-align: center; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 4px; }}
QTableView, QTableWidget, QListView, QListWidget, QTreeView {{ background: {t.surface};
    border: 1px solid {t.line}; border-radius: 6px; gridline-color: {t.line};
    alternate-background-color: {t.window}; selection-background-color: {t.selection};
    selection-color: {t.text}; }}
QListWidget::item {{ padding: 6px 8px; border-radius: 4px; }}
QListWidget::item:hover {{ background: {t.raised}; }}
QListWidget::item:selected {{ background: {t.selection}; color: {t.text}; }}
QTableView::item {{ padding: 0 5px; border: 0; }}
QCheckBox::indicator, QTableView::indicator, QListView::indicator {{ width: 14px; height: 14px;
    border: 1px solid {t.muted}; border-radius: 3px; background: {t.surface}; }}
QCheckBox::indicator:checked, QTableView::indicator:checked, QListView::indicator:checked {{ border-color: {t.accent};
    background: {t.accent}; {_arrow("tick", t.on_accent)} }}
QCheckBox::indicator:focus {{ border-color: {t.accent}; }}
QCheckBox::indicator:checked:disabled {{ border-color: {t.muted}; background: {t.muted};
    {_arrow("tick", t.window)} }}
QRadioButton::indicator {{ width: 14px; height: 14px; border: 1px solid {t.muted}; border-radius: 8px;
    background: {t.surface}; }}
QRadioButton::indicator:checked {{ width: 6px; height: 6px; border: 5px solid {t.accent};
    background: {t.on_accent}; }}
QRadioButton::indicator:focus {{ border-color: {t.accent}; }}
QHeaderView {{ background: {t.surface}; border: 0; border-bottom: 1px solid {t.line}; }}
QHeaderView::section {{ background: {t.surface}; color: {t.muted}; border: 0; border-bottom: 1px solid {t.line};
    padding: 6px 8px; font-weight: 600; }}
QScrollArea {{ border: 0; background: transparent; }}
QScrollArea > QWidget > QWidget {{ background: transparent; }}
QScrollBar {{ background: transparent; border: 0; margin: 0; }}
QScrollBar:vertical {{ width: 10px; }}
QScrollBar:horizontal {{ height: 10px; }}
QScrollBar::handle {{ background: {t.line}; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:hover {{ background: {t.muted}; }}
QScrollBar::handle:vertical {{ min-height: 32px; }}
QScrollBar::handle:horizontal {{ min-width: 32px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QStatusBar {{ background: {t.window}; color: {t.muted}; }}
QDockWidget {{ color: {t.text}; }}
QDockWidget::title {{ background: {t.window}; padding: 8px 12px; font-weight: 600; }}
QGroupBox {{ border: 1px solid {t.line}; border-radius: 6px; margin-top: 12px; padding-top: 8px; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 12px; padding: 0 4px; color: {t.muted}; }}
QLabel[role="title"] {{ font-size: 18pt; font-weight: 600; }}
QLabel[role="heading"] {{ font-size: 12pt; font-weight: 600; }}
QLabel[role="muted"] {{ color: {t.muted}; }}
QLabel[role="good"] {{ color: {t.good}; }}
QLabel[role="warning"] {{ color: {t.warning}; }}
QLabel[role="bad"] {{ color: {t.bad}; }}
QLabel[role="badge"] {{ background: {t.raised}; border: 1px solid {t.muted}; border-radius: 4px; padding: 1px 8px;
    font-weight: 600; }}
QFrame[role="card"], QFrame#card {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 8px; }}
QFrame[role="context"] {{ background: transparent; border: 1px solid {t.line}; border-radius: 8px; }}
QToolButton[role="quiet"] {{ color: {t.muted}; }}
QFrame#notice {{ background: {t.surface}; border: 1px solid {t.line}; border-radius: 6px; }}
QFrame#notice[tone="good"] {{ border-left: 4px solid {t.good}; }}
QFrame#notice[tone="warning"] {{ border-left: 4px solid {t.warning}; }}
QFrame#notice[tone="error"] {{ border-left: 4px solid {t.bad}; }}
QFrame#notice[tone="info"] {{ border-left: 4px solid {t.accent}; }}
QFrame#rail {{ background: {t.window}; border: 0; border-right: 1px solid {t.line}; }}
QFrame#rail QToolButton {{ text-align: left; padding: 8px 12px; font-weight: 500; }}
QFrame#rail QToolButton:checked {{ background: {t.selection}; font-weight: 600; }}
QFrame#job_strip {{ background: {t.surface}; border: 0; border-top: 1px solid {t.line}; }}
"""
