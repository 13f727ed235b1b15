"""The models on the Models page: the shelf, a model's card, adding, removing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QMessageBox, QScrollArea
from pytestqt.qtbot import QtBot

from app.gui import theme
from app.gui.link_label import LinkLabel
from app.gui.model_details import ModelDetails
from app.gui.models_view import ModelsView
from app.gui.notice import Tone
from app.inference.model_file import sha256
from app.study import course, models
from app.study.codebook import Codebook
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study

Settle = Callable[[Callable[[], bool]], None]


@pytest.fixture
def page(qtbot: QtBot, study: Study) -> ModelsView:
    shown = ModelsView(study)
    qtbot.addWidget(shown)
    shown.show()
    return shown


def test_an_empty_shelf_leads_to_training(qtbot: QtBot, page: ModelsView, settle: Settle) -> None:
    settle(lambda: page.stack.currentIndex() == 0 and page.empty.isVisible())
    with qtbot.waitSignal(page.page_wanted) as wanted:
        page.empty.button.click()
    assert wanted.args == ["train", ""]


def test_a_model_shows_its_card_licence_scores_and_parity(
    model: ModelEntry, page: ModelsView, settle: Settle
) -> None:
    settle(lambda: page.list.count() == 1)
    facts = page.details.facts
    texts = [
        facts.itemAt(row, facts.ItemRole.FieldRole).widget().text()  # type: ignore[union-attr]
        for row in range(facts.rowCount())
    ]
    assert any("Apache-2.0" in text for text in texts)
    assert any("30 tweets" in text for text in texts)
    assert page.details.scores.texts() == [["4", "0.750", "0.700", "0.900", "–"]]
    parity = page.details.parity
    headers = [parity.horizontalHeaderItem(column) for column in range(parity.columnCount())]
    assert [item.text() for item in headers if item] == ["4-bit form", "single file", "base with adapter"]
    assert page.details.languages.texts() == [["English (en)", "20"], ["Spanish (es)", "10"]]


def test_classes_have_their_names_and_one_without_tweets_no_score(
    qtbot: QtBot, model: ModelEntry, stancedesk_home: Path
) -> None:
    assert model.card is not None
    model.card.codebook = Codebook.default().to_toml()
    model.metrics["validation"]["per_class"] = {"pro": {"n": 4, "f1": 0.5}, "anti": {"n": 0, "f1": 0.0}}
    details = ModelDetails()
    qtbot.addWidget(details)
    details.show_model(model)
    assert details.classes.texts() == [["Pro", "4", "0.500"], ["Anti", "0", "–"]]
    assert "Topic F1" in [details.scores.horizontalHeaderItem(c).text() for c in range(5)]


def test_adding_a_file_puts_it_on_the_shelf_and_selects_it(
    qtbot: QtBot, page: ModelsView, tiny_model: Path, settle: Settle
) -> None:
    with qtbot.waitSignal(page.study_written, timeout=30000):
        page.add_model(tiny_model)
    settle(lambda: page.chosen_name() == "tiny")
    assert Shelf().has("tiny")
    assert page.notice.tone is Tone.GOOD


def test_adding_what_is_no_model_is_told(page: ModelsView, tmp_path: Path, settle: Settle) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"no GGUF at all")
    page.add_model(bad)
    settle(lambda: page.notice.tone is Tone.ERROR)
    assert page.notice.text
    assert Shelf().models() == []


def test_a_broken_model_is_listed_with_its_problem_and_cannot_be_used(
    page: ModelsView, stancedesk_home: Path, settle: Settle
) -> None:
    folder = Shelf().folder / "broken"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"GGUF but not really")
    page.refresh()
    settle(lambda: page.list.count() == 1)
    assert page.details.problem.tone is Tone.ERROR
    assert not page.classify.isEnabled()
    assert page.remove.isEnabled()


def test_an_empty_shelf_needs_no_scroll_bar(qtbot: QtBot, study: Study, settle: Settle) -> None:
    area = QScrollArea()
    area.setWidgetResizable(True)
    page = ModelsView(study)
    area.setWidget(page)
    qtbot.addWidget(area)
    area.resize(740, 540)
    area.show()
    settle(lambda: page.stack.currentIndex() == 0 and page.empty.isVisible())
    settle(lambda: area.verticalScrollBar().maximum() == 0 and area.horizontalScrollBar().maximum() == 0)
    middle = page.empty.text.mapTo(area, page.empty.text.rect().center()).x()
    assert abs(middle - area.width() / 2) < 8


def test_nothing_of_a_model_is_wider_than_the_smallest_window(
    qtbot: QtBot, model: ModelEntry, page: ModelsView, settle: Settle
) -> None:
    settle(lambda: page.list.count() == 1)
    page.resize(736, 1400)
    settle(lambda: page.width() == 736)
    parity = page.details.parity
    assert parity.horizontalHeader().length() <= parity.viewport().width()


def test_links_follow_the_theme(qtbot: QtBot) -> None:
    label = LinkLabel('<a href="https://www.apache.org">Apache-2.0</a>')
    qtbot.addWidget(label)
    with qtbot.waitExposed(label):
        label.show()

    def has(colour: str) -> bool:
        image = label.grab().toImage()
        pixels = ((x, y) for x in range(image.width()) for y in range(image.height()))
        return any(image.pixelColor(x, y) == QColor(colour) for x, y in pixels)

    assert has(theme.LIGHT.accent)
    theme.apply("dark")
    assert has(theme.DARK.accent) and not has(theme.LIGHT.accent)


def test_a_removed_model_leads_back_to_training_and_comes_back_with_undo(
    qtbot: QtBot, model: ModelEntry, page: ModelsView, settle: Settle
) -> None:
    settle(lambda: page.list.count() == 1)
    page.remove.trigger()
    box = page.findChild(QMessageBox)
    assert isinstance(box, QMessageBox) and "7 days" in box.informativeText()
    with qtbot.waitSignal(page.study_written, timeout=20000):
        next(button for button in box.buttons() if "Remove" in button.text()).click()
    settle(lambda: page.stack.currentIndex() == 0)
    assert not model.folder.exists()
    assert page.can_undo() and "tiny" in page.back.text() and page.back.isVisible()
    assert page.undo()
    settle(lambda: page.stack.currentIndex() == 1 and page.chosen_name() == "tiny")
    assert model.folder.exists() and not page.can_undo() and not page.back.isVisible()


def test_a_removed_model_can_be_brought_back_later_by_the_menu(
    qtbot: QtBot, model: ModelEntry, page: ModelsView, settle: Settle
) -> None:
    Shelf().remove("tiny")
    page.refresh()
    settle(lambda: page.stack.currentIndex() == 0)
    page._add_menu.aboutToShow.emit()
    page._add_menu.aboutToShow.emit()
    offered = [action for action in page._add_menu.actions() if "tiny" in action.text()]
    assert len(offered) == 1
    offered[0].trigger()
    settle(lambda: page.chosen_name() == "tiny")


def test_a_model_is_renamed_and_the_study_follows(
    qtbot: QtBot, model: ModelEntry, study: Study, page: ModelsView, settle: Settle
) -> None:
    known = models.register(study, "tiny", str(model.folder), sha256(model.folder / "model.gguf"), ["a", "b"])
    settle(lambda: page.list.count() == 1)
    dialog = page.ask_rename()
    assert dialog is not None
    dialog.name.setText("two words")
    dialog.accept_button.click()
    settle(lambda: dialog.notice.tone is Tone.ERROR and dialog.accept_button.isEnabled())
    dialog.name.selectAll()
    qtbot.keyClicks(dialog.name, "second-round")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    settle(lambda: page.chosen_name() == "second-round")
    assert Shelf().has("second-round") and not Shelf().has("tiny")
    assert models.get(study, "second-round").id == known.id


def test_a_note_is_kept_by_itself_and_under_its_own_model(
    qtbot: QtBot, model: ModelEntry, tiny_model: Path, page: ModelsView, settle: Settle
) -> None:
    Shelf().place(tiny_model, "another")
    page.refresh()
    settle(lambda: page.list.count() == 2)
    page.choose_model("tiny")
    qtbot.keyClicks(page.details.note, "with the labels of Ben")
    # Another model is chosen before the pause is over.
    page.choose_model("another")
    assert page.details.note.toPlainText() == ""
    settle(
        lambda: (
            {m.name: m.note for m in Shelf().models()} == {"tiny": "with the labels of Ben", "another": ""}
        )
    )
    page.choose_model("tiny")
    assert page.details.note.toPlainText() == "with the labels of Ben"
    qtbot.keyClicks(page.details.note, ", and mine")
    settle(lambda: any(m.note.endswith("Ben") or "mine" in m.note for m in Shelf().models()))
    settle(lambda: any("mine" in m.note for m in Shelf().models()))


def test_the_course_and_the_fingerprint_of_the_data_are_shown(
    qtbot: QtBot, model: ModelEntry, stancedesk_home: Path
) -> None:
    details = ModelDetails()
    qtbot.addWidget(details)
    details.show_model(model)
    assert details.curve.isHidden()
    steps = [{"event": "progress", "step": n, "steps": 3, "loss": 1.0 / n} for n in (1, 2, 3)]
    course.write(
        model.folder, [*steps, {"event": "evaluated", "epoch": 1, "macro_f1": 0.6}, {"event": "stage"}]
    )
    details.show_model(replace(model, data={"sha256": "ab" * 32, "train": 700, "validation": 80}))
    assert not details.curve.isHidden()
    assert details.curve.losses[-1] == (3, 1.0 / 3) and details.curve.epochs[0].macro_f1 == 0.6
    texts = [label.text() for label in details.findChildren(LinkLabel)]
    assert any("abababababababab (700 to learn from, 80 to validate)" in text for text in texts)


def test_a_model_can_be_asked_for_before_the_shelf_was_read(
    model: ModelEntry, tiny_model: Path, page: ModelsView, settle: Settle
) -> None:
    Shelf().place(tiny_model, "another")
    page.choose_model("tiny")
    page.refresh()
    settle(lambda: page.list.count() == 2)
    settle(lambda: page.chosen_name() == "tiny")
