"""Bringing in a table: what is guessed can be corrected, it can be stopped, and its report says all."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.gui.import_dialog import ImportDialog
from app.gui.notice import Tone
from app.study import tweets
from app.study.study import Study

Settled = Callable[[], None]
Shown = Callable[..., ImportDialog]


@pytest.fixture
def shown(qtbot: QtBot, empty_study: Study, settled: Settled) -> Shown:
    """Return a function that writes a table and opens the dialog on it."""

    def show(path: Path, content: bytes) -> ImportDialog:
        path.write_bytes(content)
        dialog = ImportDialog(empty_study, path)
        qtbot.addWidget(dialog)
        dialog.show()
        settled()
        return dialog

    return show


def _import(dialog: ImportDialog, qtbot: QtBot) -> None:
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=60_000)


def test_what_is_found_is_shown_and_used(
    shown: Shown, qtbot: QtBot, tmp_path: Path, empty_study: Study
) -> None:
    table = "id;tweet;lang;stance\n1790000000000000001;Grüße, ihr;de;pro\n2;مرحبا;ar;\n".encode("utf-16")
    dialog = shown(tmp_path / "tweets.csv", table)
    assert "UTF-16" in dialog.preview.encoding.currentText()
    assert dialog.preview.delimiter.currentText().startswith("Semicolon")
    chosen = {role: box.currentData() for role, box in dialog.preview.columns.items()}
    assert chosen == {
        "text": "tweet",
        "id": "id",
        "lang": "lang",
        "label": "stance",
        "author": "",
        "date": "",
    }
    assert dialog.preview.sample.rowCount() == 2 and dialog.preview.sample.item(0, 1).text() == "Grüße, ihr"
    dialog.preview.coder.setText("Ana")
    _import(dialog, qtbot)
    rows = {row.tweet_id: row for row in tweets.page(empty_study)}
    assert rows["1790000000000000001"].text == "Grüße, ihr"
    assert rows["1790000000000000001"].labels == (("Ana", "pro"),)
    assert rows["2"].lang == "ar" and not rows["2"].labels


def test_a_wrong_format_is_corrected(
    shown: Shown, qtbot: QtBot, settled: Settled, tmp_path: Path, empty_study: Study
) -> None:
    dialog = shown(tmp_path / "t.csv", "id;text\n1;Zażółć, gęślą\n2;jaźń, tak\n".encode("cp1250"))
    assert "Zażółć" not in dialog.preview.sample.item(0, 1).text()
    encoding = dialog.preview.encoding
    encoding.setCurrentIndex(encoding.findText("Central European (Windows)"))
    settled()
    assert dialog.preview.sample.item(0, 1).text() == "Zażółć, gęślą"
    delimiter = dialog.preview.delimiter
    delimiter.setCurrentIndex(delimiter.findData(","))
    settled()
    assert dialog.preview.sample.horizontalHeaderItem(0).text() != "id"
    delimiter.setCurrentIndex(delimiter.findData(";"))
    settled()
    _import(dialog, qtbot)
    assert [row.text for row in tweets.page(empty_study)] == ["Zażółć, gęślą", "jaźń, tak"]


def test_one_column_for_two_things_is_refused(
    shown: Shown, qtbot: QtBot, settled: Settled, tmp_path: Path, empty_study: Study
) -> None:
    dialog = shown(tmp_path / "t.csv", b"id,text,who\n1,one,ana\n")
    author = dialog.preview.columns["author"]
    author.setCurrentIndex(author.findData("text"))
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    settled()
    assert dialog.notice.tone is Tone.ERROR and "“text” is chosen twice" in dialog.notice.text
    assert empty_study.counts().tweets == 0 and dialog.preview.isVisible()
    author.setCurrentIndex(author.findData("who"))
    _import(dialog, qtbot)
    assert tweets.page(empty_study)[0].author == "ana"


def test_labels_that_the_codebook_does_not_know_are_told_their_classes(
    shown: Shown, qtbot: QtBot, settled: Settled, tmp_path: Path, empty_study: Study
) -> None:
    dialog = shown(
        tmp_path / "t.csv", b"id,text,stance,n\n1,a,for,0\n2,b,against,1\n3,c,against,2\n4,d,pro,3\n"
    )
    classes = dialog.preview.classes
    assert classes.isVisible() and list(classes.choices) == ["against", "for"]
    box = classes.choices["against"]
    box.setCurrentIndex(box.findData("anti"))
    label = dialog.preview.columns["label"]
    label.setCurrentIndex(label.findData(""))
    settled()
    assert not classes.isVisible()
    label.setCurrentIndex(label.findData("stance"))
    settled()
    box = classes.choices["against"]
    box.setCurrentIndex(box.findData("anti"))
    _import(dialog, qtbot)
    assert {r.tweet_id: r.label for r in tweets.page(empty_study)} == {
        "1": None,
        "2": "anti",
        "3": "anti",
        "4": "pro",
    }
    assert dialog.report is not None and dialog.report.classes == {"against": "anti"}
    assert dialog.notice.tone is Tone.WARNING and "Import the file again" in dialog.notice.text


def test_a_column_that_holds_no_labels_is_not_asked_about_line_by_line(
    shown: Shown, settled: Settled, tmp_path: Path
) -> None:
    rows = b"".join(b"%d,tweet %d,value %d\n" % (n, n, n) for n in range(60))
    dialog = shown(tmp_path / "t.csv", b"id,text,label\n" + rows)
    classes = dialog.preview.classes
    assert classes.isVisible() and not classes.choices and "60 different values" in classes.text.text()


def test_another_file_is_chosen_where_one_cannot_be_read(
    shown: Shown, qtbot: QtBot, settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = shown(tmp_path / "picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    assert "picture" in dialog.notice.text
    assert not dialog.preview.found.isVisible() and not dialog.preview.columns["text"].isVisible()
    good = tmp_path / "good.csv"
    good.write_text("id,text\n1,one\n", encoding="utf-8")
    monkeypatch.setattr("app.gui.import_dialog.QFileDialog.getOpenFileName", lambda *_: (str(good), ""))
    qtbot.mouseClick(dialog.other_button, Qt.MouseButton.LeftButton)
    settled()
    assert dialog.notice.text == "" and dialog.preview.columns["text"].isVisible()
    assert "good.csv" in dialog.windowTitle()
    _import(dialog, qtbot)


def test_a_short_report_is_a_small_window(shown: Shown, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = shown(tmp_path / "t.csv", b"id,text\n1,one\n")
    before = dialog.height()
    _import(dialog, qtbot)
    qtbot.waitUntil(lambda: dialog.height() < before / 2, timeout=5000)


def test_a_wrong_guess_is_corrected(shown: Shown, qtbot: QtBot, tmp_path: Path, empty_study: Study) -> None:
    dialog = shown(tmp_path / "t.csv", b"id,text,reply\n1,first,second\n")
    dialog.preview.columns["text"].setCurrentIndex(dialog.preview.columns["text"].findData(""))
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    assert dialog.notice.tone is Tone.WARNING and "text" in dialog.notice.text
    assert empty_study.counts().tweets == 0
    dialog.preview.columns["text"].setCurrentIndex(dialog.preview.columns["text"].findData("reply"))
    _import(dialog, qtbot)
    assert [row.text for row in tweets.page(empty_study)] == ["second"]
    assert tweets.page(empty_study)[0].extra == {"text": "first"}


def test_the_report_tells_each_rejected_row_and_is_copied(shown: Shown, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = shown(tmp_path / "t.csv", b"id,text\n1,one\n1,one\n1.7E+18,two\n3,\n4,four\n")
    _import(dialog, qtbot)
    report = dialog.report
    assert report is not None
    assert (report.accepted, report.duplicates, report.rejected_count) == (2, 1, 2)
    told = dialog.report_view.rejected_rows.toPlainText()
    assert "row 4" in told and "1.7E+18" in told and "row 5" in told
    qtbot.mouseClick(dialog.report_view.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == f"{dialog.report_view.summary.text()}\n{told}"
    assert not dialog.import_button.isVisible()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\x03" * 100], ids=["empty", "no text"])
def test_a_file_that_is_no_table_is_told(shown: Shown, tmp_path: Path, content: bytes) -> None:
    dialog = shown(tmp_path / "t.csv", content)
    assert dialog.notice.tone is Tone.ERROR and "t.csv" in dialog.notice.text
    assert not dialog.import_button.isEnabled()
    dialog.reject()
    assert not dialog.isVisible()


def test_a_stopped_import_keeps_whole_chunks_and_says_so(
    shown: Shown, qtbot: QtBot, tmp_path: Path, empty_study: Study
) -> None:
    rows = b"".join(b"%d,tweet number %d\n" % (n, n) for n in range(60_000))
    dialog = shown(tmp_path / "t.csv", b"id,text\n" + rows)
    qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isVisible()
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=120_000)
    assert dialog.report is not None and dialog.report.stopped
    assert empty_study.counts().tweets == dialog.report.accepted < 60_000
    assert dialog.report_view.summary.text().startswith("Stopped")
    dialog.reject()


def test_test_rows_are_marked(shown: Shown, qtbot: QtBot, tmp_path: Path, empty_study: Study) -> None:
    from app.study import sealing

    dialog = shown(tmp_path / "t.csv", b"id,text\n1,one\n2,two\n")
    dialog.preview.test.setChecked(True)
    _import(dialog, qtbot)
    assert len(sealing.test_tweets(empty_study)) == 2
