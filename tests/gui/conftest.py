"""What the tests of the window have: a study of the sample tweets, and a look at what a test leaves behind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import resources
from app.gui import theme
from app.gui.page import Page
from app.jobs.worker import _under_way, wait_for_workers
from app.study.importing import import_file
from app.study.study import Study


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Wait for the workers, and fail where a window is left that the test did not close."""
    theme.apply("light")
    before = set(QApplication.topLevelWidgets())
    yield
    assert wait_for_workers(20), "a worker does not end"
    qapp.processEvents()
    left = [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible()]
    assert not left, f"windows left open: {left}"


@pytest.fixture
def settled(qtbot: QtBot) -> Callable[[], None]:
    """Return a function that waits until no worker is under way."""

    def wait() -> None:
        qtbot.waitUntil(lambda: not _under_way, timeout=20_000)
        qtbot.wait(1)

    return wait


@pytest.fixture
def empty_study(tmp_path: Path) -> Iterator[Study]:
    """Return a study without tweets."""
    with Study.create(tmp_path / "empty.stancedesk") as found:
        yield found


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    """Return a study of the sample tweets; those of the second half of the file have no labels."""
    lines = resources.sample_study_bytes().decode("utf-8").splitlines(keepends=True)
    half = len(lines) // 2
    first, second = tmp_path / "labelled.csv", tmp_path / "unlabelled.csv"
    first.write_text("".join(lines[:half]), encoding="utf-8")
    second.write_text("".join(lines[:1] + lines[half:]), encoding="utf-8")
    with Study.create(tmp_path / "sample.stancedesk") as found:
        import_file(found, first, coder="Ana")
        import_file(found, second, {"label": ""})
        yield found


@pytest.fixture
def opened(qtbot: QtBot, study: Study, settled: Callable[[], None]) -> Iterator[Callable[..., Page]]:
    """Return a function that shows a page on the study and waits until it has read what it shows."""
    pages: list[Page] = []

    def show(page: Page, on: Study | None = None) -> Page:
        qtbot.addWidget(page)
        page.resize(1100, 760)
        page.study_opened(on or study)
        with qtbot.waitExposed(page):
            page.show()
        page.activateWindow()
        settled()
        pages.append(page)
        return page

    yield show
    for page in pages:
        if page.study is not None:
            page.study_closing()
