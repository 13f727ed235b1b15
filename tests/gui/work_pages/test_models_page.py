"""The models page: the shelf, a model's card, adding, removing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from app.gui import theme
from app.gui.link_label import LinkLabel
from app.gui.model_details import ModelDetails
from app.gui.models_page import ModelsPage
from app.gui.notice import Tone
from app.jobs.job_list import JobList
from app.study.codebook import Codebook
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study

Settle = Callable[[Callable[[], bool]], None]


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList) -> ModelsPage:
    shown = ModelsPage(study, jobs)
    qtbot.addWidget(shown)
    shown.show()
    return shown


def test_an_empty_shelf_leads_to_training(qtbot: QtBot, page: ModelsPage, settle: Settle) -> None:
    settle(lambda: page.stack.currentIndex() == 0 and page.empty.isVisible())
    with qtbot.waitSignal(page.page_wanted) as wanted:
        page.empty.button.click()
    assert wanted.args == ["train", ""]


def test_a_model_shows_its_card_licence_scores_and_parity(
    model: ModelEntry, page: ModelsPage, settle: Settle
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
    qtbot: QtBot, page: ModelsPage, tiny_model: Path, settle: Settle
) -> None:
    with qtbot.waitSignal(page.study_written, timeout=30000):
        page.add_model(tiny_model)
    settle(lambda: page.chosen_name() == "tiny")
    assert Shelf().has("tiny")
    assert page.notice.tone is Tone.GOOD


def test_adding_what_is_no_model_is_told(page: ModelsPage, tmp_path: Path, settle: Settle) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"no GGUF at all")
    page.add_model(bad)
    settle(lambda: page.notice.tone is Tone.ERROR)
    assert page.notice.text
    assert Shelf().models() == []


def test_a_broken_model_is_listed_with_its_problem_and_cannot_be_used(
    page: ModelsPage, stancedesk_home: Path, settle: Settle
) -> None:
    folder = Shelf().folder / "broken"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"GGUF but not really")
    page.refresh()
    settle(lambda: page.list.count() == 1)
    assert page.details.problem.tone is Tone.ERROR
    assert not page.classify.isEnabled()
    assert page.remove.isEnabled()


def test_an_empty_shelf_needs_no_scroll_bar(
    qtbot: QtBot, study: Study, jobs: JobList, settle: Settle
) -> None:
    area = QScrollArea()
    area.setWidgetResizable(True)
    page = ModelsPage(study, jobs)
    area.setWidget(page)
    qtbot.addWidget(area)
    area.resize(740, 540)
    area.show()
    settle(lambda: page.stack.currentIndex() == 0 and page.empty.isVisible())
    settle(lambda: area.verticalScrollBar().maximum() == 0 and area.horizontalScrollBar().maximum() == 0)
    middle = page.empty.text.mapTo(area, page.empty.text.rect().center()).x()
    assert abs(middle - area.width() / 2) < 8


def test_nothing_of_a_model_is_wider_than_the_smallest_window(
    qtbot: QtBot, model: ModelEntry, page: ModelsPage, settle: Settle
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


def test_removing_deletes_the_files_and_leads_back_to_training(
    qtbot: QtBot, model: ModelEntry, page: ModelsPage, settle: Settle
) -> None:
    settle(lambda: page.list.count() == 1)
    with qtbot.waitSignal(page.study_written, timeout=20000):
        page.remove_model("tiny")
    settle(lambda: page.stack.currentIndex() == 0)
    assert not model.folder.exists()


def test_a_model_can_be_asked_for_before_the_shelf_was_read(
    model: ModelEntry, tiny_model: Path, page: ModelsPage, settle: Settle
) -> None:
    Shelf().place(tiny_model, "another")
    page.choose_model("tiny")
    page.refresh()
    settle(lambda: page.list.count() == 2)
    settle(lambda: page.chosen_name() == "tiny")
