"""The dialogs that change the codebook and lock batches, in the window."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui.codebook_dialog import CodebookDialog
from app.gui.main_window import MainWindow
from app.gui.tweets_page import TweetsPage
from app.settings import Settings
from app.study import locks, second_look, tweets
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def window(qtbot: QtBot, study: Study, settled: Settled) -> Iterator[MainWindow]:
    """Return the window with the sample study, in which Ana is at work."""
    found = MainWindow(Settings(coder="Ana"))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    activate(qtbot, found)
    path = study.path
    study.close()
    assert found.open_study(path)
    settled()
    yield found
    assert found.close_study()


@pytest.fixture
def changed(window: MainWindow, tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that writes the study's codebook with one text in place of another."""

    def write(old: str, new: str) -> Path:
        assert window.study is not None
        text = window.study.codebook.to_toml()
        assert old in text
        path = tmp_path / "changed.toml"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    return write


def _dialog(window: MainWindow) -> CodebookDialog:
    dialog = window.ask_codebook()
    assert dialog is not None
    return dialog


def test_a_changed_definition_is_ticked_and_its_labels_get_a_second_look(
    window: MainWindow, changed: Callable[[str, str], Path], qtbot: QtBot, settled: Settled
) -> None:
    assert window.study is not None and window.area is not None
    study, area = window.study, window.area
    name = study.codebook.leaf("pro").name
    dialog = _dialog(window)
    assert not dialog.change.isEnabled()
    dialog.show_file(changed(f'name = "{name}"', 'name = "In favour"'))
    assert {code for code, tick in dialog.ticks.items() if tick.isChecked()} == {"pro"}
    assert "In favour" in dialog.differences.text()
    qtbot.mouseClick(dialog.change, Qt.MouseButton.LeftButton)
    settled()
    assert study.codebook.leaf("pro").name == "In favour" and study.codebook_version == 2
    assert area.current is area.review_page and area.review_page.second_look.counts == {
        "Ana": second_look.count(study, "Ana")
    }
    assert "In favour" in area.label_page.desk.leaves.buttons["pro"].text()
    first, second = (row.id for row in second_look.page(study, "Ana", 0, 2))
    qtbot.mouseClick(area.review_page.second_look.button, Qt.MouseButton.LeftButton)
    settled()
    assert area.current is area.label_page and area.label_page.row is not None
    assert area.label_page.row.id == first
    qtbot.keyClick(area.label_page, Qt.Key.Key_1)
    assert area.label_page.row.id == second
    assert first not in [row.id for row in second_look.page(study, "Ana")]


def test_what_cannot_be_a_codebook_is_told(
    window: MainWindow, changed: Callable[[str, str], Path], tmp_path: Path
) -> None:
    assert window.study is not None
    dialog = _dialog(window)
    dialog.show_file(changed('code = "anti"', 'code = "against"'))
    assert "anti" in dialog.notice.text and "Keep this class" in dialog.notice.text
    assert not dialog.change.isEnabled()
    (tmp_path / "broken.toml").write_text("name = ", encoding="utf-8")
    dialog.show_file(tmp_path / "broken.toml")
    assert "not valid TOML" in dialog.notice.text and not dialog.change.isEnabled()
    (tmp_path / "latin.toml").write_bytes("name = 'é'".encode("latin-1"))
    dialog.show_file(tmp_path / "latin.toml")
    assert "UTF-8" in dialog.notice.text
    dialog.show_file(changed("", ""))
    assert "No class is different" in dialog.notice.text and dialog.change.isEnabled()
    dialog.reject()
    assert window.study.codebook_version == 1


