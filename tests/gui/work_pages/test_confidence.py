"""How far a model's confidence can be believed, and a threshold: seen, moved, kept, exported."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.gui import theme
from app.gui.export_dialog import ExportChoice, ExportDialog
from app.gui.model_details import ModelDetails
from app.gui.results_page import ResultsPage
from app.gui.threshold_view import ThresholdView
from app.gui.unit_plot import UnitPlot
from app.inference.model_file import sha256
from app.jobs.job_list import JobList
from app.study import evaluations, models, predictions
from app.study.confidence import Answers, decide
from app.study.confidence_report import confidence_report, training_confidence
from app.study.evaluation import score
from app.study.sampling import labelled_rows
from app.study.shelf import ModelEntry
from app.study.study import Study
from tests.gui.focus import activate

Settle = Callable[[Callable[[], bool]], None]


def _answers(english: int, other: int = 0) -> Answers:
    """Return answers that are sure to 0.50, 0.51, …; those below 0.7 are wrong."""
    sure = [0.5 + n % 50 / 100 for n in range(english)]
    rows = [("en", "pro", "pro" if one >= 0.7 else "anti", one) for one in sure]
    return Answers.of_rows([*rows, *[("es", "anti", "anti", 0.8)] * other])


@pytest.fixture
def view(qtbot: QtBot) -> ThresholdView:
    shown = ThresholdView({"pro": "Supportive"})
    qtbot.addWidget(shown)
    shown.resize(1000, 700)
    shown.show_answers(_answers(100, 10), 0.6, "Careful.")
    with qtbot.waitExposed(shown):
        shown.show()
    return shown


def test_moving_the_threshold_shows_what_it_does(qtbot: QtBot, view: ThresholdView) -> None:
    assert view.field.value() == 60.0 and view.slider.value() == 600
    assert "90 of 110 tweets (81.8 %) are decided, of these 77.8 % right" in view.told.text()
    with qtbot.waitSignal(view.threshold_chosen) as chosen:
        view.field.setValue(70)
    assert chosen.args == [0.7] and view.slider.value() == 700
    assert "70 of 110 tweets (63.6 %) are decided, of these 100.0 % right" in view.told.text()
    assert view.languages.texts() == [
        ["English (en)", "100", "60", "60.0 %", "100.0 %", "94.0 – 100.0 %"],
        ["Spanish (es) *", "10", "10", "100.0 %", "100.0 %", "72.2 – 100.0 %"],
    ]
    assert [row[:5] for row in view.classes.texts()] == [
        ["Supportive", "100", "60", "60.0 %", "100.0 %"],
        ["anti", "10", "10", "100.0 %", "100.0 %"],
    ]
    assert view.plot.mark == decide(_answers(100, 10), 0.7).overall
    assert view.plot.accessibleDescription() == view.told.text()
    with qtbot.waitSignal(view.threshold_chosen):
        view.slider.setFocus()
        qtbot.keyClick(view.slider, Qt.Key.Key_Right)
    assert view.field.value() == 71.0
    view.field.setValue(0)
    assert "All 110 tweets are decided" in view.told.text()
    view.field.setValue(100)
    assert "None of 110 tweets is decided" in view.told.text()
    view.settle()
    assert not view.is_moving


def test_the_wheel_moves_the_threshold_only_where_it_has_the_focus(qtbot: QtBot, view: ThresholdView) -> None:
    def turn(widget: QWidget) -> None:
        middle = QPointF(widget.rect().center())
        event = QWheelEvent(
            middle, widget.mapToGlobal(middle), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)

    activate(qtbot, view)
    view.language.setFocus()
    for widget in (view.slider, view.field):
        turn(widget)
    assert view.threshold == 0.6 and not view.is_moving
    view.field.setFocus()
    turn(view.field)
    assert view.threshold == 0.61
    view.settle()


def test_a_language_with_rows_enough_has_a_curve_of_its_own(view: ThresholdView) -> None:
    assert [view.language.itemText(i) for i in range(view.language.count())] == [
        "all languages",
        "English (en)",
    ]
    assert view.thresholds.texts()[0][:4] == ["0.0 %", "110", "100.0 %", "63.6 %"]
    view.language.setCurrentIndex(1)
    assert view.thresholds.texts()[0][:4] == ["0.0 %", "100", "100.0 %", "60.0 %"]
    assert view.plot.points[0].n == 100 and view.plot.points[-1].decided >= 10
    # All languages stay in their own table.
    assert view.languages.rowCount() == 2
    view.field.setValue(65)
    view.show_answers(_answers(60), 0.2, "")
    assert view.field.value() == 65.0, "what the user is just moving stays"
    view.settle()
    view.show_answers(_answers(60), 0.2, "")
    assert view.field.value() == 20.0


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_plots_are_drawn_in_the_colours_of_the_theme(
    qtbot: QtBot, view: ThresholdView, model: ModelEntry, name: str
) -> None:
    theme.apply(name)
    details = ModelDetails()
    qtbot.addWidget(details)
    found = training_confidence(_answers(100))
    details.show_model(replace(model, metrics={"confidence": found}))
    with qtbot.waitExposed(details):
        details.show()
    plots: list[UnitPlot] = [view.plot, details.confidence.plot]
    for plot in plots:
        image = plot.grab().toImage()
        seen = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
        assert QColor(theme.tokens().accent).name() in seen


def test_without_room_the_table_stands_below_its_plot(qtbot: QtBot, view: ThresholdView) -> None:
    assert view.thresholds.x() > view.plot.x() and view.thresholds.y() == view.plot.y()
    view.resize(640, 900)
    qtbot.waitUntil(lambda: view.thresholds.y() > view.plot.y() and view.thresholds.x() == view.plot.x())


def test_a_model_says_how_its_confidence_was_measured(qtbot: QtBot, model: ModelEntry) -> None:
    details = ModelDetails()
    qtbot.addWidget(details)
    details.show_model(model)
    assert "was not measured" in details.confidence.told.text()
    assert details.confidence.figures.isHidden()
    details.show_model(replace(model, metrics={"confidence": training_confidence(_answers(100))}))
    told = details.confidence.told.text()
    assert "Expected calibration error" in told and "fitted on the other four fifths" in told
    assert details.confidence.table.texts()[0][:2] == ["40 – 50 %", "2"]
    assert "100.0 % right" in details.confidence.plot.accessibleDescription()


@pytest.fixture
def evaluated(study: Study, model: ModelEntry) -> Study:
    """A study in which a model has classified and was evaluated: sure to 0.9 of some, to 0.4 of others."""
    leaves = study.codebook.leaf_codes
    known = models.register(study, model.name, str(model.folder), sha256(model.folder / "model.gguf"), leaves)
    rows = labelled_rows(study)
    sure = [[0.9, 0.05, 0.03, 0.02] if n % 2 else [0.4, 0.3, 0.2, 0.1] for n in range(len(rows))]
    predictions.save(study, known.id, leaves, [key for key, _ in rows], np.array(sure, np.float32), "")
    gold = [row.label for _, row in rows]
    scores = score(gold, ["pro"] * len(rows), study.codebook)
    answers = Answers.of_probabilities([row.lang for _, row in rows], gold, np.array(sure), leaves)
    report = {
        "model": model.name,
        "rows": "unseen",
        "warning": False,
        "note": "Scored.",
        "overall": scores,
        "seen": scores,
        "unseen": {"n": 0},
        "languages": {"en": scores | {"seen": True, "few": True}},
        "confusion": {},
        "confidence": confidence_report(answers, warning=False),
    }
    evaluations.save(study, known.id, report, evaluations.last_labels(study))
    return study


def test_the_threshold_is_kept_with_the_study_and_export_proposes_it(
    qtbot: QtBot, evaluated: Study, jobs: JobList, tmp_path: Path, settle: Settle
) -> None:
    choice = ExportChoice(evaluated)
    qtbot.addWidget(choice)
    assert not choice.undecided.isChecked() and choice.undecided_below() == 0.0
    assert "settled" not in choice.said.text()
    page = ResultsPage(evaluated, jobs)
    qtbot.addWidget(page)
    page.show()
    section = page.confidence
    settle(section.threshold.isVisible)
    assert section.threshold.threshold == 0.0
    assert "Expected calibration error" in section.reliability.told.text()
    activate(qtbot, page)
    qtbot.keyClick(page, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert section.threshold.field.hasFocus()
    qtbot.keyClicks(section.threshold.field, "50")
    qtbot.keyClick(section.threshold.field, Qt.Key.Key_Return)
    settle(lambda: evaluations.undecided_below(evaluated) == 0.5)
    again = ResultsPage(evaluated, jobs)
    qtbot.addWidget(again)
    again.show()
    settle(lambda: again.confidence.threshold.threshold == 0.5)

    choice = ExportChoice(evaluated)
    qtbot.addWidget(choice)
    with qtbot.waitExposed(choice):
        choice.show()
    assert choice.undecided.isChecked() and choice.below.value() == 50.0 and choice.undecided_below() == 0.5
    choice.label_events.setChecked(True)
    assert not choice.unsure.isEnabled() and choice.undecided_below() == 0.0
    choice.tweets.setChecked(True)
    dialog = ExportDialog(evaluated, tmp_path / "out.csv", undecided_below=choice.undecided_below())
    qtbot.addWidget(dialog)
    settle(lambda: dialog.report is not None)
    with open(tmp_path / "out.csv", encoding="utf-8-sig", newline="") as file:
        said = [row["predicted_label"] for row in csv.DictReader(file)]
    assert (said.count("undecided"), said.count("pro"), said.count("")) == (20, 20, 2)
    (known,) = models.list_models(evaluated)
    settled = np.array([[0.0, 0.0, 0.2, 0.8]], np.float32)
    predictions.save(evaluated, known.id, known.leaves, [41], settled, "", settled=True)
    choice = ExportChoice(evaluated)
    qtbot.addWidget(choice)
    assert "settled keeps its label" in choice.said.text()


def test_scores_of_an_earlier_version_say_that_confidence_was_not_measured(
    qtbot: QtBot, evaluated: Study, jobs: JobList, settle: Settle
) -> None:
    (known,) = models.list_models(evaluated)
    kept = evaluations.of_model(evaluated, known.name)
    assert kept is not None
    del kept.report["confidence"]
    evaluations.save(evaluated, known.id, kept.report, evaluations.last_labels(evaluated))
    page = ResultsPage(evaluated, jobs)
    qtbot.addWidget(page)
    page.show()
    settle(page.confidence.isVisible)
    assert "evaluate again" in page.confidence.reliability.told.text()
    assert page.confidence.threshold.isHidden()
