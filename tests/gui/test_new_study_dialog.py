"""A new study: a codebook of one's own from a file, what is wrong with it, and where the study lies."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui.main_window import MainWindow
from app.gui.new_study_dialog import NewStudyDialog
from app.gui.notice import Tone
from app.settings import Settings
from app.study.codebook import Codebook
from app.study.study import Study

Answer = Callable[[Path], None]
OWN = """name = "Vaccination"
version = "1"
start = "view"

[[questions]]
code = "view"
name = "View"

[[questions.options]]
code = "for"
name = "In favour"
key = "1"

[[questions.options]]
code = "against"
name = "Against"
key = "2"
"""


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Return a function that answers the next file dialogs with a path."""

    def give(path: Path) -> None:
        for question in ("getSaveFileName", "getOpenFileName"):
            monkeypatch.setattr(
                f"app.gui.new_study_dialog.QFileDialog.{question}", lambda *_: (str(path), "")
            )

    return give


@pytest.fixture
def dialog(qtbot: QtBot, tmp_path: Path) -> NewStudyDialog:
    shown = NewStudyDialog(tmp_path)
    qtbot.addWidget(shown)
    with qtbot.waitExposed(shown):
        shown.show()
    return shown


def test_the_default_is_shown_and_a_file_replaces_it(
    dialog: NewStudyDialog, answer: Answer, tmp_path: Path
) -> None:
    assert "4 classes" in dialog.heading.text() and "Anti" in dialog.view.text.toPlainText()
    file = tmp_path / "vaccination.toml"
    file.write_text(OWN, encoding="utf-8")
    answer(file)
    dialog.choose_button.click()
    assert dialog.heading.text() == "Vaccination: 2 classes" and dialog.notice.tone is Tone.GOOD
    assert "In favour" in dialog.view.text.toPlainText()
    assert dialog.classes.text() == "In favour, Against"
    dialog.default_button.click()
    assert dialog.codebook == Codebook.default()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (OWN.replace('key = "2"', 'key = "1"').encode(), "have the same key"),
        (b"name = ", "not valid TOML"),
        (b"\xff\xfe\x00", "not a text file in UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_codebook_is_said_and_the_one_before_kept(
    dialog: NewStudyDialog, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "wrong.toml"
    if content is not None:
        file.write_bytes(content)
    dialog.take_file(file)
    assert dialog.notice.tone is Tone.ERROR and said in dialog.notice.text
    assert dialog.codebook == Codebook.default()


def test_the_default_can_be_saved_changed_and_chosen(
    dialog: NewStudyDialog, answer: Answer, tmp_path: Path
) -> None:
    file = tmp_path / "mine.toml"
    answer(tmp_path / "mine")
    dialog.save_button.click()
    file.write_text(file.read_text(encoding="utf-8").replace('name = "Pro"', 'name = "Welcoming"'), "utf-8")
    dialog.take_file(file)
    assert "Welcoming" in [leaf.name for leaf in dialog.codebook.leaves]


def test_the_window_makes_a_study_with_the_chosen_codebook(
    qtbot: QtBot, tmp_path: Path, answer: Answer, settled: Callable[[], None]
) -> None:
    window = MainWindow(Settings(recent_studies=[str(tmp_path / "gone.stancedesk")]))
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    qtbot.mouseClick(window.welcome.new, Qt.MouseButton.LeftButton)
    dialog = window.findChild(NewStudyDialog)
    assert dialog is not None and dialog.isVisible()
    file = tmp_path / "vaccination.toml"
    file.write_text(OWN, encoding="utf-8")
    dialog.take_file(file)
    answer(tmp_path / "mine")
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    settled()
    assert window.study is not None
    assert window.study.codebook.leaf_codes == ("for", "against")
    assert window.close_study()
    with Study.open(tmp_path / "mine.stancedesk") as study:
        assert study.codebook.name == "Vaccination"
