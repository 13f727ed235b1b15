"""A new study: first the classes that its tweets get, then where its file lies."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

import resources
from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.codebook_view import CodebookView
from app.gui.notice import Notice, Tone
from app.gui.study_places import study_filter
from app.study.codebook import Codebook
from app.study.study import SUFFIX


class NewStudyDialog(QDialog):
    """Shows a codebook, the default one or one from a file, and asks where the study is to lie."""

    study_wanted = Signal(Path, object)
    """A study is to be made: its file, and its `Codebook`."""

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.codebook = Codebook.default()
        self._text = resources.default_codebook_text()
        self.setWindowTitle(self.tr("New study"))
        form_parts.open_at(self, 720, 600)
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.heading.setWordWrap(True)
        about = QLabel(
            self.tr(
                "A codebook says which classes tweets can get. Take this one, or one of your own: save this one as "
                "a file, change the file in a text editor, and choose it here."
            )
        )
        about.setWordWrap(True)
        about.setProperty("role", "muted")
        self.classes = QLabel()
        self.classes.setWordWrap(True)
        self.choose_button = self._button(
            self.tr("Choose a codebook &file …"), self.tr("Use a codebook of your own (Alt+F)"), self.ask_file
        )
        self.default_button = self._button(
            self.tr("Take the &default"),
            self.tr("Use the codebook that comes with the program (Alt+D)"),
            self.take_default,
        )
        self.save_button = self._button(
            self.tr("&Save it as a file …"),
            self.tr("Save this codebook as a file to change (Alt+S)"),
            self.ask_save,
        )
        self.notice = Notice()
        self.view = CodebookView()
        self.go_on = self._button(
            self.tr("&Create the study …"),
            self.tr("Choose where the study is to lie (Enter)"),
            self.ask_place,
        )
        self.go_on.setProperty("primary", True)
        self.go_on.setDefault(True)
        self.cancel = self._button(self.tr("Ca&ncel"), self.tr("Make no study (Esc)"), self.reject)
        files = QHBoxLayout()
        files.setSpacing(theme.SMALL)
        for button in (self.choose_button, self.default_button, self.save_button):
            files.addWidget(button)
        files.addStretch(1)
        ends = QHBoxLayout()
        ends.setSpacing(theme.SMALL)
        ends.addStretch(1)
        ends.addWidget(self.cancel)
        ends.addWidget(self.go_on)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(about)
        layout.addLayout(files)
        layout.addWidget(self.notice)
        layout.addWidget(self.heading)
        layout.addWidget(self.classes)
        layout.addWidget(self.view, 1)
        layout.addLayout(ends)
        self._show()
        self.go_on.setFocus()

    # The codebook

    def ask_file(self) -> None:
        """Ask for a codebook file and take it."""
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Choose a codebook"), str(self._folder), self._filter()
        )
        if name:
            self.take_file(Path(name))

    def take_file(self, path: Path) -> None:
        """Take the codebook of a file; where it has a mistake, say which, and keep the one before."""
        try:
            self._text = Codebook.read_text(path)
            self.codebook = Codebook.from_toml(self._text)
        except UserError as error:
            kept = self.tr("The codebook below is still the one from before.")
            self.notice.tell(Tone.ERROR, error.message, f"{error.next_step} {kept}".strip())
            return
        self._folder = path.parent
        self.notice.tell(Tone.GOOD, self.tr("{name} was read.").format(name=path.name))
        self._show()

    def take_default(self) -> None:
        """Take the codebook that comes with the program."""
        self.codebook, self._text = Codebook.default(), resources.default_codebook_text()
        self.notice.clear()
        self._show()

    def ask_save(self) -> None:
        """Ask for a file and write the codebook to it, to be changed there."""
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the codebook"), str(self._folder / "codebook.toml"), self._filter()
        )
        if not name:
            return
        path = Path(name)
        path = path if path.suffix else path.with_name(f"{path.name}.toml")
        try:
            path.write_text(self._text, encoding="utf-8")
        except OSError as error:
            told = self.tr("The codebook cannot be written: {why}.").format(why=error.strerror or error)
            self.notice.tell(Tone.ERROR, told, self.tr("Choose another folder."))
            return
        self._folder = path.parent
        self.notice.tell(
            Tone.GOOD,
            self.tr("Saved as {path}.").format(path=path),
            self.tr("Change it in a text editor, then choose it with “Choose a codebook file”."),
        )

    def _show(self) -> None:
        self.heading.setText(
            self.tr("{name}: {n} classes").format(
                name=self.codebook.name or self.tr("Codebook without a name"),
                n=figures.count(len(self.codebook.leaves)),
            )
        )
        self.classes.setText(", ".join(leaf.name for leaf in self.codebook.leaves))
        self.view.show_codebook(self.codebook)

    # The place

    def ask_place(self) -> None:
        """Ask for the study's file; the dialog stays where that question is cancelled."""
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("New study"), str(self._folder / f"study{SUFFIX}"), study_filter()
        )
        if name:
            self.accept()
            self.study_wanted.emit(Path(name), self.codebook)

    def _filter(self) -> str:
        return self.tr("Codebooks (*.toml);;All files (*)")

    def _button(self, text: str, tip: str, run: object) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.clicked.connect(run)
        return button
