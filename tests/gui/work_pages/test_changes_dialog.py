"""What a model changed against another: the counts, the tweets behind them, and the way to label them."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui.changes_dialog import ChangesDialog
from app.gui.notice import Tone
from app.study import models, predictions
from app.study.study import Study
from tests.gui.focus import activate

Settle = Callable[[Callable[[], bool]], None]
LEAVES = ["pro", "anti", "neutral", "unrelated"]


def predict(study: Study, name: str, said: list[int]) -> None:
    model = models.register(study, name, f"/{name}", name, LEAVES)
    probabilities = np.full((len(said), 4), 0.1, dtype=np.float32)
    probabilities[range(len(said)), said] = 0.7
    predictions.save(study, model.id, LEAVES, range(1, len(said) + 1), probabilities, "")


@pytest.fixture
def dialog(qtbot: QtBot, study: Study, settle: Settle) -> ChangesDialog:
    predict(study, "first", [0] * 10)
    predict(study, "second", [1, 1, 1, 2, 0, 0, 0, 0, 0, 0])
    shown = ChangesDialog(study, "second", "Ana", True)
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    activate(qtbot, shown)
    settle(lambda: len(shown.listed) == 4)
    return shown


def test_counts_and_tweets_are_shown(dialog: ChangesDialog, settle: Settle) -> None:
    assert dialog.older.currentText() == "first"
    assert "4 of 10 tweets (40.0 %)" in dialog.sum.text()
    assert dialog.pairs.texts() == [["all", "", "4"], ["Pro", "Anti", "3"], ["Pro", "Neutral", "1"]]
    dialog.pairs.selectRow(2)
    settle(lambda: len(dialog.listed) == 1)
    # Ana is blind to the label that came with the file.
    assert dialog.tweets.texts()[0][1:] == ["Pro", "Neutral", "–", "70.0 %"]


def test_the_chosen_tweets_go_to_the_label_page(qtbot: QtBot, dialog: ChangesDialog) -> None:
    assert dialog.chosen() == [1, 2, 3, 4]
    dialog.tweets.selectRow(1)
    assert "selected" in dialog.open_button.text()
    with qtbot.waitSignal(dialog.tweets_wanted) as wanted:
        qtbot.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert wanted.args == [[2], "Changed by “second”"]
    assert not dialog.isVisible()


@pytest.mark.parametrize("name", ["alone", "unknown"])
def test_without_two_models_it_says_what_to_do(qtbot: QtBot, study: Study, settle: Settle, name: str) -> None:
    predict(study, "alone", [0] * 3)
    shown = ChangesDialog(study, name, "", True)
    qtbot.addWidget(shown)
    shown.show()
    settle(lambda: shown.notice.tone is Tone.WARNING)
    assert not shown.open_button.isEnabled()
    assert "lassif" in shown.notice.text