def test_the_codebook_is_saved_to_be_edited(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    assert window.study is not None
    path = tmp_path / "mine.toml"
    monkeypatch.setattr("app.gui.codebook_dialog.QFileDialog.getSaveFileName", lambda *_: (str(path), ""))
    monkeypatch.setattr("app.gui.codebook_dialog.QFileDialog.getOpenFileName", lambda *_: (str(path), ""))
    dialog = _dialog(window)
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    assert path.read_text(encoding="utf-8") == window.study.codebook.to_toml()
    qtbot.mouseClick(dialog.choose, Qt.MouseButton.LeftButton)
    assert dialog.change.isEnabled()
    dialog.reject()


def test_a_batch_is_locked_and_released(window: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    assert window.study is not None and window.area is not None
    study, area = window.study, window.area
    page = area.page("tweets")
    assert isinstance(page, TweetsPage)
    area.show_page("tweets")
    page.language.setCurrentIndex(page.language.findData("ko"))
    settled()
    dialog = area.show_locks(page.asked())
    settled()
    assert not dialog.lock.isEnabled()
    qtbot.keyClicks(dialog.name, "Korean")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    settled()
    (batch,) = locks.batches(study)
    assert (batch.name, batch.coder, batch.tweets) == (
        "Korean",
        "Ana",
        tweets.count(study, TweetFilter(language="ko")),
    )
    dialog.close()
    korean = tweets.page(study, TweetFilter(language="ko"), 0, 1)[0]
    area.show_page("label")
    area.label_page.show_tweet(korean.id)
    button = area.label_page.desk.leaves.buttons["pro"]
    assert not button.isEnabled() and area.label_page.desk.locked.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    # A key is no way around it.
    area.label_page.setFocus()
    qtbot.keyClick(area.label_page, "1")
    assert area.label_page.row is not None and area.label_page.row.id == korean.id
    assert tweets.page(study, TweetFilter(language="ko"), 0, 1)[0].labels == korean.labels
    dialog = area.show_locks(page.asked())
    settled()
    assert "are locked already" in dialog.which.text() and not dialog.name.isEnabled()
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible()
    dialog = area.show_locks(TweetFilter())
    settled()
    every = tweets.count(study)
    assert f"{every - batch.tweets} tweets become one batch" in dialog.which.text()
    qtbot.keyClicks(dialog.name, "the others")
    qtbot.keyClick(dialog.name, Qt.Key.Key_Return)
    settled()
    others = locks.batches(study)[0]
    assert (others.name, others.tweets) == ("the others", every - batch.tweets)
    qtbot.mouseClick(dialog.release_buttons[0], Qt.MouseButton.LeftButton)
    settled()
    qtbot.mouseClick(dialog.release_buttons[0], Qt.MouseButton.LeftButton)
    settled()
    assert dialog.release_buttons == [] and not any(one.is_locked for one in locks.batches(study))
    dialog.close()
    settled()


def test_a_decision_is_undone_from_another_page(window: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    assert window.study is not None and window.area is not None
    study, area = window.study, window.area
    work = Labelling(study, "Ben")
    ana = tweets.get(study, [3])[0].label
    work.show(3)
    work.label("pro" if ana != "pro" else "anti")
    area.changed({"labels"})
    settled()
    assert area.states["review"].text() == "1"
    area.show_page("review")
    settled()
    qtbot.keyClick(area.review_page.disagreements, Qt.Key.Key_3)
    assert tweets.get(study, [3])[0].gold == "neutral"
    area.show_page("tweets")
    settled()
    qtbot.keyClick(area.page("tweets"), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert tweets.get(study, [3])[0].gold is None and area.current is area.review_page
    qtbot.keyClick(area.review_page.disagreements, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert tweets.get(study, [3])[0].gold == "neutral"
    settled()
    qtbot.waitUntil(lambda: area.states["review"].text() == "")


def test_a_tweet_of_the_table_is_decided_on(window: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    assert window.study is not None and window.area is not None
    area = window.area
    page = area.page("tweets")
    assert isinstance(page, TweetsPage)
    area.show_page("tweets")
    page.table.selectRow(6)
    qtbot.keyClick(page.table, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    settled()
    case = area.review_page.disagreements.case
    assert area.current is area.review_page and case is not None and case.row.id == 7
    qtbot.keyClick(area.review_page.disagreements, Qt.Key.Key_4)
    settled()
    page.status.setCurrentIndex(page.status.findData("adjudicated"))
    settled()
    assert page.model.rowCount() == 1
