"""Changing the codebook: save it, edit the file, choose it, see what differs, say what wants a second look."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, theme
from app.gui.codebook_view import leaf_html, shape_of
from app.gui.notice import Notice, Tone
from app.study import codebook_change
from app.study.codebook import Codebook
from app.study.codebook_change import CodebookChange
from app.study.study import Study

_WIDTH = 640


class CodebookDialog(QDialog):
    """Accepted once the study has the new codebook; `touched` are then the leaves to look at again."""

    def __init__(self, study: Study, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._used = study.labels_per_leaf()
        self._chosen: Codebook | None = None
        self.touched: tuple[str, ...] = ()
        self.setWindowTitle(self.tr("Change the codebook"))
        self.notice = Notice()
        self.save = self._button(
            self.tr("&Save the codebook as a file …"),
            self.tr("Write the codebook of this study to a file, to be edited"),
            self._save,
        )
        self.choose = self._button(
            self.tr("&Choose the changed file …"), self.tr("Read the codebook in a file"), self._choose
        )
        self.change = self._button(
            self.tr("Change the &codebook"), self.tr("Use this codebook from now on"), self._change
        )
        self.change.setProperty("primary", True)
        self.cancel = self._button(
            self.tr("Cancel"), self.tr("Leave the codebook as it is (Esc)"), self.reject
        )
        self.ticks: dict[str, QCheckBox] = {}
        self.differences = QLabel()
        self.differences.setWordWrap(True)
        self.differences.setTextFormat(Qt.TextFormat.RichText)
        self.question = QLabel(
            self.tr("Which labels want a second look? They stay as they are until their coder labels again.")
        )
        self.question.setWordWrap(True)
        self._lay_out()
        self.show_file(None)

    def show_file(self, path: Path | None) -> None:
        """Show what is different in the codebook of a file; None for no file yet."""
        self.notice.clear()
        self._chosen = None
        change = CodebookChange((), (), (), ())
        if path is not None:
            try:
                self._chosen = Codebook.from_toml(path.read_text(encoding="utf-8-sig"))
            except UserError as error:
                self.notice.tell(Tone.ERROR, error.message, error.next_step)
            except (OSError, UnicodeDecodeError):
                self.notice.tell(
                    Tone.ERROR,
                    self.tr("“{name}” cannot be read as text in UTF-8.").format(name=path.name),
                    self.tr("Save it as UTF-8, or choose another file."),
                )
            else:
                change = codebook_change.compare(self._study.codebook, self._chosen)
                self._tell_change(change)
        self._show_change(change)

    def _tell_change(self, change: CodebookChange) -> None:
        lost = [code for code in change.removed if self._used.get(code)]
        if lost:
            self._chosen = None
            self.notice.tell(
                Tone.ERROR,
                self.tr("Labels name the class “{name}”, which the new codebook does not have.").format(
                    name=lost[0]
                ),
                self.tr("Keep this class in the file, and choose it again."),
            )
        elif not change:
            self.notice.tell(
                Tone.INFO,
                self.tr("No class is different in this file. Labels can be looked at again all the same."),
            )

    def _show_change(self, change: CodebookChange) -> None:
        old, new = self._study.codebook, self._chosen
        leaves = {leaf.code: leaf for leaf in (*old.leaves, *(new.leaves if new else ()))}
        lines = []
        for heading, codes in (
            (self.tr("Added"), change.added),
            (self.tr("Removed"), change.removed),
            (self.tr("Defined differently"), change.redefined),
            (self.tr("Other key, colour or sign"), change.restyled),
            (self.tr("Other answer of a model"), change.reworded),
        ):
            if codes:
                lines.append(f"<b>{heading}:</b> " + ", ".join(leaf_html(leaves, code) for code in codes))
        self.differences.setText("<br>".join(lines))
        self.differences.setVisible(bool(lines))
        for tick in self.ticks.values():
            self._inside.removeWidget(tick)
            tick.deleteLater()
        self.ticks = {}
        for leaf in new.leaves if new is not None else ():
            used = self._used.get(leaf.code, 0)
            if not used:
                continue
            count = self.tr("%n label(s)", "", used) if used < 2 else self.tr("{count} labels")
            tick = QCheckBox(f"{shape_of(leaf)} {leaf.name} – {count.format(count=figures.count(used))}")
            tick.setToolTip(
                self.tr("Let the coders look again at what they labelled “{name}”").format(name=leaf.name)
            )
            tick.setChecked(leaf.code in change.redefined)
            self.ticks[leaf.code] = tick
            self._inside.addWidget(tick)
        self.question.setVisible(bool(self.ticks))
        self.card.setVisible(new is not None and bool(lines or self.ticks))
        self.change.setEnabled(new is not None)

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            self.tr("Save the codebook"),
            str(self._study.path.with_name(f"{self._study.path.stem} codebook.toml")),
            self.tr("Codebooks (*.toml)"),
        )
        if not name:
            return
        try:
            Path(name).write_text(self._study.codebook.to_toml(), encoding="utf-8")
        except OSError as error:
            self.notice.tell(
                Tone.ERROR,
                self.tr("“{name}” could not be written: {why}.").format(
                    name=Path(name).name, why=error.strerror or error
                ),
                self.tr("Choose another folder."),
            )
        else:
            self.notice.tell(
                Tone.GOOD,
                self.tr(
                    "The codebook was saved. Edit {name} with a text editor, then choose it here."
                ).format(name=Path(name).name),
            )

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Choose a codebook"), str(self._study.path.parent), self.tr("Codebooks (*.toml)")
        )
        if name:
            self.show_file(Path(name))

    def _change(self) -> None:
        if self._chosen is None:
            return
        touched = tuple(code for code, tick in self.ticks.items() if tick.isChecked())
        try:
            self._study.set_codebook(self._chosen, touched)
        except UserError as error:
            self.notice.tell(Tone.ERROR, error.message, error.next_step)
            return
        self.touched = touched
        self.accept()

    def _button(self, text: str, tip: str, run: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.clicked.connect(lambda _=False: run())
        return button

    def _lay_out(self) -> None:
        text = QLabel(
            self.tr(
                "A codebook is a text file. Save it, edit it with a text editor, and choose the changed file. "
                "Labels remember the version that they were given under."
            )
        )
        text.setWordWrap(True)
        files = QHBoxLayout()
        files.setSpacing(theme.SMALL)
        files.addWidget(self.save)
        files.addWidget(self.choose)
        files.addStretch(1)
        self.card = QFrame()
        self.card.setProperty("role", "card")
        self._inside = QVBoxLayout(self.card)
        self._inside.setContentsMargins(theme.LARGE, theme.LARGE, theme.LARGE, theme.LARGE)
        self._inside.setSpacing(theme.SMALL)
        self._inside.addWidget(self.differences)
        self._inside.addWidget(self.question)
        held = QWidget()
        around = QVBoxLayout(held)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(self.card)
        around.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(held)
        ends = QHBoxLayout()
        ends.setSpacing(theme.SMALL)
        ends.addStretch(1)
        ends.addWidget(self.cancel)
        ends.addWidget(self.change)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.LARGE)
        layout.addWidget(text)
        layout.addLayout(files)
        layout.addWidget(self.notice)
        layout.addWidget(scroll, 1)
        layout.addLayout(ends)
        self.resize(_WIDTH, 480)
