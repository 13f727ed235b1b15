"""What the tests of the window have: a study of the sample tweets, and a look at what a test leaves behind."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

import resources
from app.gui import theme
from app.gui.page import Page
from app.jobs.worker import _under_way, wait_for_workers
from app.study.importing import import_file
from app.study.study import Study
from tests.gui.focus import activate

# Seconds that a worker may take: it may ask another process, and another test may be at work beside it.
WAIT = 60


@pytest.fixture
def qtbot(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> QtBot:
    """Wait as long as a worker may take, where a test does not say how long: on a busy machine 5 seconds are short."""
    for name in ("waitUntil", "waitExposed", "waitActive", "waitSignal", "waitSignals"):
        monkeypatch.setattr(qtbot, name, partial(getattr(qtbot, name), timeout=WAIT * 1000))
    return qtbot


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Wait for the workers, and fail where a window is left that the test did not close."""
    theme.apply("light")
    # A window that closed while Shift was down took the release with it; `selectRow` then selects nothing.
    QTest.keyRelease(QWidget(), Qt.Key.Key_Shift)
    before = set(QApplication.topLevelWidgets())
    yield
    assert wait_for_workers(WAIT), "a worker does not end"
    qapp.processEvents()
    left = [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible()]
    assert not left, f"windows left open: {left}"


@pytest.fixture
def settled(qtbot: QtBot) -> Callable[[], None]:
    """Return a function that waits until no worker is under way."""

    def wait() -> None:
        qtbot.waitUntil(lambda: not _under_way, timeout=WAIT * 1000)
        qtbot.wait(1)

    return wait


@pytest.fixture(scope="session")
def made_studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the studies once; each test gets copies. Return their folder."""
    folder = tmp_path_factory.mktemp("studies")
    with Study.create(folder / "empty.stancedesk"):
        pass
    lines = resources.sample_study_bytes().decode("utf-8").splitlines(keepends=True)
    half = len(lines) // 2
    first, second = folder / "labelled.csv", folder / "unlabelled.csv"
    first.write_text("".join(lines[:half]), encoding="utf-8")
    second.write_text("".join(lines[:1] + lines[half:]), encoding="utf-8")
    with Study.create(folder / "sample.stancedesk") as found:
        import_file(found, first, coder="Ana")
        import_file(found, second, {"label": ""})
    return folder


def _copied(folder: Path, name: str, to: Path) -> Iterator[Study]:
    shutil.copyfile(folder / name, to / name)
    with Study.open(to / name) as found:
        yield found


@pytest.fixture
def empty_study(made_studies: Path, tmp_path: Path) -> Iterator[Study]:
    """Return a study without tweets."""
    yield from _copied(made_studies, "empty.stancedesk", tmp_path)


@pytest.fixture
def study(made_studies: Path, tmp_path: Path) -> Iterator[Study]:
    """Return a study of the sample tweets; those of the second half of the file have no labels."""
    yield from _copied(made_studies, "sample.stancedesk", tmp_path)


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
        activate(qtbot, page)
        settled()
        pages.append(page)
        return page

    yield show
    for page in pages:
        if page.study is not None:
            page.study_closing()
