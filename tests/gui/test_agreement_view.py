"""The view of agreement: what it shows, by mouse and by key, and what it copies."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.gui import agreement_figures as words
from app.gui import theme
from app.gui.agreement_view import AgreementView
from app.gui.estimate_table import EstimateTable
from app.gui.interval_plot import IntervalPlot, PlotRow
from app.gui.notice import Tone
from app.study import tweets
from app.study.agreement import CLASS, measure_agreement
from app.study.agreement_measures import ALPHA, all_measures
from app.study.agreement_text import methods_text
from app.study.importing import import_file
from app.study.labelling import Labelling
from app.study.study import Study
from db import label_overview, labels
from tests.gui.focus import activate

Settled = Callable[[], None]
LEAVES = ["pro", "anti", "neutral", "unrelated"]


def label_like(study: Study, coder: str, folder: Path, every: int, language: str = "") -> None:
    """Import Ana's labels as another coder's, with each so-manyth turned into the next class."""
    with study.reading() as session:
        ana = label_overview.agreed(session)
    path = folder / f"{coder}.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "lang", "label"])
        for number, row in enumerate(tweets.get(study, list(ana))):
            turned = LEAVES[(LEAVES.index(ana[row.id]) + (number % every == 0)) % 4]
            if language in ("", row.lang):
                writer.writerow([row.tweet_id, row.text, row.lang, turned])
    import_file(study, path, coder=coder)


@pytest.fixture
def view(qtbot: QtBot, study: Study, tmp_path: Path, settled: Settled) -> AgreementView:
    """Return the view on a study that Ana and Ben labelled, and Cem in English."""
    label_like(study, "Cem", tmp_path, 3, "en")
    # Where Cem differs from Ana no label stands; Ben has the others.
    label_like(study, "Ben", tmp_path, 5)
    return shown(qtbot, study, settled)


def shown(qtbot: QtBot, study: Study, settled: Settled) -> AgreementView:
    view = AgreementView()
    qtbot.addWidget(view)
    view.resize(900, 700)
    view.show_study(study)
    with qtbot.waitExposed(view):
        view.show()
    activate(qtbot, view)
    settled()
    return view


def choose(qtbot: QtBot, choice: QComboBox, name: str) -> None:
    """Choose by keys, as a user does who has no mouse."""
    choice.setFocus()
    qtbot.keyClick(choice, Qt.Key.Key_Home)
    for _ in range(choice.findText(name)):
        qtbot.keyClick(choice, Qt.Key.Key_Down)
    assert choice.currentText() == name


def test_the_measures_are_those_of_the_study(view: AgreementView, study: Study, qtbot: QtBot) -> None:
    report = measure_agreement(study)
    assert view.stack.currentIndex() == 1
    assert [view.question.itemText(n) for n in range(view.question.count())] == ["Topic", "Stance", "Class"]
    assert view.basis.text().startswith(f"{report.question('topic').n} tweets that at least two of 3 coders")
    choose(qtbot, view.question, "Class")
    alpha = report.question(CLASS).overall[ALPHA]
    assert alpha.low is not None and alpha.high is not None
    assert view.measures.texts()[2] == [
        "Krippendorff's alpha",
        f"{alpha.value:.3f}",
        f"[{alpha.low:.3f}, {alpha.high:.3f}]",
        str(alpha.n),
    ]
    assert [row.value for row in view.plot.rows] == [
        one.value for one in report.question(CLASS).overall.values()
    ]
    assert f"Krippendorff's alpha {alpha.value:.3f}" in view.plot.accessibleDescription()
    assert [row[0] for row in view.pairs.texts()] == ["Ana × Ben", "Ana × Cem", "Ben × Cem"]
    assert view.languages.rowCount() == len(report.languages)
    choose(qtbot, view.question, "Stance")
    assert "answered this question" in view.basis.text()
    assert view.measures.text(0, 3) == str(report.question("stance").n)
    assert len(view.explanations) == 4 and all(label.text() for label in view.explanations)


def test_a_language_is_measured_alone(
    view: AgreementView, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    choose(qtbot, view.language, "German (de)")
    settled()
    german = measure_agreement(study, ["de"])
    assert view.report == german
    assert view.measures.text(0, 3) == f"{german.question('topic').n} (few tweets)"
    assert not view.languages.isVisibleTo(view)
    choose(qtbot, view.language, "All languages")
    settled()
    assert view.languages.isVisibleTo(view)
    assert view.report == measure_agreement(study)


def test_the_head_is_never_cut(view: AgreementView, qtbot: QtBot) -> None:
    for width in (620, 1400):
        view.resize(width, 700)
        qtbot.wait(20)
        for widget in (view.question, view.language, view.copy_table, view.copy_text):
            assert widget.width() >= widget.sizeHint().width(), (width, widget.accessibleName())


def test_figures_of_few_tweets_are_told_with_stars(qtbot: QtBot) -> None:
    few = all_measures([*[["a", "a"]] * 7, ["b", "a"]])
    table = EstimateTable("few")
    qtbot.addWidget(table)
    table.show_estimates("language", [("Dutch", few)])
    row = table.texts()[0]
    assert row[:2] == ["Dutch", "8 (few tweets)"] and row[2].startswith("87.5 % [") and row[3] == "0.000 *"
    assert "* No interval: nearly all resamples give this one value. (Dutch)" in words.footnotes(
        [("Dutch", few)]
    )
    many = [(name, few) for name in ("de", "en", "es", "fr", "nl")]
    assert "(de, en, es and 2 more)" in words.footnotes(many)


def test_an_overtaken_measurement_is_dropped(view: AgreementView, settled: Settled) -> None:
    view.language.setCurrentIndex(view.language.findData("de"))
    view.language.setCurrentIndex(view.language.findData("en"))
    settled()
    assert view.report is not None and view.report.languages == ("en",)


def test_the_confusion_table_of_two_chosen_coders(view: AgreementView, study: Study, qtbot: QtBot) -> None:
    choose(qtbot, view.question, "Class")
    confusion = view.confusion
    assert (confusion.first.currentText(), confusion.second.currentText()) == ("Ana", "Ben")
    pairs = {
        (pair.first, pair.second): pair.confusion for pair in measure_agreement(study).question(CLASS).pairs
    }

    def numbers() -> list[list[int]]:
        return [[int(cell) for cell in row[1:-1]] for row in confusion.table.texts()[:-1]]

    table = [list(row.values()) for row in pairs["Ana", "Ben"].values()]
    assert numbers() == table
    assert confusion.table.text(4, 5) == str(sum(map(sum, table)))
    # Ben in the rows: Ana, who stood in the columns' way, goes there, and the table is turned.
    choose(qtbot, confusion.second, "Cem")
    choose(qtbot, confusion.first, "Ben")
    choose(qtbot, confusion.second, "Ana")
    assert numbers() == [list(column) for column in zip(*table, strict=True)]
    confusion.first.setCurrentText("Ana")
    assert confusion.second.currentText() != "Ana"


def test_the_text_is_copied_by_mouse_and_by_key(view: AgreementView, study: Study, qtbot: QtBot) -> None:
    clipboard = QGuiApplication.clipboard()
    expected = methods_text(measure_agreement(study))
    clipboard.clear()
    qtbot.mouseClick(view.copy_text, Qt.MouseButton.LeftButton)
    assert clipboard.text() == expected
    assert view.notice.tone is Tone.GOOD and "copied" in view.notice.text
    clipboard.clear()
    qtbot.keyClick(
        view, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert clipboard.text() == expected


def test_the_figures_are_copied_by_mouse_and_by_key(view: AgreementView, study: Study, qtbot: QtBot) -> None:
    clipboard = QGuiApplication.clipboard()
    choose(qtbot, view.question, "Class")
    clipboard.clear()
    qtbot.mouseClick(view.copy_table, Qt.MouseButton.LeftButton)
    lines = [line.split("\t") for line in clipboard.text().split("\n")]
    assert lines[0] == ["question", "tweets of", "measure", "value", "low", "high", "n", "remark"]
    question = measure_agreement(study).question(CLASS)
    assert len(lines) == 1 + 4 * (1 + len(question.languages) + len(question.pairs))
    alpha = question.overall[ALPHA]
    assert lines[3][:4] == ["Class", "all", "Krippendorff's alpha", f"{alpha.value:.4f}"]
    assert {len(line) for line in lines} == {8}
    copied = clipboard.text()
    clipboard.clear()
    qtbot.keyClick(
        view, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert clipboard.text() == copied


def test_without_a_second_coder_it_says_what_to_do(qtbot: QtBot, study: Study, settled: Settled) -> None:
    view = shown(qtbot, study, settled)
    assert view.stack.currentIndex() == 0
    assert view.empty.text.text().startswith("Two coders must label the same tweets")
    with qtbot.waitSignal(view.second_coder_wanted):
        qtbot.mouseClick(view.empty.button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(view.assign_wanted):
        qtbot.mouseClick(view.assign, Qt.MouseButton.LeftButton)
    QGuiApplication.clipboard().setText("mine")
    for key in (Qt.Key.Key_M, Qt.Key.Key_D):
        qtbot.keyClick(view, key, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert QGuiApplication.clipboard().text() == "mine"


def test_before_and_after_a_study_it_is_empty(qtbot: QtBot, view: AgreementView) -> None:
    alone = AgreementView()
    qtbot.addWidget(alone)
    alone.show()
    assert alone.stack.currentIndex() == 0
    view.show_study(None)
    assert view.stack.currentIndex() == 0 and view.report is None


def test_it_follows_labels_when_it_is_seen(qtbot: QtBot, study: Study, settled: Settled) -> None:
    view = shown(qtbot, study, settled)
    work = Labelling(study, "Dora", double=True)
    with study.reading() as session:
        ana = label_overview.agreed(session)
    first, second = list(ana)[:2]
    work.show(first)
    work.label(ana[first])
    view.study_changed({"predictions"})
    settled()
    assert view.stack.currentIndex() == 0
    view.study_changed({"labels"})
    settled()
    assert view.stack.currentIndex() == 1
    assert view.measures.text(0, 1) == "100.0 %"
    # One tweet alone gives no interval and, of one class, neither kappa nor alpha.
    assert view.measures.texts()[1][1:3] == ["not defined", "–"]
    assert "Not defined because only one class was used." in view.remarks.text()
    assert view.plot.rows[1].undefined == "Not defined because only one class was used."
    view.hide()
    work.show(second)
    work.label(ana[second])
    view.study_changed({"labels"})
    settled()
    assert view.report is not None and view.report.tweets == 1
    view.show()
    settled()
    assert view.report is not None and view.report.tweets == 2


def test_repeats_of_a_coder_are_shown(
    view: AgreementView, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    assert not view.repeats.isVisibleTo(view)
    assert "No tweet" in view.repeats_note.text()
    ben = study.coder("Ben").id
    with study.writing() as session:
        tweet, leaf = next(iter(label_overview.agreed(session).items()))
        labels.add_event(
            session,
            {
                "coder_id": ben, "tweet_id": tweet, "codebook_version_id": 1, "kind": "label", "leaf": leaf,
                "given": "2100-01-01", "repeat": True,
            },
        )  # fmt: skip
    view.study_changed({"labels"})
    settled()
    assert view.repeats.isVisibleTo(view)
    assert view.repeats.texts()[0][:3] == ["Ben", "1 (few tweets)", "100.0 % *"]
    assert "* One unit alone gives no interval. (Ben)" in view.repeats_notes.text()


def test_an_error_that_can_be_mended_is_told(view: AgreementView, settled: Settled) -> None:
    view.language.addItem("Klingon", "tlh")
    view.language.setCurrentIndex(view.language.count() - 1)
    settled()
    assert view.notice.tone is Tone.ERROR
    assert "no tweets in the language “tlh”" in view.notice.text


def test_everything_has_a_name_and_each_choice_a_key(view: AgreementView) -> None:
    widgets: list[QWidget] = [
        *view.findChildren(QComboBox),
        *(button for button in view.findChildren(QPushButton) if button is not view.empty.button),
    ]
    assert len(widgets) == 7
    for widget in widgets:
        assert widget.accessibleName()
        assert "(Alt+" in widget.toolTip() or "(Ctrl+Shift+" in widget.toolTip(), widget.accessibleName()
    for table in (view.measures, view.languages, view.pairs, view.confusion.table, view.repeats, view.plot):
        assert table.accessibleName()


# The plot


def drawn(plot: IntervalPlot) -> QImage:
    return plot.grab().toImage()


def columns_of(image: QImage, y: int, colour: str) -> list[int]:
    wanted = QColor(colour)
    return [x for x in range(image.width()) if image.pixelColor(x, y) == wanted]


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_dots_and_lines_stand_where_the_figures_are(qtbot: QtBot, choice: str) -> None:
    theme.apply(choice)
    plot = IntervalPlot("plot")
    qtbot.addWidget(plot)
    plot.resize(440, 100)
    plot.show_rows(
        [PlotRow("a", 0.5, 0.25, 0.75), PlotRow("b", None, undefined="no reason")], head=30, row=30
    )
    plot.show()
    image, accent = drawn(plot), theme.tokens().accent
    line = columns_of(image, 45, accent)
    width = image.width()
    assert sum(line) / len(line) == pytest.approx(width / 2, abs=2)
    # From the first to the last line of the scale it is the width without a margin on either side.
    assert len(line) == pytest.approx((line[-1] - line[0]) + 1, abs=2)
    assert width * 0.4 < len(line) < width * 0.5
    assert columns_of(image, 75, accent) == []


def test_the_scale_goes_below_zero_where_the_figures_do(qtbot: QtBot) -> None:
    plot = IntervalPlot("plot")
    qtbot.addWidget(plot)
    assert plot.lowest() == 0
    plot.show_rows([PlotRow("a", 0.1, 0.0, 0.3)])
    assert plot.lowest() == 0
    plot.show_rows([PlotRow("a", 0.1, -0.3, 0.3)])
    assert plot.lowest() == pytest.approx(-0.4)
    plot.show_rows([PlotRow("a", -1.0, -1.0, -1.0)])
    assert plot.lowest() == -1


def test_while_it_measures_nothing_is_said_to_be_missing(
    qtbot: QtBot, study: Study, settled: Settled
) -> None:
    view = AgreementView()
    qtbot.addWidget(view)
    view.show_study(study)
    with qtbot.waitExposed(view):
        view.show()
    assert view.waiting.isVisible() and not view.empty.isVisible()
    settled()
    assert not view.waiting.isVisible()
