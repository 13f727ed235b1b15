"""Training on another machine, from the Train page: the folder is written, and a wrong one does not come back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.gui.run_export_dialog import RunExportDialog
from app.gui.train_page import TrainPage
from app.jobs.job_list import JobList
from app.study import runs
from app.study.study import Study

Settle = Callable[[Callable[[], bool]], None]


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList, settle: Settle) -> TrainPage:
    shown = TrainPage(study, jobs)
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    settle(lambda: shown._machine is not None and shown.elsewhere.export.isEnabled())
    shown.form.base.setCurrentIndex(shown.form.base.findData("smollm2-135m"))
    return shown


@pytest.fixture
def dialog(page: TrainPage, settle: Settle) -> RunExportDialog:
    page.elsewhere.export.trigger()
    settle(lambda: bool(page.findChildren(RunExportDialog)))
    return page.findChildren(RunExportDialog)[0]


def test_the_button_opens_a_menu_with_both_acts(qtbot: QtBot, page: TrainPage, settle: Settle) -> None:
    acts = page.elsewhere
    qtbot.mouseClick(acts.button, Qt.MouseButton.LeftButton)
    settle(acts.menu.isVisible)
    assert acts.menu.actions() == [acts.export, acts.bring]
    assert "Ctrl+Shift+E" in acts.export.toolTip() and "Ctrl+Shift+K" in acts.bring.toolTip()
    acts.menu.close()


def test_the_run_is_written_and_stands_as_elsewhere(
    qtbot: QtBot, page: TrainPage, dialog: RunExportDialog, study: Study, settle: Settle
) -> None:
    assert Path(dialog.folder.text()).parent == study.path.resolve().parent
    dialog.with_base.setChecked(False)
    written = []
    page.study_written.connect(written.append)
    qtbot.keyClick(dialog.folder, Qt.Key.Key_Return)
    settle(lambda: dialog.report is not None)
    assert dialog.report is not None and not dialog.report.has_base
    folder = Path(dialog.report.folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "spec.json", "train.jsonl", "validation.jsonl", "README.txt", "train.slurm", "requirements.txt", "training",
    }  # fmt: skip
    assert "--base PATH_OF_THE_BASE_MODEL.gguf" in (folder / "train.slurm").read_text(encoding="utf-8")
    assert "README.txt" in dialog.notice.text and dialog.open_folder.isVisible()
    assert {"runs"} in written
    settle(lambda: bool(page.runs.texts()))
    assert page.runs.texts()[0][4] == "elsewhere, not back yet"
    assert [run.status for run in runs.list_runs(study)] == [runs.ELSEWHERE]
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    settle(lambda: not page.findChildren(RunExportDialog))


def test_a_folder_that_holds_something_is_refused_and_another_can_be_named(
    qtbot: QtBot, dialog: RunExportDialog, study: Study, tmp_path: Path, settle: Settle
) -> None:
    dialog.folder.setText(str(tmp_path))
    qtbot.mouseClick(dialog.write, Qt.MouseButton.LeftButton)
    settle(lambda: "not an empty folder" in dialog.notice.text)
    assert runs.list_runs(study) == [] and dialog.write.isVisible() and dialog.choices.isEnabled()
    dialog.folder.setText("  ")
    assert not dialog.write.isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_a_wrong_folder_does_not_come_back(
    page: TrainPage, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "holiday pictures"
    wrong.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(wrong))
    page.elsewhere.bring.trigger()
    settle(lambda: "spec.json is missing" in page.notice.text)
    assert page.stack.currentWidget() is page.settings


def test_nothing_to_train_on_is_nothing_to_export(page: TrainPage) -> None:
    page.form.no_languages.click()
    assert not page.elsewhere.export.isEnabled() and page.elsewhere.bring.isEnabled()
    # A machine that cannot train by itself is the reason to go elsewhere.
    page.form.all_languages.click()
    page._take_machine({"torch": None, "missing": ["torch"]})
    assert not page.start.isEnabled() and page.elsewhere.export.isEnabled()
