"""The label page: by key and by mouse, undo and redo, restarts, errors."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.gui.label_page import LabelPage
from app.study import tweets
from app.study.codebook import Codebook
from app.study.importing import import_file
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter

Settled = Callable[[], None]
KEYS = {"pro": Qt.Key.Key_1, "anti": Qt.Key.Key_2, "neutral": Qt.Key.Key_3, "unrelated": Qt.Key.Key_4}


@pytest.fixture
def page(opened: Callable[..., LabelPage], settled: Settled) -> LabelPage:
    """Return the page with a coder at work."""
    found = opened(LabelPage())
    found.set_coder("Mia")
    settled()
    return found


def _marked(page: LabelPage, mark: str = "uncertain") -> bool:
    return page.desk.marks.buttons[mark].isChecked()


def _own(study: Study, tweet: int, coder: str = "Mia") -> str | None:
    return dict(tweets.get(study, [tweet])[0].labels).get(coder)


@pytest.mark.parametrize("leaf", KEYS)
def test_a_key_labels_and_shows_the_next_tweet(
    page: LabelPage, study: Study, qtbot: QtBot, leaf: str
) -> None:
    first = page.row
    assert first is not None and page.desk.tweet.tweet == first.text
    qtbot.keyClick(page, KEYS[leaf])
    assert _own(study, first.id) == leaf
    assert page.row is not None and page.row.id != first.id
    assert page.desk.tweet.tweet == page.row.text
    assert study.codebook.leaf(leaf).name in page.bar.last_act.text()
    entry = tweets.history(study, first.id)[-1]
    assert entry.seconds is not None and 0 <= entry.seconds < 60


def test_a_button_labels(page: LabelPage, study: Study, qtbot: QtBot) -> None:
    first = page.row
    assert first is not None
    qtbot.mouseClick(page.desk.leaves.buttons["anti"], Qt.MouseButton.LeftButton)
    assert _own(study, first.id) == "anti"
    assert not any(b.isChecked() for b in page.desk.leaves.buttons.values())


def test_undo_and_redo(page: LabelPage, study: Study, qtbot: QtBot) -> None:
    first = page.row
    assert first is not None and not page.can_undo() and not page.undo()
    qtbot.keyClick(page, Qt.Key.Key_1)
    second = page.row
    assert second is not None and page.can_undo()
    assert page.undo()
    assert page.row is not None and page.row.id == first.id
    assert _own(study, first.id) is None and page.can_redo()
    assert page.redo()
    assert _own(study, first.id) == "pro"
    assert page.row is not None and page.row.id == second.id
    assert not page.redo()


def test_back_shows_the_label_note_and_flag_that_were_given(
    page: LabelPage, study: Study, qtbot: QtBot
) -> None:
    first = page.row
    assert first is not None
    qtbot.keyClick(page, Qt.Key.Key_F)
    qtbot.keyClick(page, Qt.Key.Key_N)
    assert page.desk.note.hasFocus()
    qtbot.keyClicks(page.desk.note, "irony 1 2 sf n")
    qtbot.keyClick(page.desk.note, Qt.Key.Key_Backspace)
    assert page.row is not None and page.row.id == first.id, "typing a note must not label or skip"
    assert page.desk.note.text() == "irony 1 2 sf "
    qtbot.keyClick(page.desk.note, Qt.Key.Key_Escape)
    assert not page.desk.note.hasFocus()
    qtbot.keyClick(page, Qt.Key.Key_3)
    entry = tweets.history(study, first.id)[-1]
    assert (entry.leaf, entry.note, entry.marks) == ("neutral", "irony 1 2 sf", ("uncertain",))
    assert page.desk.note.text() == "" and not _marked(page)
    qtbot.keyClick(page, Qt.Key.Key_Backspace)
    assert page.row is not None and page.row.id == first.id
    assert page.desk.leaves.buttons["neutral"].isChecked()
    assert page.desk.note.text() == "irony 1 2 sf" and _marked(page)
    qtbot.keyClick(page, Qt.Key.Key_Delete)
    assert _own(study, first.id) is None and not page.desk.leaves.buttons["neutral"].isChecked()


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Right])
def test_skip_and_back(page: LabelPage, study: Study, qtbot: QtBot, key: Qt.Key) -> None:
    first = page.row
    assert first is not None
    qtbot.keyClick(page, key)
    assert page.row is not None and page.row.id != first.id
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert page.row is not None and page.row.id == first.id
    assert _own(study, first.id) is None


def test_a_restart_goes_on(page: LabelPage, opened: Callable[..., LabelPage], study: Study, qtbot: QtBot,
                           settled: Settled) -> None:  # fmt: skip
    first = page.row
    assert first is not None
    qtbot.keyClick(page, Qt.Key.Key_2)
    second = page.row
    page.study_closing()
    page.hide()
    with Study.open(study.path) as again:
        other = opened(LabelPage(), again)
        other.set_coder("Mia")
        settled()
        assert other.row is not None and second is not None and other.row.id == second.id
        assert other.can_undo() and other.undo()
        assert other.row.id == first.id and _own(again, first.id) is None
        other.study_closing()
        settled()


def test_without_a_name_one_is_asked_for(
    opened: Callable[..., LabelPage], study: Study, settled: Settled, qtbot: QtBot
) -> None:
    page = opened(LabelPage())
    assert page.stack.currentWidget() is page.nobody
    with qtbot.waitSignal(page.coder_wanted):
        page.nobody.button.click()
    before = study.counts().labelled
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert study.counts().labelled == before
    # A tweet that was chosen elsewhere meanwhile is the one that is shown.
    chosen = [row.id for row in tweets.page(study, TweetFilter(language="ko"), 3, 2)]
    page.show_tweet(*chosen)
    page.set_coder("Mia")
    settled()
    assert page.stack.currentWidget() is page.desk and page.row is not None and page.row.id == chosen[0]
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.row.id == chosen[1] and _own(study, chosen[0]) == "pro"


def test_what_others_labelled_is_nowhere_before_ones_own_label(
    page: LabelPage, study: Study, qtbot: QtBot
) -> None:
    row = tweets.page(study, TweetFilter(leaf="anti"), 0, 1)[0]
    other = Labelling(study, "Bob")
    other.show(row.id)
    other.label("neutral", note="Bob thinks so", marks=["uncertain"])
    page.show_tweet(row.id)
    assert page.row is not None and page.row.blind
    assert (page.row.label, page.row.labels, page.row.label_coder) == (None, (), "")
    assert page.desk.note.text() == "" and not _marked(page) and page.desk.earlier.text() == ""
    assert not any(button.isChecked() for button in page.desk.leaves.buttons.values())
    qtbot.keyClick(page, Qt.Key.Key_1)
    page.back()
    assert page.row is not None and dict(page.row.labels)["Bob"] == "neutral"


def test_a_label_that_cannot_be_saved_keeps_the_tweet(
    page: LabelPage, study: Study, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = page.row
    assert first is not None

    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full.", "Make room.")

    monkeypatch.setattr(Labelling, "label", full)
    page.desk.note.setText("kept")
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.row is first and page.desk.note.text() == "kept"
    assert "disk is full" in page.notice.text and "Make room" in page.notice.text
    monkeypatch.undo()
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert _own(study, first.id) == "pro" and page.notice.text == ""


def test_arabic_is_laid_out_from_the_right(page: LabelPage, study: Study) -> None:
    for lang, direction in (("ar", Qt.LayoutDirection.RightToLeft), ("hi", Qt.LayoutDirection.LeftToRight)):
        row = tweets.page(study, TweetFilter(language=lang), 0, 1)[0]
        page.show_tweet(row.id)
        assert page.desk.tweet.direction() == direction
        assert page.desk.tweet.toPlainText() == row.text


def test_the_page_names_the_keys_that_work(
    opened: Callable[..., LabelPage], tmp_path: Path, settled: Settled, qtbot: QtBot
) -> None:
    codebook = Codebook.from_toml(
        'start = "q"\n[[questions]]\ncode = "q"\n'
        + "".join(f'[[questions.options]]\ncode = "{key}"\nkey = "{key}"\n' for key in "nfs")
    )
    table = tmp_path / "one.csv"
    table.write_text("id,text\n1,one\n2,two\n", encoding="utf-8")
    with Study.create(tmp_path / "keys.stancedesk", codebook) as study:
        import_file(study, table)
        page = opened(LabelPage(), study)
        page.set_coder("Mia")
        settled()
        desk = page.desk
        assert "Ctrl+Shift+N" in desk.note.placeholderText() and "Ctrl+Shift+N" in desk.note.toolTip()
        assert (
            "Ctrl+Shift+I" in desk.marks.buttons["sarcasm"].toolTip()
            and "(Space)" in page.acts.skip.toolTip()
        )
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        qtbot.keyClick(page, Qt.Key.Key_N, both)
        assert desk.note.hasFocus()
        qtbot.keyClicks(desk.note, "nfs")
        qtbot.keyClick(desk.note, Qt.Key.Key_I, both)
        assert desk.note.text() == "nfs" and _marked(page, "sarcasm")
        qtbot.keyClick(desk.note, Qt.Key.Key_Escape)
        first = page.row
        qtbot.keyClick(page, Qt.Key.Key_F)
        assert first is not None and _own(study, first.id) == "f"
        page.study_closing()


def test_a_note_that_no_label_has_saved_is_kept(page: LabelPage, study: Study, qtbot: QtBot) -> None:
    first = page.row
    assert first is not None
    page.desk.note.setText("ask Maria")
    qtbot.keyClick(page, Qt.Key.Key_U)
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert page.desk.note.text() == "" and not _marked(page)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert page.desk.note.text() == "ask Maria" and _marked(page)
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.undo()
    assert page.row is not None and page.row.id == first.id
    assert page.desk.note.text() == "ask Maria", "taking back the label took the note with it"


def test_a_note_is_its_coders(page: LabelPage, study: Study, settled: Settled) -> None:
    first = page.row
    assert first is not None
    page.desk.note.setText("mine")
    page.set_coder("Bob")
    settled()
    page.show_tweet(first.id)
    assert page.desk.note.text() == ""
    page.set_coder("Mia")
    settled()
    page.show_tweet(first.id)
    assert page.desk.note.text() == "mine"


def test_another_coder_is_not_offered_the_last_ones_undo(
    page: LabelPage, qtbot: QtBot, settled: Settled
) -> None:
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert "Ctrl+Z" in page.bar.last_act.text()
    page.set_coder("Bob")
    settled()
    assert "Ctrl+Z" not in page.bar.last_act.text() and not page.can_undo()


def test_tab_goes_from_the_classes_to_the_note_to_the_codebook(page: LabelPage, qtbot: QtBot) -> None:
    last = list(page.desk.leaves.buttons.values())[-1]
    page.desk.leaves.buttons["pro"].setFocus()
    seen = []
    for _ in range(9):
        focus = page.focusWidget()
        assert focus is not None
        seen.append(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    assert seen == [
        *page.desk.leaves.buttons.values(),
        *page.desk.marks.buttons.values(),
        page.desk.note,
    ]
    assert seen[3] is last and page.focusWidget() is page.side.codebook.filter


def test_a_short_name_is_shown_in_full(page: LabelPage, settled: Settled) -> None:
    for name in ("Mia", "Anna", "J. Doe", "ليلى"):
        page.set_coder(name)
        settled()
        assert page.bar.coder.shown_text() == name


def test_a_long_name_leaves_room_for_the_bar(page: LabelPage, qtbot: QtBot, settled: Settled) -> None:
    name = "Professor Maximiliane Hohenstein-Wittgenstein"
    page.set_coder(name)
    settled()
    qtbot.keyClick(page, Qt.Key.Key_1)
    bar = page.bar
    for width in (760, 1100):
        page.resize(width, 640)
        qtbot.wait(10)
        rights = {}
        for control in bar.controls():
            # Where there is no room the language is in a row of its own, under the others.
            place = bar.controls()[0].y() if control is not bar.language else control.y()
            assert control.x() > rights.get(place, -1) and control.geometry().right() <= bar.width()
            rights[place] = control.geometry().right()
        assert bar.coder.shown_text().endswith("…") and name in bar.coder.toolTip()
        assert "Labelled" in bar.last_act.shown_text()


def test_one_language(page: LabelPage, study: Study, settled: Settled, qtbot: QtBot) -> None:
    page.bar.language.setCurrentIndex(page.bar.language.findData("ko"))
    settled()
    for _ in range(3):
        assert page.row is not None and page.row.lang == "ko"
        qtbot.keyClick(page, Qt.Key.Key_4)
    total = study.counts().per_language["ko"][1]
    qtbot.waitUntil(lambda: page.side.progress.bar.maximum() == total, timeout=3000)


def test_progress_is_told_and_not_at_each_key(page: LabelPage, study: Study, qtbot: QtBot) -> None:
    before = study.counts().labelled
    told: list[set[str]] = []
    page.study_touched.connect(told.append)
    for _ in range(5):
        qtbot.keyClick(page, Qt.Key.Key_1)
    assert told == []
    qtbot.waitUntil(lambda: told == [{"labels"}], timeout=3000)
    assert page.side.progress.bar.value() == before + 5 == study.counts().labelled
    qtbot.keyClick(page, Qt.Key.Key_1)
    page.hide()
    assert len(told) == 2


def test_new_tweets_leave_the_one_in_sight(
    page: LabelPage, study: Study, settled: Settled, qtbot: QtBot, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    first = page.row
    assert first is not None
    page.desk.note.setText("half a note")
    more = tmp_path / "more.csv"
    more.write_text("id,text,lang\n990001,A new tweet,en\n", encoding="utf-8")
    import_file(study, more)
    total = study.counts().tweets - 1
    page.study_changed({"tweets"})
    settled()
    qtbot.waitUntil(lambda: page.side.progress.bar.maximum() == total + 1, timeout=3000)
    assert page.row is not None and page.row.id == first.id and page.desk.note.text() == "half a note"
    assert page.side.progress.bar.maximum() == total + 1


def test_ends(
    opened: Callable[..., LabelPage], empty_study: Study, settled: Settled, qtbot: QtBot, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    page = opened(LabelPage(), empty_study)
    page.set_coder("Mia")
    settled()
    assert page.stack.currentWidget() is page.end
    with qtbot.waitSignal(page.import_wanted):
        page.end.button.click()
    one = tmp_path / "one.csv"
    one.write_text("id,text,lang\n1,Only one,en\n", encoding="utf-8")
    import_file(empty_study, one)
    page.study_changed({"tweets"})
    settled()
    assert page.stack.currentWidget() is page.desk
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.stack.currentWidget() is page.end
    with qtbot.waitSignal(page.page_wanted) as wanted:
        page.end.button.click()
    assert wanted.args == ["train"]
    assert page.undo()
    assert page.stack.currentWidget() is page.desk


def test_the_codebook_is_found_in(page: LabelPage) -> None:
    view = page.side.codebook
    assert all(leaf.name in view.text.toPlainText() for leaf in page.study.codebook.leaves)  # type: ignore[union-attr]
    view.filter.setText("asylum applications fell")
    assert "Neutral" in view.text.toPlainText() and "Unrelated" not in view.text.toPlainText()
    view.filter.setText("zzzz")
    assert "zzzz" in view.text.toPlainText()
