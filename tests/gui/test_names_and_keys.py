"""What the window tells of its keys and to screen readers, page by page."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.gui.main_window import MainWindow
from app.gui.notice import Notice, Tone
from app.settings import Settings
from app.study.study import Study

Settled = Callable[[], None]
PAGES = ["study", "tweets", "label", "review", "train", "models", "classify", "results"]
USED = (QAbstractButton, QComboBox, QLineEdit, QAbstractItemView, QAbstractSpinBox)
# A letter after "&" in a text, but for "&&".
MNEMONIC = re.compile(r"(?<!&)&(\w)")


@pytest.fixture
def at_work(qtbot: QtBot, study: Study, settled: Settled) -> Iterator[MainWindow]:
    """Return the window with a study of sample tweets, half of them labelled."""
    found = MainWindow(Settings(recent_studies=[], coder="Mia"))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    path = study.path
    study.close()
    assert found.open_study(path)
    settled()
    yield found
    assert found.close_study()


def _unfold(page: QWidget) -> None:
    """Show what a page has but does not show at first."""
    for button in page.findChildren(QAbstractButton):
        if button.isCheckable() and button.text() in ("Advanced", "Details"):
            button.setChecked(True)
    stack = getattr(getattr(page, "models", page), "stack", None)
    if stack is not None:
        # The page as it is with a model, a job and its outcome.
        stack.setCurrentIndex(1 if stack.count() == 2 else 0)
    for name in ("panel", "retry", "results", "use_settings", "confidence"):
        part = getattr(page, name, None)
        if isinstance(part, QWidget):
            part.show()


def _used(window: MainWindow) -> list[QWidget]:
    found = [w for w in window.findChildren(QWidget) if isinstance(w, USED) and w.isVisible()]
    return [
        w
        for w in found
        if not w.objectName().startswith("qt_")
        and not isinstance(w, QHeaderView)
        and not isinstance(w.parent(), QComboBox | QLineEdit | QAbstractSpinBox | QAbstractScrollArea)
    ]


@pytest.mark.parametrize("key", PAGES)
def test_everything_that_can_be_used_has_a_name_and_a_tooltip(
    at_work: MainWindow, settled: Settled, key: str
) -> None:
    assert at_work.area is not None
    at_work.area.show_page(key)
    page = at_work.area.current
    for notice in page.findChildren(Notice):
        notice.tell(Tone.INFO, "Told.", detail="More.")
    _unfold(page)
    settled()
    found = _used(at_work)
    assert found
    for widget in found:
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        name = widget.accessibleName() or text
        assert name, f"{widget} on {key} has no name"
        # The tweets' own cells tell of themselves.
        assert widget.toolTip() or isinstance(widget, QTableView), f"“{name}” on {key} has no tooltip"


@pytest.mark.parametrize("key", PAGES)
def test_no_letter_opens_two_things(at_work: MainWindow, settled: Settled, key: str) -> None:
    assert at_work.area is not None
    at_work.area.show_page(key)
    _unfold(at_work.area.current)
    settled()
    texts = [action.text() for action in at_work.menuBar().actions()]
    texts += [w.text() for w in _used(at_work) if isinstance(w, QAbstractButton)]
    labels = at_work.area.current.findChildren(QLabel)
    texts += [label.text() for label in labels if label.isVisible() and label.buddy() is not None]
    letters = Counter(found.group(1).lower() for text in texts if (found := MNEMONIC.search(text)))
    assert [letter for letter, times in letters.items() if times > 1] == []


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("train", ["Ctrl+Return", "Start training"]),
        ("classify", ["Ctrl+Return", "Start classifying"]),
        ("classify", ["Ctrl+.", "Stop the job"]),
        ("results", ["Ctrl+Return", "Evaluate"]),
    ],
)
def test_the_list_of_keys_has_those_of_the_page(at_work: MainWindow, key: str, row: list[str]) -> None:
    assert at_work.area is not None
    at_work.area.show_page(key)
    dialog = at_work.show_keys()
    of_page, everywhere = (table.texts() for table in dialog.tables)
    assert row in of_page
    assert ["Ctrl+Alt+2", "Theme: Light"] in everywhere
    dialog.close_button.click()
    assert not dialog.isVisible()


def test_the_smallest_window_shows_whole_languages_on_train(at_work: MainWindow, settled: Settled) -> None:
    at_work.resize(960, 640)
    assert at_work.area is not None
    at_work.area.show_page("train")
    settled()
    table = at_work.area.page("train").form.languages  # type: ignore[attr-defined]
    widest = max(table.fontMetrics().horizontalAdvance(row[0]) for row in table.texts())
    assert table.columnWidth(0) > widest + 24
