"""The Models page in the whole window: undo of a removal, and where the download of a base is shown."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui.main_window import MainWindow
from app.gui.models_page import ModelsPage
from app.jobs.job import Job
from app.settings import Settings
from app.study.shelf import Shelf
from app.study.study import Study
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def window(qtbot: QtBot, study: Study, settled: Settled, stancedesk_home: Path) -> Iterator[MainWindow]:
    folder = Shelf().folder / "mine"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"GGUF")
    found = MainWindow(Settings(recent_studies=[], coder="Mia"))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    activate(qtbot, found)
    path = study.path
    study.close()
    assert found.open_study(path)
    assert found.area is not None
    found.area.show_page("models")
    settled()
    yield found
    assert found.close_study()


def page_of(window: MainWindow) -> ModelsPage:
    assert window.area is not None
    page = window.area.page("models")
    assert isinstance(page, ModelsPage)
    return page


def test_undo_brings_a_removed_model_back_and_then_undoes_labels_again(
    qtbot: QtBot, window: MainWindow, settled: Settled
) -> None:
    page = page_of(window)
    page.models.remove_model("mine")
    settled()
    assert not Shelf().has("mine")
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settled()
    assert Shelf().has("mine")
    assert window.area is not None and window.area.current is page
    assert not page.can_undo()


def test_a_base_on_its_way_is_shown_on_its_page_and_in_the_strip_elsewhere(
    qtbot: QtBot, window: MainWindow, settled: Settled
) -> None:
    page, area = page_of(window), window.area
    assert area is not None
    event = '{"event": "progress", "stage": "download", "done": 12, "total": 2471, "unit": "MB", "rate": 3.5}'
    code = f"import time\nprint({event!r}, flush=True)\ntime.sleep(60)"
    job = Job.start(
        "base",
        "Downloading Llama",
        [],
        study=area.study.path,
        grace=0.0,
        command=(sys.executable, ["-c", code]),
    )
    window.jobs.add(job)
    page.show_bases()
    qtbot.waitUntil(
        lambda: "12 of 2471 MB" in page.bases.panel.figures.text().replace(",", ""), timeout=20_000
    )
    assert page.bases.panel.isVisible() and not area.strip.isVisible()
    area.show_page("study")
    assert area.strip.isVisible()
    (row,) = area.strip.rows()
    assert "3.5 MB a second" in row.figures.text()
    page.choose_model("mine")
    row.title.click()
    assert area.current is page and page.bases.isVisible()
    with qtbot.waitSignal(window.jobs.ended, timeout=20_000):
        page.bases.panel.stop.click()
        page.bases.panel.stop.click()
    settled()
    assert not page.bases.panel.isVisible()
