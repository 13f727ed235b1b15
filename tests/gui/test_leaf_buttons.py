"""The classes as buttons: every name can be read, also in a narrow window and with many classes."""

from itertools import pairwise

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.label_desk import LabelDesk
from app.gui.label_side import LabelSide
from app.gui.leaf_buttons import LeafButtons
from app.study.codebook import Codebook
from app.study.progress import Progress

NAMES = (
    "Economy", "Labour and employment", "Education", "Environment", "Energy", "Immigration and asylum policy",
    "Transportation", "Law and crime", "Social welfare", "Housing", "Domestic commerce", "Defence",
    "Technology", "Foreign trade", "International affairs", "Government operations", "Public lands", "Culture",
    "Health", "Agriculture", "Civil rights", "Sports", "Death notices", "Churches and religion", "Other",
    "Unrelated",
)  # fmt: skip


@pytest.fixture
def many() -> Codebook:
    """Return a codebook with 26 classes."""
    options = "".join(
        f'[[questions.options]]\ncode = "c{n}"\nname = "{name}"\nkey = "{chr(97 + n)}"\n'
        for n, name in enumerate(NAMES)
    )
    return Codebook.from_toml(f'start = "q"\n[[questions]]\ncode = "q"\nname = "Topic"\n{options}')


def _shown(leaves: LeafButtons) -> list[str]:
    QApplication.processEvents()
    return [" ".join(button.names_in(button.width())) for button in leaves.buttons.values()]


@pytest.mark.parametrize(("width", "in_a_row"), [(448, 2), (768, 4), (1500, 4)])
def test_the_names_of_few_classes_are_read(qtbot: QtBot, width: int, in_a_row: int) -> None:
    leaves = LeafButtons()
    qtbot.addWidget(leaves)
    codebook = Codebook.default()
    leaves.show_codebook(codebook)
    leaves.resize(width, 200)
    leaves.show()
    assert leaves.in_a_row == in_a_row
    assert _shown(leaves) == [leaf.name for leaf in codebook.leaves]


@pytest.mark.parametrize("width", [448, 768, 1500])
def test_the_names_of_many_classes_are_read_in_equal_buttons(
    qtbot: QtBot, many: Codebook, width: int
) -> None:
    leaves = LeafButtons()
    qtbot.addWidget(leaves)
    leaves.show_codebook(many)
    leaves.resize(width, leaves.full_height())
    leaves.show()
    assert _shown(leaves) == list(NAMES)
    assert max(b.width() for b in leaves.buttons.values()) - min(
        b.width() for b in leaves.buttons.values()
    ) < len(NAMES)


@pytest.mark.parametrize("size", [(448, 540), (768, 700)])
def test_many_classes_leave_the_tweet_half_of_the_page(
    qtbot: QtBot, many: Codebook, size: tuple[int, int]
) -> None:
    desk = LabelDesk()
    qtbot.addWidget(desk)
    desk.leaves.show_codebook(many)
    desk.resize(*size)
    desk.show()
    QApplication.processEvents()
    assert desk._scroll.height() >= 0.4 * size[1]
    heights = {button.height() for button in desk.leaves.buttons.values()}
    assert heights == {desk.leaves.buttons["c0"].sizeHint().height()}, "buttons are squeezed"


@pytest.mark.parametrize("height", [560, 740, 1000])
def test_the_lists_at_the_side_do_not_overlap(qtbot: QtBot, many: Codebook, height: int) -> None:
    side = LabelSide()
    qtbot.addWidget(side)
    side.codebook.show_codebook(many)
    languages = dict.fromkeys(("ar", "de", "en", "es", "fr", "hi", "hu", "id", "it", "ko", "pl"), (1, 2))
    counts = dict.fromkeys(many.leaf_codes, 1)
    side.progress.show_progress(Progress(26, 100, counts, languages, 26), many.leaves, "Mia")
    side.resize(288, height)
    side.show()
    QApplication.processEvents()
    boxes = [
        QRect(scroll.mapTo(side, scroll.rect().topLeft()), scroll.size())
        for _, scroll, _ in side.progress._lists
    ]
    boxes.append(side.codebook.geometry())
    for one, other in pairwise(boxes):
        assert one.bottom() < other.top()
    assert side.codebook.height() > 0.25 * height
