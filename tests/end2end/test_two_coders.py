"""Two coders label the same tweets by key, a third decides: counts, history, agreement and export reconcile.

The sample study is replayed. STANCEDESK_REPLAY=FILE replays a table of one's own instead (columns id, text, lang,
label), up to STANCEDESK_REPLAY_TWEETS rows.
"""

import csv
import os
import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from sklearn.metrics import cohen_kappa_score

import resources
from app.gui import theme
from app.gui.main_window import MainWindow
from app.jobs.worker import _under_way, wait_for_workers
from app.settings import Settings
from app.study import exporting, importing, merging, review, tweets
from app.study.agreement import CLASS, measure_agreement
from app.study.agreement_measures import ALPHA, KAPPA, PERCENT
from app.study.codebook import Codebook
from app.study.study import Study
from tests.gui.focus import activate

NOISE = 0.15
# Now and then a coder presses a wrong key and takes it back, or says the same again differently.
SLIP = 0.05
WAIT = 60_000
CODEBOOK = Codebook.default()
KEYS = {leaf.code: leaf.key for leaf in CODEBOOK.leaves}


@dataclass
class Replay:
    """The file to label, the label of each tweet in it, what each coder says, and how often each pressed what."""

    file: Path
    truth: dict[str, str]
    said: dict[str, dict[str, str]]
    labels: Counter[str] = field(default_factory=Counter)
    undone: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Return the tweets, and two coders who are wrong on 15 % of them, each on others."""
    own = os.environ.get("STANCEDESK_REPLAY")
    with (
        resources.sample_study_file() as sample,
        open(own or sample, encoding="utf-8-sig", newline="") as file,
    ):
        rows = list(csv.DictReader(file))
    rows = rows[: int(os.environ.get("STANCEDESK_REPLAY_TWEETS", "2000"))] if own else rows[::4]
    truth = {row["id"]: CODEBOOK.find_leaf(row["label"]) or "" for row in rows}
    assert len(truth) == len(rows) and all(truth.values())
    said = {coder: _noisy(truth, random.Random(coder)) for coder in ("Ana", "Ben")}
    copied = tmp_path / "tweets.csv"
    with copied.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "lang"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return Replay(copied, truth, said)


def _noisy(truth: dict[str, str], chance: random.Random) -> dict[str, str]:
    def say(leaf: str) -> str:
        if chance.random() >= NOISE:
            return leaf
        return chance.choice([code for code in CODEBOOK.leaf_codes if code != leaf])

    return {tweet: say(leaf) for tweet, leaf in truth.items()}


def _open(qtbot: QtBot, study: Path, coder: str, page: str) -> MainWindow:
    theme.apply("light")
    window = MainWindow(Settings(theme="light", coder=coder))
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    activate(qtbot, window)
    assert window.open_study(study) and window.area is not None
    window.area.show_page(page)
    qtbot.waitUntil(lambda: not _under_way, timeout=WAIT)
    return window


def _label_everything(qtbot: QtBot, study: Path, coder: str, replay: Replay) -> None:
    """Label by key until the queue is empty; some slips are taken back with Ctrl+Z."""
    window = _open(qtbot, study, coder, "label")
    assert window.area is not None
    page, chance = window.area.label_page, random.Random(f"slips of {coder}")
    qtbot.waitUntil(lambda: page.row is not None, timeout=WAIT)
    while page.row is not None:
        row = page.row
        leaf = replay.said[coder][row.tweet_id]
        if chance.random() < SLIP:
            wrong = next(code for code in CODEBOOK.leaf_codes if code != leaf)
            qtbot.keyClick(page, KEYS[wrong])
            qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
            replay.labels[coder] += 1
            replay.undone[coder] += 1
            assert page.row is not None and page.row.id == row.id
        qtbot.keyClick(page, KEYS[leaf])
        replay.labels[coder] += 1
        assert page.row is not row, "the next tweet is shown at once"
    assert window.close_study()
    assert wait_for_workers()


def _decide_everything(qtbot: QtBot, study: Path, replay: Replay) -> int:
    """Decide each disagreement by key; return how many there were."""
    window = _open(qtbot, study, "Mia", "review")
    assert window.area is not None
    tab, decided = window.area.review_page.disagreements, 0
    # Mia has labelled nothing, and is asked first.
    qtbot.waitUntil(lambda: tab.stack.currentWidget() is tab.unseen, timeout=WAIT)
    qtbot.mouseClick(tab.unseen.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.case is not None, timeout=WAIT)
    while tab.case is not None:
        case = tab.case
        qtbot.keyClick(tab, KEYS[replay.truth[case.row.tweet_id]])
        decided += 1
        assert tab.case is not case
    assert window.close_study()
    assert wait_for_workers()
    return decided


def test_two_coders_and_a_decider(qtbot: QtBot, replay: Replay, tmp_path: Path) -> None:
    study_file, bens_copy = tmp_path / "study.stancedesk", tmp_path / "ben.stancedesk"
    with Study.create(study_file) as study:
        report = importing.import_file(study, replay.file)
        assert report.accepted == len(replay.truth)
    shutil.copyfile(study_file, bens_copy)

    _label_everything(qtbot, study_file, "Ana", replay)
    _label_everything(qtbot, bens_copy, "Ben", replay)
    ana, ben = replay.said["Ana"], replay.said["Ben"]
    differ = {tweet for tweet in replay.truth if ana[tweet] != ben[tweet]}
    with Study.open(study_file) as study:
        assert merging.merge(study, bens_copy).disputed_count == len(differ)
        _check_labels(study, replay)
        _check_agreement(study, ana, ben)

    assert _decide_everything(qtbot, study_file, replay) == len(differ)
    with Study.open(study_file) as study:
        counts = review.counts(study)
        assert (counts.disputed, counts.adjudicated) == (0, len(differ))
        # What was decided changes no coder's label, and so no agreement.
        _check_labels(study, replay)
        _check_agreement(study, ana, ben)
        _check_export(study, tmp_path / "out.csv", replay, differ)


def _check_labels(study: Study, replay: Replay) -> None:
    rows = tweets.page(study, limit=len(replay.truth) + 1)
    assert len(rows) == len(replay.truth) == study.counts().labelled
    events: Counter[str] = Counter()
    undone: Counter[str] = Counter()
    for row in rows:
        expected = {coder: said[row.tweet_id] for coder, said in replay.said.items()}
        assert dict(row.labels) == expected, row.tweet_id
        for entry in tweets.history(study, row.id):
            if entry.decided:
                continue
            if entry.undoes is None:
                events[entry.coder] += 1
            else:
                undone[entry.coder] += 1
    assert events == replay.labels and undone == replay.undone, "the history has each key that was pressed"


def _check_agreement(study: Study, ana: dict[str, str], ben: dict[str, str]) -> None:
    found = measure_agreement(study).question(CLASS).overall
    one, other = list(ana.values()), [ben[tweet] for tweet in ana]
    numbers = {code: number for number, code in enumerate(CODEBOOK.leaf_codes)}
    coded = np.array([[numbers[code] for code in codes] for codes in (one, other)])
    assert found[PERCENT].n == len(ana)
    assert found[PERCENT].value == pytest.approx(np.mean(coded[0] == coded[1]))
    assert found[KAPPA].value == pytest.approx(cohen_kappa_score(one, other))
    assert found[ALPHA].value == pytest.approx(
        krippendorff.alpha(reliability_data=coded.astype(float), level_of_measurement="nominal")
    )


def _check_export(study: Study, out: Path, replay: Replay, differ: set[str]) -> None:
    assert exporting.export(study, out).rows == len(replay.truth)
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    with replay.file.open(encoding="utf-8", newline="") as file:
        texts = {row["id"]: row["text"] for row in csv.DictReader(file)}
    assert rows.keys() == replay.truth.keys()
    for tweet, row in rows.items():
        decided = tweet in differ
        assert row["text"] == texts[tweet]
        assert row["label"] == (replay.truth[tweet] if decided else replay.said["Ana"][tweet])
        assert row["coders"] == "Ana; Ben"
        assert (row["gold_label"], row["gold_by"]) == ((replay.truth[tweet], "Mia") if decided else ("", ""))
