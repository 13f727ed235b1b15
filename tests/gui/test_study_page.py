"""The overview: its counts, and the next step that it suggests."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from app.gui.study_page import StudyPage
from app.study import locks
from app.study.importing import import_file
from app.study.labelling import Labelling
from app.study.study import Study, StudyCounts

Settled = Callable[[], None]
COUNTS = StudyCounts(
    tweets=500, labelled=0, per_leaf={}, per_language={"en": (0, 500)}, predicted=0, models=0, runs=0
)


def test_counts_are_shown_and_follow_labels(
    opened: Callable[..., StudyPage], study: Study, settled: Settled
) -> None:
    page = opened(StudyPage())
    counts = study.counts()
    assert page.numbers["labelled"].text() == str(counts.labelled)
    assert page.classes.counts == counts.per_leaf and page.languages.counts == counts.per_language
    assert "Arabic (ar)" in page.languages.accessibleDescription()
    Labelling(study, "Mia").label("pro")
    page.study_changed({"labels"})
    settled()
    assert page.numbers["labelled"].text() == str(counts.labelled + 1)
    assert page.classes.counts["pro"] == counts.per_leaf["pro"] + 1


def test_disputed_tweets_have_a_row_and_a_share(
    opened: Callable[..., StudyPage], study: Study, settled: Settled
) -> None:
    page = opened(StudyPage())
    assert "Disputed" not in page.classes.accessibleDescription()
    height = page.classes.sizeHint().height()
    mia = Labelling(study, "Mia")
    for tweet in range(1, 9):
        mia.show(tweet)
        mia.label("pro")
    page.study_changed({"labels"})
    settled()
    counts = study.counts()
    assert counts.disputed and page.classes.sizeHint().height() > height
    assert sum(counts.per_leaf.values()) + counts.disputed == counts.labelled
    share = f"{100 * counts.disputed / counts.labelled:.1f}"
    assert f"Disputed {share}" in page.classes.accessibleDescription()
    assert not page.grab().isNull()
    locks.lock(study, "Round 1", "Mia", [*range(1, 9)])
    page.study_changed({"labels"})
    settled()
    assert study.counts().disputed == 0, "in a locked batch nobody can decide"
    assert f"Disputed {share}" in page.classes.accessibleDescription(), (
        "the rows add up to the labelled tweets"
    )


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        (COUNTS, "label"),
        (replace(COUNTS, labelled=99), "label"),
        (replace(COUNTS, labelled=100), "train"),
        (replace(COUNTS, tweets=3, labelled=3), "train"),
        (replace(COUNTS, labelled=100, models=1), "classify"),
        (replace(COUNTS, labelled=100, models=1, predicted=500), "results"),
    ],
)
def test_the_next_step(
    opened: Callable[..., StudyPage], qtbot: QtBot, counts: StudyCounts, wanted: str
) -> None:
    page = opened(StudyPage())
    page._show(counts)
    with qtbot.waitSignal(page.page_wanted) as asked:
        qtbot.mouseClick(page.next_button, Qt.MouseButton.LeftButton)
    assert asked.args == [wanted]


def test_an_empty_study_asks_for_tweets(
    opened: Callable[..., StudyPage], empty_study: Study, qtbot: QtBot
) -> None:
    page = opened(StudyPage(), on=empty_study)
    assert not page.bars.isVisible() and "empty" in page.next_text.text()
    with qtbot.waitSignal(page.import_wanted):
        qtbot.keyClick(page, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_training_is_not_proposed_where_it_would_refuse(
    opened: Callable[..., StudyPage], empty_study: Study, qtbot: QtBot, settled: Settled, tmp_path: Path
) -> None:
    table = tmp_path / "one class.csv"
    rows = [f"{n},tweet {n},en,anti" for n in range(8)]
    table.write_text("\n".join(["id,text,lang,label", *rows]), encoding="utf-8")
    import_file(empty_study, table)
    page = opened(StudyPage(), on=empty_study)
    assert "at least two classes" in page.next_text.text() and "“Anti” 8" in page.next_text.text()
    # Every tweet has its label: only more tweets help.
    with qtbot.waitSignal(page.import_wanted):
        page.next_button.click()
    table.write_text("id,text,lang\n100,another,en\n", encoding="utf-8")
    import_file(empty_study, table)
    page._suggest(empty_study.counts(), "Too few.")
    with qtbot.waitSignal(page.page_wanted) as asked:
        page.next_button.click()
    assert asked.args == ["label"]


def test_the_next_step_is_looked_up_when_the_page_is_seen_again(
    opened: Callable[..., StudyPage], study: Study, settled: Settled
) -> None:
    page = opened(StudyPage())
    labelled = study.counts().labelled
    page.hide()
    Labelling(study, "Mia").label("pro")
    page.study_changed({"labels"})
    settled()
    assert page.numbers["labelled"].text() == str(labelled)
    page.show()
    settled()
    assert page.numbers["labelled"].text() == str(labelled + 1)


def test_a_long_name_is_cut_off_and_makes_nothing_wide(
    opened: Callable[..., StudyPage], tmp_path: Path, settled: Settled
) -> None:
    with Study.create(tmp_path / "long.stancedesk", name="Very-long-name" * 11) as study:
        page = opened(StudyPage(), on=study)
        assert page.minimumSizeHint().width() < 800
        scroll = page.findChild(QScrollArea)
        assert scroll is not None and scroll.horizontalScrollBar().maximum() == 0
        assert page.name.shown().endswith("…") and page.name.toolTip() == study.title
