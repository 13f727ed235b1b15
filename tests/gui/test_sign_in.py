"""Who is at work: chosen in one place for the whole window, by key and by mouse; blind coding; assigned work."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.label_page import LabelPage
from app.gui.main_window import MainWindow
from app.gui.sign_in import SignIn
from app.gui.tweet_model import LABEL
from app.gui.tweets_page import TweetsPage
from app.settings import Settings
from app.study import assigning, coders, tweets
from app.study.assigning import Spec
from app.study.labelling import Labelling
from app.study.study import Coder, Study
from app.study.tweets import TweetFilter
from tests.gui.focus import activate

Settled = Callable[[], None]
CONTROL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def at_work(
    study: Study, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """Return the window on the sample study with nobody signed in; Ana and Ben have assigned tweets."""
    monkeypatch.setattr(Settings, "save", lambda self: None)
    assigning.assign(study, Spec((Coder("", "Ana"), Coder("", "Ben")), seed=1, tweets=6))
    window = MainWindow(Settings())
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    activate(qtbot, window)
    assert window.open_study(study.path)
    settled()
    yield window
    window.close()


def _sign_in(window: MainWindow) -> SignIn:
    assert window.area is not None
    return window.area.sign_in


def _label_page(window: MainWindow) -> LabelPage:
    assert window.area is not None
    return window.area.label_page


def _focused() -> object:
    return QApplication.focusWidget()


def _ask(window: MainWindow, qtbot: QtBot, settled: Settled) -> SignIn:
    qtbot.keyClick(window, Qt.Key.Key_P, CONTROL_SHIFT)
    settled()
    assert _sign_in(window).isVisible()
    return _sign_in(window)


def test_a_coder_is_chosen_from_the_list_by_key(at_work: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    assert at_work.area is not None
    asked = _ask(at_work, qtbot, settled)
    told = [asked.list.item(row).text() for row in range(asked.list.count())]
    assert told == ["Ana · 3 of 3 assigned left", "Ben · 3 of 3 assigned left"], (
        "the column of the file is nobody"
    )
    assert _focused() is asked.list and not asked.button.isEnabled()
    qtbot.keyClick(asked.list, Qt.Key.Key_Return)
    settled()
    assert asked.isVisible() and at_work.settings.coder == "", "nobody was chosen yet"
    qtbot.keyClick(asked.list, Qt.Key.Key_Down)
    assert asked.list.currentItem().text().startswith("Ana") and asked.button.isEnabled()
    qtbot.keyClick(asked.list, Qt.Key.Key_Down)
    qtbot.keyClick(asked.list, Qt.Key.Key_Return)
    settled()
    assert at_work.settings.coder == "Ben" == at_work.area.person.text()
    assert not asked.isVisible() and at_work.area.current is at_work.area.study_page
    asked = _ask(at_work, qtbot, settled)
    assert asked.list.currentItem().text().startswith("Ben")
    qtbot.keyClick(asked.list, Qt.Key.Key_Escape)
    assert not asked.isVisible() and at_work.settings.coder == "Ben"


def test_by_mouse_and_with_a_new_name(at_work: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    assert at_work.area is not None
    qtbot.mouseClick(at_work.area.person, Qt.MouseButton.LeftButton)
    settled()
    asked = _sign_in(at_work)
    place = asked.list.visualItemRect(asked.list.item(0)).center()
    qtbot.mouseClick(asked.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(asked.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert at_work.settings.coder == "Ana"
    asked = _ask(at_work, qtbot, settled)
    asked.name.setFocus()
    qtbot.keyClicks(asked.name, "  Noor  Al ")
    assert not asked.languages_button.isEnabled()
    qtbot.mouseClick(asked.button, Qt.MouseButton.LeftButton)
    # A new coder is asked what they read; nothing ticked is everything.
    assert asked.reading.isVisible() and _focused() is asked.languages and asked.languages.count() > 5
    qtbot.keyClick(asked.languages, Qt.Key.Key_Space)
    code = asked.languages.ticked()
    qtbot.keyClick(asked.languages, Qt.Key.Key_Return)
    settled()
    assert at_work.settings.coder == "Noor Al" and at_work.study is not None
    assert at_work.study.coder("Noor Al").languages == tuple(code) and len(code) == 1


def test_a_similar_name_asks_whether_it_is_the_same_person(
    at_work: MainWindow, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    asked = _ask(at_work, qtbot, settled)
    asked.name.setText("Aná")
    asked.name.setFocus()
    qtbot.keyClick(asked.name, Qt.Key.Key_Return)
    assert asked.question.isVisible() and "“Ana” is here already" in asked.asked.text()
    assert _focused() is asked.same
    qtbot.keyClick(asked.same, Qt.Key.Key_Return)
    settled()
    assert at_work.settings.coder == "Ana"
    asked = _ask(at_work, qtbot, settled)
    qtbot.keyClicks(asked.name, "ben")
    qtbot.keyClick(asked.name, Qt.Key.Key_Return)
    qtbot.mouseClick(asked.other, Qt.MouseButton.LeftButton)
    qtbot.keyClick(asked.languages, Qt.Key.Key_Return)
    settled()
    assert at_work.settings.coder == "ben"
    at_work.area.show_page("label")  # type: ignore[union-attr]
    settled()
    assert [c.name for c in coders.people(study)] == ["Ana", "ben", "Ben"] or [
        c.name for c in coders.people(study)
    ] == ["Ana", "Ben", "ben"]


def test_the_name_and_the_languages_are_changed_later(
    at_work: MainWindow, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    asked = _ask(at_work, qtbot, settled)
    qtbot.keyClick(asked.list, Qt.Key.Key_Down)
    qtbot.keyClick(asked.list, Qt.Key.Key_Return)
    settled()
    at_work.area.show_page("label")  # type: ignore[union-attr]
    settled()
    ana = study.coder("Ana").id
    asked = _ask(at_work, qtbot, settled)
    qtbot.keyClick(asked.list, Qt.Key.Key_N, Qt.KeyboardModifier.AltModifier)
    assert _focused() is asked.corrected and asked.corrected.selectedText() == "Ana"
    qtbot.keyClicks(asked.corrected, "Ben")
    qtbot.keyClick(asked.corrected, Qt.Key.Key_Return)
    settled()
    assert "Another coder is called “Ben”" in asked.notice.text and asked.correction.isVisible()
    asked.corrected.clear()
    qtbot.keyClicks(asked.corrected, "Anna")
    qtbot.keyClick(asked.corrected, Qt.Key.Key_Return)
    settled()
    assert study.coder("Anna").id == ana and at_work.settings.coder == "Anna"
    assert _focused() is asked.list and asked.list.currentItem().text().startswith("Anna")
    qtbot.keyClick(asked.list, Qt.Key.Key_L, Qt.KeyboardModifier.AltModifier)
    qtbot.keyClick(asked.languages, Qt.Key.Key_Down)
    qtbot.keyClick(asked.languages, Qt.Key.Key_Space)
    code = asked.languages.ticked()
    qtbot.keyClick(asked.languages, Qt.Key.Key_Return)
    settled()
    assert study.coder("Anna").languages == tuple(code)
    assert "reads" in asked.list.currentItem().text()
    qtbot.keyClick(asked.list, Qt.Key.Key_Escape)
    work = _label_page(at_work).labelling
    assert work is not None and (work.coder.name, work.coder.languages) == ("Anna", tuple(code))
    assert [_label_page(at_work).bar.language.itemData(row) for row in range(2)] == ["", *code]


def test_no_key_labels_behind_the_question(
    at_work: MainWindow, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    at_work._remember_coder("Mia")
    at_work.area.show_page("label")  # type: ignore[union-attr]
    settled()
    before, first = study.counts().labelled, _label_page(at_work).row
    qtbot.mouseClick(_label_page(at_work).bar.coder, Qt.MouseButton.LeftButton)
    settled()
    for key in (Qt.Key.Key_2, Qt.Key.Key_S, Qt.Key.Key_Delete):
        qtbot.keyClick(_sign_in(at_work).list, key)
    assert study.counts().labelled == before
    qtbot.keyClick(_sign_in(at_work), Qt.Key.Key_Escape)
    assert _label_page(at_work).isVisible() and _label_page(at_work).row is first
    qtbot.keyClick(_label_page(at_work), Qt.Key.Key_2)
    assert study.counts().labelled == before + 1


def test_a_chosen_tweet_is_the_one_to_label_after_signing_in(
    at_work: MainWindow, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    assert at_work.area is not None
    at_work.area.show_page("tweets")
    settled()
    page = at_work.area.page("tweets")
    assert isinstance(page, TweetsPage)
    page.table.selectRow(4)
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    settled()
    asked = _sign_in(at_work)
    assert asked.isVisible(), "the label page asks who labels"
    qtbot.keyClick(asked.list, Qt.Key.Key_Down)
    qtbot.keyClick(asked.list, Qt.Key.Key_Return)
    settled()
    assert at_work.area.current is _label_page(at_work)
    row = _label_page(at_work).row
    assert row is not None and row.id == 5


def test_going_back_does_not_ask_again(at_work: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    at_work.area.show_page("label")  # type: ignore[union-attr]
    settled()
    asked = _sign_in(at_work)
    assert asked.isVisible()
    qtbot.keyClick(asked.list, Qt.Key.Key_Escape)
    settled()
    page = _label_page(at_work)
    assert page.isVisible() and page.stack.currentWidget() is page.nobody and page.nobody.button.hasFocus()
    qtbot.keyClick(page.nobody.button, Qt.Key.Key_Space)
    settled()
    assert asked.isVisible()


def test_assigned_tweets_come_first_and_then_others_if_one_wants(
    at_work: MainWindow, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    at_work._remember_coder("Ana")
    at_work.area.show_page("label")  # type: ignore[union-attr]
    settled()
    page = _label_page(at_work)
    side = page.side.progress
    assert side.assigned.isVisible() and side.assigned.text() == "Assigned: 0 of 3"
    seen = []
    for _ in range(3):
        assert page.row is not None
        seen.append(page.row.id)
        qtbot.keyClick(page, Qt.Key.Key_1)
    assert side.assigned.text() == "Assigned: 3 of 3"
    with study.reading() as session:
        from sqlalchemy import select

        from db.tables import LabelEvent

        by_hand = select(LabelEvent.source).where(
            LabelEvent.tweet_id.in_(seen), LabelEvent.import_id.is_(None)
        )
        assert set(session.scalars(by_hand)) == {"assigned"}
    assert page.stack.currentWidget() is page.end and "All 3 tweets assigned to you" in page.end.text.text()
    page.undo()
    assert page.stack.currentWidget() is page.desk
    qtbot.waitUntil(lambda: side.assigned.text() == "Assigned: 2 of 3", timeout=3000)
    page.redo()
    page.end.button.click()
    settled()
    assert page.stack.currentWidget() is page.desk and page.row is not None and page.row.id not in seen
    turn = page.labelling.turn() if page.labelling is not None else None
    assert turn is not None and turn.source == "random"


def _shown(window: MainWindow, row: int) -> str:
    page = window.area.page("tweets")  # type: ignore[union-attr]
    assert isinstance(page, TweetsPage)
    return str(page.model.index(row, LABEL).data())


def test_a_blind_coder_sees_others_labels_after_labelling(
    at_work: MainWindow, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    assert at_work.area is not None
    at_work.area.show_page("tweets")
    settled()
    page = at_work.area.page("tweets")
    assert isinstance(page, TweetsPage)
    open_label = _shown(at_work, 0)
    assert open_label not in ("", "hidden") and not page.blind.isVisible(), (
        "nobody at work is blind to nothing"
    )
    at_work._remember_coder("Mia")
    settled()
    assert page.blind.isVisible() and _shown(at_work, 0) == "hidden"
    page.table.selectRow(0)
    settled()
    told = at_work.inspector.labels.text() + at_work.inspector.history.text()
    assert "Hidden until you have labelled" in told and open_label not in told and "imported" not in told
    total = page.model.rowCount()
    page.label.setCurrentIndex(1)
    settled()
    assert page.model.rowCount() == 0
    page.clear_filters()
    settled()
    assert page.model.rowCount() == total
    work = Labelling(study, "Mia")
    work.show(1)
    work.label("neutral")
    at_work.area.changed({"labels"})
    settled()
    assert _shown(at_work, 0) != "hidden" and _shown(at_work, 1) == "hidden"
    # The switch, by key and by the button; it is on again for whoever comes next.
    qtbot.keyClick(at_work, Qt.Key.Key_B, CONTROL_SHIFT)
    settled()
    assert not at_work.settings.blind and not page.blind.isVisible() and _shown(at_work, 1) != "hidden"
    at_work._remember_coder("Ben")
    settled()
    assert at_work.settings.blind and at_work.menus.blind.isChecked() and _shown(at_work, 1) == "hidden"
    qtbot.mouseClick(page.see, Qt.MouseButton.LeftButton)
    settled()
    assert (
        not at_work.settings.blind and not at_work.menus.blind.isChecked() and _shown(at_work, 1) != "hidden"
    )
    assert tweets.count(study, TweetFilter()) == total
