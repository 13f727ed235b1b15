"""How far labelling is, at the side of the label page."""

from pytestqt.qtbot import QtBot

from app.gui.label_progress import LabelProgress
from app.study.codebook import Codebook
from app.study.progress import Progress


def test_tweets_on_which_coders_disagree_are_counted_beside_the_classes(qtbot: QtBot) -> None:
    leaves = Codebook.default().leaves
    shown = LabelProgress()
    qtbot.addWidget(shown)
    counts = {leaf.code: 3 for leaf in leaves}
    labelled = 3 * len(leaves)
    shown.show_progress(Progress(labelled, 100, counts, {"en": (labelled, 100)}), leaves, "Mia")
    assert [row[2] for row in shown.classes.rows] == [leaf.name for leaf in leaves]
    shown.show_progress(Progress(labelled + 5, 100, counts, {"en": (labelled + 5, 100)}), leaves, "Mia")
    assert shown.classes.rows[-1][2:4] == ("Disputed", "5")
    assert sum(int(row[3]) for row in shown.classes.rows) == labelled + 5
