"""The costs of a million tweets and what they are computed on, from the Classify page."""

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.gui.classify_page import ClassifyPage
from app.gui.cost_dialog import CostDialog
from app.gui.notice import Tone
from app.inference.machine import UNUSED_GPU, UNUSED_GPU_STEP
from app.jobs.job_list import JobList
from app.settings import Settings
from app.study.study import Study
from tests.gui.focus import activate

from .conftest import Replay
from .test_classify_and_results import report

Settle = Callable[[Callable[[], bool]], None]
LEFT = Qt.MouseButton.LeftButton
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList, settings: Settings) -> ClassifyPage:
    shown = ClassifyPage(study, jobs, settings=settings)
    qtbot.addWidget(shown)
    shown.show()
    activate(qtbot, shown)
    # As it is with a model.
    qtbot.waitUntil(lambda: shown.stack.currentIndex() == 0)
    shown.stack.setCurrentIndex(1)
    return shown


def stage(**fields: Any) -> dict[str, Any]:
    return {"event": "stage", "time": "", "stage": "classify", "message": "Classifying."} | fields


def test_without_a_speed_it_asks_for_one_and_tells_by_mouse_and_key(
    qtbot: QtBot, page: ClassifyPage, settings: Settings
) -> None:
    qtbot.mouseClick(page.costs, LEFT)
    dialog = page.costs.dialog
    assert isinstance(dialog, CostDialog)
    assert dialog.origin.text() == "not measured yet" and not dialog.copy_button.isEnabled()
    assert dialog.table.texts()[0] == ["This machine (electricity)", "–", "–", "–"]
    assert dialog.table.texts()[1][3] == "$405.00"
    qtbot.waitUntil(dialog.speed.hasFocus)
    qtbot.keyClicks(dialog.speed, "20")
    assert dialog.origin.text() == "typed in"
    assert dialog.table.texts()[0][1:] == ["13.9 hours", "0.90 kWh", "$0.27"]
    assert "1,500 times as much" in dialog.sentence.text()
    assert "openrouter.ai" in dialog.left_out.text()
    dialog.boxes["watts"].setFocus()
    dialog.boxes["watts"].selectAll()
    qtbot.keyClicks(dialog.boxes["watts"], "130")
    assert dialog.table.texts()[0][2:] == ["1.81 kWh", "$0.54"]
    qtbot.keyClick(dialog, Qt.Key.Key_M, CONTROL | SHIFT)
    assert QGuiApplication.clipboard().text().startswith("Classification ran at 20 tweets a second")
    assert dialog.notice.tone is Tone.GOOD
    dialog.take_speed(500.0)
    assert dialog.speed.value() == 20 and dialog.notice.text
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.costs.dialog is None)
    assert Settings.load().costs == {"watts": 130.0}
    assert Settings.load().tweets_per_second == 0

    activate(qtbot, page)
    qtbot.keyClick(page, Qt.Key.Key_K, CONTROL | SHIFT)
    again = page.costs.dialog
    assert again is not None and again.boxes["watts"].value() == 130
    qtbot.mouseClick(again.defaults, LEFT)
    assert again.boxes["watts"].value() == 65
    qtbot.mouseClick(again.close_button, LEFT)
    qtbot.waitUntil(lambda: page.costs.dialog is None)
    assert Settings.load().costs == {}


def test_another_currency_needs_its_own_price_of_the_api(qtbot: QtBot, page: ClassifyPage) -> None:
    page.costs.take_speed(20)
    dialog = page.costs.open_dialog()
    dialog.currency.setText("EUR")
    assert dialog.notice.tone is Tone.WARNING and "US dollars" in dialog.notice.text
    assert dialog.table.texts()[0][3] == "EUR 0.27"
    dialog.boxes["api_input"].setValue(2.2)
    assert not dialog.notice.text
    dialog.currency.setText("7")
    assert dialog.notice.tone is Tone.ERROR and "no sign of a currency" in dialog.notice.text
    assert dialog.table.texts()[0][3] == "–" and not dialog.copy_button.isEnabled()
    dialog.reject()
    # What cannot be is not remembered, all else is.
    assert Settings.load().costs == {"api_input": 2.2}


def test_every_field_has_a_name_a_tooltip_and_a_letter_of_its_own(page: ClassifyPage) -> None:
    dialog = page.costs.open_dialog()
    used = [dialog.speed, dialog.currency, *dialog.boxes.values(), dialog.copy_button, dialog.defaults]
    assert all(one.toolTip() and (one.accessibleName() or one.text()) for one in used)  # type: ignore[union-attr]
    texts = [label.text() for label in dialog.findChildren(QLabel) if label.buddy() is not None]
    texts += [one.text() for one in (dialog.copy_button, dialog.defaults, dialog.close_button)]
    letters = [text[text.index("&") + 1].lower() for text in texts]
    assert len(letters) == len(set(letters)) == 11
    for text, letter in zip(texts, letters, strict=True):
        tips = [one.toolTip() for one in (*used, dialog.close_button)]
        assert any(f"Alt+{letter.upper()}" in tip for tip in tips) or text in (
            dialog.copy_button.text(),
            dialog.close_button.text(),
        )
    dialog.reject()


def test_a_running_job_tells_its_speed_and_what_it_computes_on(
    page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    assert page.device.isHidden()
    progress = {
        "event": "progress",
        "time": "",
        "stage": "classify",
        "done": 20,
        "total": 42,
        "unit": "tweets",
        "rate": 50.0,
        "per_leaf": {},
    }
    dialog = page.costs.open_dialog()
    replay("classify", [stage(device="CPU", unused_gpu=True), progress])
    settle(lambda: dialog.speed.value() == 50)
    assert dialog.origin.text() == "measured here" and dialog.found is not None
    dialog.reject()
    assert page.device.badge.isVisible() and page.device.badge.text() == "CPU"
    assert page.device.badge.accessibleName() == "Computed on: CPU"
    assert page.device.notice.tone is Tone.WARNING
    assert page.device.notice.text == f"{UNUSED_GPU} {UNUSED_GPU_STEP}"
    page.panel.stop.click()
    page.panel.stop.click()
    settle(page.settings.isEnabled)


def test_the_result_keeps_the_badge_and_the_speed_is_remembered(
    page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    events = [stage(device="GPU", unused_gpu=False), report(device="GPU")]
    replay("classify", events, stays=False)
    settle(page.sum.isVisible)
    assert page.device.badge.text() == "GPU" and page.device.badge.isVisible()
    assert not page.device.warns
    assert Settings.load().tweets_per_second == 21.0


def test_a_page_that_is_opened_during_a_job_shows_the_badge(
    qtbot: QtBot, study: Study, jobs: JobList, page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    replay("classify", [stage(device="CPU", unused_gpu=False)])
    settle(page.device.badge.isVisible)
    late = ClassifyPage(study, jobs)
    qtbot.addWidget(late)
    late.show()
    assert late.device.badge.text() == "CPU" and not late.device.isHidden()
    page.panel.stop.click()
    page.panel.stop.click()
    settle(page.settings.isEnabled)
