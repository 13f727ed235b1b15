"""The chooser of the queue by key and mouse, what it remembers, suggestions, repeats and the learning curve."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from sqlalchemy import update

from app.gui.label_page import LabelPage
from app.gui.learning_curve_dialog import LearningCurveDialog
from app.gui.learning_curve_plot import LearningCurvePlot
from app.gui.main_window import MainWindow
from app.gui.queue_choice import QueueButton
from app.gui.quota_dialog import QuotaDialog
from app.settings import Settings
from app.study import queues, tweets
from app.study.labelling import Labelling
from app.study.learning_curve import CurvePoint, Gain, LearningCurve
from app.study.light_training import train_light_model
from app.study.queue_choice import KINDS
from app.study.repeats import AGAIN
from app.study.study import Study
from db import labels
from db.tables import Tweet
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def page(opened: Callable[..., LabelPage], settled: Settled) -> Iterator[LabelPage]:
    """Return the page with a coder at work, whose choices are remembered."""
    found = LabelPage()
    found.order.remember_in(Settings())
    opened(found)
    found.set_coder("Mia")
    settled()
    yield found


def _events(study: Study, tweet: int) -> list[tuple[str, str, str | None]]:
    """Return (source, suggestion_shown, leaf) of what happened to a tweet."""
    from sqlalchemy import select

    from db.tables import LabelEvent

    with study.reading() as session:
        rows = session.scalars(
            select(LabelEvent).where(LabelEvent.tweet_id == tweet).order_by(LabelEvent.seq)
        )
        return [(row.source, row.suggestion_shown, row.leaf) for row in rows]


def _choose(page: LabelPage, qtbot: QtBot, settled: Settled, kind: str) -> None:
    """Choose a queue by keys alone."""
    button = page.order_acts.button
    activate(qtbot, page)
    qtbot.keyClick(page, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(button.menu_.isVisible)
    wanted = button.kinds[kind]
    for _ in range(len(button.menu_.actions())):
        if button.menu_.activeAction() is wanted:
            break
        qtbot.keyClick(button.menu_, Qt.Key.Key_Down)
    qtbot.keyClick(button.menu_, Qt.Key.Key_Return)
    settled()


def test_the_usual_queue_is_random_and_each_says_what_it_does(page: LabelPage) -> None:
    button = page.order_acts.button
    assert button.isVisible() and button.text() == "Random ▾" and "(Ctrl+J)" in button.toolTip()
    assert set(button.kinds) == set(KINDS)
    tips = [action.toolTip() for action in button.kinds.values()]
    assert len(set(tips)) == len(KINDS) and all(
        f". (Alt+{number})" in tip for number, tip in enumerate(tips, 1)
    )


def test_a_queue_is_chosen_by_key_and_stands_with_the_label(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    with study.writing() as session:
        unlabelled = sorted(t.id for t in session.query(Tweet).filter(Tweet.labelled.is_(False)))[:3]
        session.execute(update(Tweet).where(Tweet.id.in_(unlabelled)).values(group_id=unlabelled[0]))
    _choose(page, qtbot, settled, queues.NEAR_DUPLICATES)
    assert page.order_acts.button.text() == "Near-duplicates together ▾"
    assert page.row is not None and page.row.id == unlabelled[0]
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.row is not None and page.row.id == unlabelled[1]
    assert _events(study, unlabelled[0]) == [(queues.NEAR_DUPLICATES, "", "pro")]
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.stack.currentWidget() is page.end
    assert "Choose another queue" in page.end.text.text()
    qtbot.mouseClick(page.end.button, Qt.MouseButton.LeftButton)
    settled()
    assert page.stack.currentWidget() is page.desk and page.order_acts.button.text() == "Random ▾"


def test_each_queue_has_a_key_of_its_own(page: LabelPage, qtbot: QtBot, settled: Settled) -> None:
    activate(qtbot, page)
    qtbot.keyClick(page, Qt.Key.Key_5, Qt.KeyboardModifier.AltModifier)
    settled()
    assert page.order.choice.kind == KINDS[4]
    qtbot.keyClick(page, Qt.Key.Key_9, Qt.KeyboardModifier.AltModifier)
    settled()
    assert page.order.choice.repeats > 0 and page.order_acts.button.repeats.isChecked()
    qtbot.keyClick(page, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    settled()
    assert page.order.choice.kind == queues.RANDOM


def test_the_choice_is_kept_for_each_coder_and_study(qtbot: QtBot, study: Study, settled: Settled) -> None:
    path = study.path
    study.close()
    for restart in range(2):
        window = MainWindow(Settings.load() if restart else Settings(coder="Mia"))
        qtbot.addWidget(window)
        with qtbot.waitExposed(window):
            window.show()
        assert window.open_study(path) and window.area is not None
        settled()
        page = window.area.label_page
        window.area.show_page("label")
        if not restart:
            page.order.choose("Mia", kind=queues.CODERS_DISAGREE, repeats=0.05, suggestions=True)
            settled()
            window.settings.coder = "Mia"
        assert page.order_acts.button.text() == "Coders disagree ▾"
        assert page.order_acts.button.repeats.isChecked() and page.order_acts.suggestions_action.isChecked()
        page.set_coder("Ben")
        settled()
        assert page.order_acts.button.text() == "Random ▾"
        assert not page.order_acts.suggestions_action.isChecked()
        assert window.close()
        settled()


def test_quotas_are_asked_for_and_a_refusal_leaves_the_queue(
    page: LabelPage, qtbot: QtBot, settled: Settled, study: Study
) -> None:
    def dialog() -> QuotaDialog:
        found = page.findChildren(QuotaDialog)
        assert len(found) == 1
        return found[0]

    _choose(page, qtbot, settled, queues.QUOTAS)
    qtbot.keyClick(dialog(), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not page.findChildren(QuotaDialog))
    assert page.order_acts.button.text() == "Random ▾" and page.order.choice.kind == queues.RANDOM
    _choose(page, qtbot, settled, queues.QUOTAS)
    asked = dialog()
    assert asked.start.isDefault() and asked.start.x() > asked.cancel.geometry().right()
    done = {code: labelled for code, (labelled, _) in tweets.languages(study).items()}
    for code, field in asked.fields.items():
        field.setValue(done[code] + 1 if code == "de" else 0)
    qtbot.mouseClick(asked.start, Qt.MouseButton.LeftButton)
    settled()
    assert page.order_acts.button.text() == "Language quotas ▾"
    assert page.row is not None and page.row.lang == "de"
    activate(qtbot, page)
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.stack.currentWidget() is page.end and "quotas" in page.end.text.text()


def test_a_search_result_becomes_the_queue(qtbot: QtBot, study: Study, settled: Settled) -> None:
    path = study.path
    with study.reading() as session:
        wanted = [t.id for t in session.query(Tweet).filter(Tweet.lang == "ko", Tweet.labelled.is_(False))]
    study.close()
    window = MainWindow(Settings(coder="Mia"))
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    assert window.open_study(path) and window.area is not None
    settled()
    window.area.show_page("tweets")
    listed = window.area.page("tweets")
    listed.language.setCurrentIndex(listed.language.findData("ko"))  # type: ignore[attr-defined]
    settled()
    activate(qtbot, window)
    qtbot.keyClick(listed, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    settled()
    page = window.area.label_page
    assert window.area.current is page and page.order_acts.button.text() == "Search result ▾"
    seen = []
    while page.row is not None and len(seen) < 99:
        seen.append(page.row.id)
        qtbot.keyClick(page, Qt.Key.Key_2)
    assert seen == sorted(wanted) and seen
    assert window.close()
    settled()


def test_suggestions_are_hidden_until_wanted_and_then_stand_with_the_label(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    line = page.order_acts.suggestion
    assert not line.isVisible()
    scores = train_light_model(study, "Mia", with_curve=False)
    assert scores is not None
    page.order.scores = scores
    first = page.row
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert first is not None and _events(study, first.id)[-1][1] == ""
    shown = page.row
    qtbot.keyClick(page, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert (
        shown is not None
        and page.row == shown
        and line.isVisible()
        and line.text().startswith("Suggestion: ")
    )
    assert not any(button.isChecked() for button in page.desk.leaves.buttons.values())
    told = line.shown
    suggested = scores.suggestion(shown.id)
    assert suggested is not None and told == f"{suggested[0]} (light model of {scores.labels} labels)"
    # What was seen was seen, even where the line is put away before the label.
    qtbot.keyClick(page, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert not line.isVisible()
    qtbot.keyClick(page, Qt.Key.Key_2)
    assert _events(study, shown.id)[-1] == (queues.RANDOM, told, "anti")
    following = page.row
    qtbot.keyClick(page, Qt.Key.Key_2)
    assert following is not None and _events(study, following.id)[-1][1] == ""


def test_a_sealed_tweet_has_no_suggestion(page: LabelPage, study: Study, qtbot: QtBot) -> None:
    page.order.scores = train_light_model(study, "Mia", with_curve=False)
    row = page.row
    assert row is not None
    with study.writing() as session:
        session.execute(update(Tweet).where(Tweet.id == row.id).values(sealed=True))
    qtbot.keyClick(page, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    line = page.order_acts.suggestion
    assert line.isVisible() and line.text() == "No suggestion for this tweet" and line.shown == ""
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert _events(study, row.id) == [(queues.RANDOM, "", "pro")]


def test_a_repeat_looks_like_any_tweet_and_stays_one_when_others_change_the_study(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    who = study.coder("Mia")
    with study.writing() as session:
        labels.add_event(
            session,
            {
                "coder_id": who.id, "tweet_id": study_tweet(study), "kind": "label", "leaf": "pro",
                "codebook_version_id": study.codebook_version, "given": "2020-01-01T00:00:00+00:00",
            },
        )  # fmt: skip
    page.order.choose("Mia", repeats=1.0)
    settled()
    row = page.row
    assert row is not None and row.id == study_tweet(study) and row.labels == ()
    assert page.desk.earlier.text() == ""
    assert not any(button.isChecked() for button in page.desk.leaves.buttons.values())
    page.study_changed({"labels"})
    settled()
    assert page.labelling is not None
    turn = page.labelling.turn()
    assert turn is not None and turn.repeat and page.row == row
    qtbot.keyClick(page, Qt.Key.Key_2)
    assert [event[0] for event in _events(study, row.id)] == ["", AGAIN]
    assert dict(tweets.get(study, [row.id])[0].labels)["Mia"] == "pro"
    assert page.undo() and page.row is not None and page.row.id == row.id and page.row.labels == ()


def study_tweet(study: Study) -> int:
    """Return the last tweet of the study."""
    return tweets.page(study, order="-file", limit=1)[0].id


def test_the_light_model_learns_beside_the_coder_and_orders_the_queue(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    first = page.row
    _choose(page, qtbot, settled, queues.UNCERTAIN)
    button = page.order_acts.button
    assert "until a model has learnt" in button.toolTip() and page.row is not None and first is not None
    qtbot.waitUntil(lambda: page.order.scores is not None and not page.order.job.is_running, timeout=60_000)
    settled()
    assert "until a model has learnt" not in button.toolTip()
    scores = page.order.scores
    assert scores is not None
    shown = page.row
    qtbot.keyClick(page, Qt.Key.Key_1)
    expected = [tweet for tweet in scores.uncertain() if tweet != shown.id]
    assert page.row is not None and page.row.id == expected[0]
    qtbot.keyClick(page, Qt.Key.Key_3)
    assert _events(study, expected[0])[-1][0] == queues.UNCERTAIN


def test_the_learning_curve_is_measured_while_it_is_looked_at(
    page: LabelPage, qtbot: QtBot, settled: Settled
) -> None:
    assert not page.order.job.is_running
    qtbot.keyClick(page, Qt.Key.Key_U, Qt.KeyboardModifier.ControlModifier)
    (dialog,) = page.findChildren(LearningCurveDialog)
    assert page.order.job.is_running and "learning" in dialog.expected.text()
    assert not dialog.isModal()
    qtbot.waitUntil(lambda: not page.order.job.is_running, timeout=120_000)
    settled()
    scores = page.order.scores
    assert scores is not None and scores.curve is not None
    if scores.curve.points:
        assert "more labels: about" in dialog.expected.text() and dialog.plot.isVisible()
    else:
        assert "too early" in dialog.expected.text() and not dialog.plot.isVisible()
    assert dialog.classes.rowCount() == 4
    activate(qtbot, dialog)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not page.order.is_watched


def test_a_training_ends_with_the_study(page: LabelPage, qtbot: QtBot, settled: Settled) -> None:
    page.order.choose("Mia", kind=queues.UNCERTAIN)
    settled()
    assert page.order.job.is_running
    page.study_closing()
    assert not page.order.job.is_running
    page.study = None
    settled()


def test_too_few_labels_are_told_in_the_curve(
    opened: Callable[..., LabelPage], empty_study: Study, qtbot: QtBot, settled: Settled
) -> None:
    from app.study.importing import import_file

    table = empty_study.path.with_name("few.csv")
    table.write_text("id,text,lang\n1,one,en\n2,two,en\n", encoding="utf-8")
    import_file(empty_study, table)
    Labelling(empty_study, "Ana").label("pro")
    page = opened(LabelPage(), empty_study)
    page.set_coder("Mia")
    settled()
    dialog = page.order_acts.show_curve()
    assert dialog is not None
    qtbot.waitUntil(lambda: not page.order.job.is_running, timeout=60_000)
    assert "too few labels" in dialog.expected.text() and "20" in dialog.about.text()
    dialog.close()


def test_the_plot_tells_its_points_and_paints(qtbot: QtBot) -> None:
    plot = LearningCurvePlot()
    qtbot.addWidget(plot)
    points = tuple(CurvePoint(n, s, s - 0.05, s + 0.05) for n, s in ((80, 0.4), (200, 0.5), (800, 0.6)))
    plot.show_curve(
        LearningCurve(
            1000, 900, ("a", "b"), points, (Gain(100, 0.01, 0.0, 0.02), Gain(500, 0.03, 0.0, 0.6)), {}, {}
        )
    )
    assert "800 labels: macro-F1 0.600" in plot.accessibleDescription()
    assert plot.scale() == (0.3, 1.0)
    assert plot.expected()[-1] == (1500, pytest.approx(0.63), 0.6, 1.0)
    for width, height in ((480, 240), (200, 180), (900, 500)):
        plot.resize(width, height)
        assert not plot.grab().isNull()


def test_the_plot_ends_at_the_labels_there_are_where_no_tweet_is_left(qtbot: QtBot) -> None:
    plot = LearningCurvePlot()
    qtbot.addWidget(plot)
    points = tuple(CurvePoint(n, s, s - 0.05, s + 0.05) for n, s in ((80, 0.4), (800, 0.6)))
    plot.show_curve(LearningCurve(1000, 0, ("a", "b"), points, (), {}, {}))
    assert plot.most() == 1000 and plot.expected() == [(800, 0.6, 0.6, 0.6)]
    assert not plot.grab().isNull()


def test_a_key_opens_no_menu_where_there_is_no_work(opened: Callable[..., LabelPage], qtbot: QtBot) -> None:
    page = opened(LabelPage())
    qtbot.keyClick(page, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert not isinstance(QApplication.activePopupWidget(), QueueButton)
    assert QApplication.activePopupWidget() is None
