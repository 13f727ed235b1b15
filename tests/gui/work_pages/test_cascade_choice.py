"""The cascade on the Classify page: asked for by mouse or key, told when the job has ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.gui.classify_page import ClassifyPage
from app.gui.notice import Tone
from app.inference.model_file import sha256
from app.jobs.job_list import JobList
from app.study import models, predictions
from app.study.codebook import Codebook
from app.study.shelf import ModelEntry
from app.study.study import Study

from .conftest import Replay
from .test_classify_and_results import report

Settle = Callable[[Callable[[], bool]], None]
FLAT = """
start = "tone"
[[questions]]
code = "tone"
[[questions.options]]
code = "good"
key = "1"
[[questions.options]]
code = "bad"
key = "2"
"""


def facts(**fields: Any) -> dict[str, Any]:
    of = {"tweets": 3000, "learn": 200, "cascaded": True, "calibrated": 800, "related": 500, "ahead": 0}
    few = {
        "tweets": 9,
        "learn": 1,
        "cascaded": False,
        "calibrated": 2,
        "related": 0,
        "ahead": 0,
        "holds": False,
    }
    return {
        "stage": "done",
        "terms": {"bound": 0.005, "confidence": 0.9},
        "seed": 7,
        "selected": 6009,
        "learn": 401,
        "labels": 40,
        "calibrated": 1602,
        "calibrated_related": 620,
        "ahead": 0,
        "settled": 1900,
        "languages": {
            "en": of | {"settled": 1200, "holds": True},
            "es": of | {"settled": 700, "related": 120, "holds": False},
            "de": few | {"settled": 0},
        },
        "audit": {
            "tweets": 100, "related": 0, "interval": [0.0, 0.0362], "lost": 0.0, "lost_share": 0.0,
            "lost_interval": [0.0, 0.04],
        },
        "seconds_saved": 150.0,
    } | fields  # fmt: skip


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList) -> ClassifyPage:
    shown = ClassifyPage(study, jobs)
    qtbot.addWidget(shown)
    shown.show()
    return shown


def test_it_is_off_until_it_is_asked_for_and_then_has_a_bound(
    qtbot: QtBot, model: ModelEntry, page: ClassifyPage, settle: Settle
) -> None:
    settle(lambda: page.start.isEnabled())
    choice = page.cascade
    assert not any(word.startswith("--cascade") for word in page.words())
    assert not choice.bound.isEnabled() and not choice.explanation.isVisible()
    choice.wanted.setFocus()
    qtbot.keyClick(choice.wanted, Qt.Key.Key_Space)
    assert page.words()[-1] == "--cascade=0.5"
    assert choice.bound.isEnabled() and "at most this share is lost" in choice.explanation.text()
    qtbot.keyClick(choice.bound, Qt.Key.Key_Up)
    assert page.words()[-1] == "--cascade=0.6"
    qtbot.mouseClick(choice.wanted, Qt.MouseButton.LeftButton, pos=choice.wanted.rect().center() / 4)
    assert not choice.wanted.isChecked()


def test_what_was_settled_is_to_be_classified_where_there_is_no_cascade(
    model: ModelEntry, page: ClassifyPage, study: Study, replay: Replay, settle: Settle
) -> None:
    leaves = list(study.codebook.leaf_codes)
    known = models.register(study, "tiny", str(model.folder), sha256(model.folder / "model.gguf"), leaves)
    said = np.tile(np.asarray([0, 0, 0, 1], dtype=np.float32), (42, 1))
    predictions.save(study, known.id, leaves, range(1, 31), said[:30], "")
    predictions.save(study, known.id, leaves, range(31, 41), said[:10], "", settled=True)
    page.study_changed({"predictions"})
    told = "12 tweets to classify, 30 have been before (10 of them settled by a light model so far)"
    settle(lambda: page.selected.text() == told)
    page.cascade.wanted.setChecked(True)
    settle(lambda: page.selected.text() == "2 tweets to classify, 40 have been before")
    page.cascade.wanted.setChecked(False)
    settle(lambda: page.selected.text() == told)
    replay("classify", [report(before=30, predicted=12, were_settled=10)], stays=False)
    settle(page.sum.isVisible)
    assert "30 classified before + 12 classified now (10 of them settled before) + 0" in page.sum.text()
    assert page.notice.tone is Tone.GOOD


def test_a_codebook_without_an_unrelated_leaf_is_told(qtbot: QtBot, jobs: JobList, tmp_path: Path) -> None:
    with Study.create(tmp_path / "flat.stancedesk", Codebook.from_toml(FLAT)) as flat:
        page = ClassifyPage(flat, jobs)
        qtbot.addWidget(page)
        assert not page.cascade.wanted.isEnabled()
        assert "Not with this codebook" in page.cascade.explanation.text()


def test_what_was_settled_lost_and_audited_is_told(
    model: ModelEntry, page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    settle(lambda: page.start.isEnabled())
    ended = report(selected=6009, predicted=4109, settled=1900, per_leaf={"pro": 6009}, cascade=facts())
    replay("classify", [ended], stays=False)
    settle(page.cascade_view.isVisible)
    assert page.notice.tone is Tone.GOOD
    assert "6009 selected = 4109 classified + 1900 settled by the light model + 0 failed" in page.sum.text()
    told = page.cascade_view.outcome.text()
    assert "1,900 of 6,009 (31.6 %)" in told and "at most 0.50 %" in told and "90 % confidence" in told
    assert "Of 100 tweets drawn at random" in told
    assert "2 min 30 s" in page.cascade_view.saved.text()
    rows = page.cascade_view.languages.texts()
    assert [row[0] for row in rows] == ["English (en)", "Spanish (es)", "German (de)"]
    assert [row[1] for row in rows] == ["holds alone, too", "pooled with the others", "classified in full"]
    page.cascade_view.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "401 tweets drawn at random and on 40 labelled tweets" in copied
    assert "Angelopoulos et al. 2021" in copied and "seed 7" in copied.casefold()


def test_why_there_was_none_is_told(
    model: ModelEntry, page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    settle(lambda: page.start.isEnabled())
    ended = report(cascade=facts(stage="declined", why="The job is too small."))
    replay("classify", [ended], stays=False)
    settle(page.cascade_view.isVisible)
    assert "every tweet was classified in full. The job is too small." in page.cascade_view.outcome.text()
    assert not page.cascade_view.languages.isVisible() and not page.cascade_view.copy.isVisible()
