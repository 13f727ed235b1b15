"""Trying an untrained model through the window, with a real one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QAbstractSpinBox, QComboBox, QFileDialog
from pytestqt.qtbot import QtBot

from app.gui.classify_page import ClassifyPage
from app.gui.notice import Tone
from app.gui.untrained_dialog import UntrainedDialog
from app.jobs.job_list import JobList
from app.study import models
from app.study.shelf import Shelf
from app.study.study import Study
from tests.small_base import embedded_base

from ...unit.app.inference.conftest import make_card, write_tiny

Settle = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("untrained") / "mine.gguf"
    return write_tiny(path, embedded_base(), "llama", layers=1, window=0)


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList) -> ClassifyPage:
    shown = ClassifyPage(study, jobs)
    qtbot.addWidget(shown)
    shown.show()
    return shown


@pytest.fixture
def dialog(page: ClassifyPage, settle: Settle) -> UntrainedDialog:
    found = page.try_untrained()
    settle(lambda: found.model.count() > 0 and found._untrained is not None)
    return found


def test_a_first_model_is_tried_used_and_chosen(
    qtbot: QtBot,
    page: ClassifyPage,
    dialog: UntrainedDialog,
    study: Study,
    gguf: Path,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not dialog.use_button.isEnabled()
    assert dialog.preview.toPlainText().startswith("<|im_start|>system")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(gguf), ""))
    dialog.file.click()
    dialog.examples.setValue(4)
    settle(lambda: "mine.gguf" in dialog.model.currentText() and dialog._untrained is not None)
    assert dialog.preview.toPlainText().startswith("You are a careful coder")
    assert dialog.preview.toPlainText().count("Tweet:") == 5
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert dialog.trial.is_running
    settle(lambda: not dialog.trial.is_running)
    assert dialog.notice.text == ""
    rows = dialog.table.texts()
    assert len(rows) == 20
    assert all(row[2] in ("Pro", "Anti", "Neutral", "Unrelated") for row in rows)
    assert sum(row[3] != "–" for row in rows) >= 10
    assert "labelled tweets" in dialog.said.text()
    assert models.list_models(study) == []
    qtbot.mouseClick(dialog.use_button, Qt.MouseButton.LeftButton)
    settle(lambda: page.model.name() == "mine, 4 examples")
    assert page.stack.currentIndex() == 1
    assert [model.form for model in Shelf().models()] == ["prompted"]


def test_other_settings_need_another_trial(dialog: UntrainedDialog, gguf: Path, settle: Settle) -> None:
    dialog.choose_file(gguf)
    settle(lambda: dialog._untrained is not None and dialog._untrained.base.name == "mine")
    dialog.start.click()
    settle(lambda: not dialog.trial.is_running)
    assert dialog.use_button.isEnabled()
    dialog.examples.setValue(2)
    assert not dialog.use_button.isEnabled()
    assert dialog.table.isHidden()
    dialog.reject()


def test_a_trial_stops_and_what_is_no_model_is_told(
    dialog: UntrainedDialog, tmp_path: Path, settle: Settle
) -> None:
    dialog.start.click()
    assert dialog.start.text() == "S&top"
    assert not dialog.model.isEnabled()
    dialog.start.click()
    dialog.start.click()
    settle(lambda: not dialog.trial.is_running)
    assert dialog.notice.text == ""
    words = tmp_path / "words.gguf"
    words.write_text("only words, no model in it")
    dialog.choose_file(words)
    settle(lambda: dialog.notice.tone is Tone.ERROR)
    assert "not a GGUF" in dialog.notice.text
    assert not dialog.start.isEnabled()
    dialog.reject()


def test_a_blind_coder_is_shown_no_label_of_others(page: ClassifyPage, settle: Settle) -> None:
    page.set_coder("Mia", True)
    dialog = page.try_untrained()
    dialog.examples.setValue(2)
    settle(lambda: dialog._untrained is not None and len(dialog._untrained.examples) == 2)
    assert dialog.preview.toPlainText().count("hidden until you have labelled it") == 2
    assert dialog.words()[-1] == "--coder=Mia"
    dialog.reject()


def test_everything_in_it_has_a_name_and_tells_its_key(dialog: UntrainedDialog) -> None:
    for kind in (QAbstractButton, QComboBox, QAbstractSpinBox, QAbstractItemView):
        for widget in dialog.findChildren(kind):
            inner = isinstance(widget.parent(), QComboBox | QAbstractSpinBox | QAbstractItemView)
            if not widget.isVisible() or inner:
                continue
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            assert widget.accessibleName() or text
            assert "(" in widget.toolTip(), widget
    dialog.reject()


def test_on_a_small_screen_nothing_is_written_over_and_rows_scroll(
    dialog: UntrainedDialog, gguf: Path, settle: Settle
) -> None:
    dialog.resize(820, 620)
    said = {"text": "Ein Tweet", "lang": "de", "predicted": "pro", "label": "", "confidence": 0.5}
    card = make_card(gguf, data={"prompt_tokens": 900}).as_dict()
    dialog._show_trial({"card": card, "tried": [said] * 20, "per_second": 9.0, "device": "CPU"})
    settle(dialog.table.isVisible)
    settle(lambda: dialog.table.height() > 100)
    assert dialog.height() == 620, "it must not outgrow a small screen"
    assert dialog.table.geometry().bottom() < dialog.said.y()
    assert dialog.table.verticalScrollBar().maximum() > 0
    assert dialog.said.geometry().bottom() <= dialog.said.parentWidget().height()
    dialog.reject()
