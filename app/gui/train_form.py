"""What to train on: base model, languages, name, and the settings that few need."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures
from app.gui.figure_table import FigureTable
from app.gui.fold import Fold
from app.gui.language_names import language_name
from app.gui.link_label import LinkLabel
from app.study.base_models import Base
from app.study.codebook import Codebook
from app.study.readiness import Readiness
from app.study.shelf import Shelf
from training.contract.spec import ONE_FILE

_FILE = "file"
# A check box in a cell, with what is around it, in pixels.
_CHECK_BOX = 48
_NUMBER = 140


@dataclass(frozen=True)
class TrainingWish:
    """What the form asks for. `languages` empty: all."""

    base: str
    languages: tuple[str, ...]
    name: str
    epochs: int
    seed: int
    one_file: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """What of the run's settings differs from how it is done unasked."""
        method = {"method": ONE_FILE} if self.one_file else {}
        return {"epochs": self.epochs, "seed": self.seed} | method

    def words(self, study: Path) -> list[str]:
        """Return the command that does it."""
        words = ["train", str(study), f"--base={self.base}", f"--epochs={self.epochs}", f"--seed={self.seed}"]
        if self.languages:
            words.append(f"--languages={','.join(self.languages)}")
        if self.name:
            words.append(f"--name={self.name}")
        if self.one_file:
            words.append("--one-file")
        return words


class TrainForm(QWidget):
    """The settings of a run that has not begun."""

    changed = Signal()
    languages_changed = Signal()

    def __init__(self, codebook: Codebook, study_name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._codebook = codebook
        self._study_name = study_name
        self._proposed = study_name
        self._bases: dict[str, Base] = {}
        self.base = QComboBox()
        self.base.setAccessibleName(self.tr("Base model"))
        self.base.setToolTip(self.tr("The model that is fine-tuned (Alt+B)"))
        self.base.currentIndexChanged.connect(self._show_base)
        self.base.activated.connect(self._choose_file_if_asked)
        self._base_is_chosen = False
        self.base_note = QLabel()
        self.base_note.setWordWrap(True)
        self.base_note.setProperty("role", "muted")
        self.licence = LinkLabel()
        self.licence.setProperty("role", "muted")
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the model"))
        self.name.setToolTip(self.tr("Under this name the model stands on the shelf (Alt+N)"))
        self.name.textChanged.connect(self._show_name)
        self.name.textChanged.connect(self.changed)
        self.name_note = QLabel()
        self.name_note.setWordWrap(True)
        self.name_note.setProperty("role", "muted")
        self.name_note.hide()
        self._taken: frozenset[str] = frozenset()
        self.epochs = QSpinBox()
        self.epochs.setRange(1, 50)
        self.epochs.setValue(3)
        self.epochs.valueChanged.connect(lambda _: self.changed.emit())
        self.epochs.setAccessibleName(self.tr("Epochs"))
        self.epochs.setToolTip(
            self.tr("How often each labelled tweet is seen. The best epoch is kept. (Alt+P)")
        )
        self.seed = QSpinBox()
        self.seed.setRange(1, 1_000_000)
        self.seed.valueChanged.connect(lambda _: self.changed.emit())
        self.seed.setAccessibleName(self.tr("Seed"))
        self.seed.setToolTip(self.tr("Another seed draws other validation tweets and another order (Alt+D)"))
        self.kind = QComboBox()
        self.kind.addItem(self.tr("Base and adapter: most accurate so far"), False)
        self.kind.addItem(self.tr("One file: classifies faster"), True)
        self.kind.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.kind.setAccessibleName(self.tr("Kind of model"))
        self.kind.setToolTip(
            self.tr(
                "An adapter lies beside the base and is computed with it. One file: the scales of the base's own 4-bit "
                "numbers are trained, nothing is rounded afterwards, and there is nothing else to compute (Alt+M)"
            )
        )
        inside = QWidget()
        for box in (self.epochs, self.seed):
            box.setFixedWidth(_NUMBER)
            # The style sheet's padding does not reach the text of a spin box.
            box.lineEdit().setTextMargins(6, 0, 6, 0)
        advanced = QFormLayout(inside)
        advanced.setContentsMargins(12, 0, 0, 0)
        advanced.addRow(self.tr("E&pochs"), self.epochs)
        advanced.addRow(self.tr("See&d"), self.seed)
        advanced.addRow(self.tr("Kind of &model"), self.kind)
        self.advanced = Fold(self.tr("Advanced"), self.tr("Epochs, seed, kind of model"), inside)

        self.languages = FigureTable(self.tr("Languages to train on"))
        self.languages.setToolTip(self.tr("Space checks or unchecks a language (Alt+L)"))
        self.languages.itemChanged.connect(self._language_checked)
        self.all_languages = QPushButton(self.tr("&All"))
        self.all_languages.setToolTip(self.tr("Train on all languages (Alt+A)"))
        self.all_languages.clicked.connect(lambda: self._check_all(True))
        self.no_languages = QPushButton(self.tr("N&one"))
        self.no_languages.setToolTip(self.tr("Uncheck all languages (Alt+O)"))
        self.no_languages.clicked.connect(lambda: self._check_all(False))

        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.setSpacing(4)
        form.addRow(self.tr("&Base model"), self.base)
        form.addRow(self.base_note)
        form.addRow(self.licence)
        form.addRow(self.tr("&Name of the model"), self.name)
        form.addRow(self.name_note)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addLayout(form)
        left.addWidget(self.advanced)
        left.addStretch(1)
        heading = QHBoxLayout()
        label = QLabel(self.tr("&Languages and labelled tweets"))
        label.setBuddy(self.languages)
        heading.addWidget(label, 1)
        heading.addWidget(self.all_languages)
        heading.addWidget(self.no_languages)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addLayout(heading)
        right.addWidget(self.languages)
        right.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(24)
        layout.addLayout(left, 2)
        layout.addLayout(right, 3)

    # What is asked for

    def chosen_base(self) -> Base | None:
        """Return the base that is chosen, or None where a file is."""
        return self._bases.get(self.base.currentData() or "")

    def chosen_languages(self) -> tuple[str, ...]:
        """Return the checked languages, () for none."""
        return tuple(
            item.data(Qt.ItemDataRole.UserRole)
            for item in self._language_items()
            if item.checkState() == Qt.CheckState.Checked
        )

    def has_all_languages(self) -> bool:
        """Tell whether every language is checked."""
        return all(item.checkState() == Qt.CheckState.Checked for item in self._language_items())

    def wish(self) -> TrainingWish:
        """Return what the form asks for."""
        languages = () if self.has_all_languages() else self.chosen_languages()
        return TrainingWish(
            base=self.base.currentData() or "",
            languages=languages,
            name=self.name.text().strip(),
            epochs=self.epochs.value(),
            seed=self.seed.value(),
            one_file=bool(self.kind.currentData()),
        )

    # What there is

    def set_bases(self, bases: Sequence[Base]) -> None:
        """Offer these base models and a file; the one chosen before stays chosen."""
        before = self.base.currentData()
        self._bases = {base.name: base for base in bases}
        files = [
            (self.base.itemText(i), self.base.itemData(i))
            for i in range(self.base.count())
            if self.base.itemData(i) not in (*self._bases, _FILE)
        ]
        self.base.blockSignals(True)
        self.base.clear()
        for base in bases:
            title = f"{base.title} ({figures.size(base.size)})"
            if not base.available:
                missing = (
                    self.tr("{title}, to download")
                    if base.source == "hub"
                    else self.tr("{title}, not installed")
                )
                title = missing.format(title=title)
            self.base.addItem(title)
            self.base.setItemData(self.base.count() - 1, base.name)
        for text, path in files:
            self.base.addItem(text, path)
        self.base.addItem(self.tr("A GGUF file …"), _FILE)
        first = next((base.name for base in bases if base.available), None)
        self.base.setCurrentIndex(max(0, self.base.findData(before if before and before != _FILE else first)))
        self.base.blockSignals(False)
        self._suggest_base()
        self._show_base()

    def choose_base(self, name: str) -> None:
        """Choose a base by name."""
        index = self.base.findData(name)
        if index >= 0:
            self._base_is_chosen = True
            self.base.setCurrentIndex(index)

    def add_base_file(self, path: Path) -> None:
        """Offer a GGUF file as base and choose it."""
        known = self.base.findData(str(path))
        if known < 0:
            known = self.base.count() - 1
            self.base.insertItem(known, path.name, str(path))
        self.base.setCurrentIndex(known)
        self._base_is_chosen = True

    def set_readiness(self, ready: Readiness) -> None:
        """Show how many tweets of each language and class may be trained on."""
        unchecked = {
            item.data(Qt.ItemDataRole.UserRole)
            for item in self._language_items()
            if item.checkState() != Qt.CheckState.Checked
        }
        leaves = self._codebook.leaves
        languages = sorted(ready.per_language)
        rows = []
        for language in languages:
            counts = ready.per_language[language]
            rows.append(
                [
                    language_name(language),
                    figures.count(sum(counts.values())),
                    *(figures.count(counts.get(leaf.code, 0)) for leaf in leaves),
                ]
            )
        self.languages.blockSignals(True)
        self.languages.show_rows(
            [self.tr("language"), self.tr("labelled"), *(leaf.name for leaf in leaves)], rows
        )
        # Qt measures a cell without its check box.
        names = [language_name(language) for language in languages]
        widest = max((self.fontMetrics().horizontalAdvance(name) for name in names), default=0)
        self.languages.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        self.languages.horizontalHeader().resizeSection(0, max(widest + _CHECK_BOX, 96))
        for row, language in enumerate(languages):
            item = self.languages.item(row, 0)
            if item is not None:
                item.setData(Qt.ItemDataRole.UserRole, language)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                # Tweets without a language have no code to be chosen by: they come with all the others.
                if not language:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
                    item.setToolTip(self.tr("Trained on when all languages are"))
                checked = language not in unchecked
                item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        self.languages.blockSignals(False)
        self._suggest_base()

    def use(self, base: str, languages: Sequence[str], settings: Mapping[str, Any]) -> None:
        """Fill in the settings of an earlier run."""
        index = self.base.findData(base)
        self._base_is_chosen = True
        if index >= 0:
            self.base.setCurrentIndex(index)
        self.epochs.setValue(int(settings.get("epochs", 3)))
        self.seed.setValue(int(settings.get("seed", 1)))
        self.kind.setCurrentIndex(self.kind.findData(settings.get("method") == ONE_FILE))
        self.languages.blockSignals(True)
        for item in self._language_items():
            wanted = item.data(Qt.ItemDataRole.UserRole) in languages
            item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
        self.languages.blockSignals(False)
        self._language_checked()

    def _language_items(self) -> list[QTableWidgetItem]:
        items = (self.languages.item(row, 0) for row in range(self.languages.rowCount()))
        return [item for item in items if item is not None]

    def _check_all(self, checked: bool) -> None:
        self.languages.blockSignals(True)
        for item in self._language_items():
            item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        self.languages.blockSignals(False)
        self._language_checked()

    def _language_checked(self) -> None:
        named = [item for item in self._language_items() if item.data(Qt.ItemDataRole.UserRole)]
        everything = all(item.checkState() == Qt.CheckState.Checked for item in named)
        self.languages.blockSignals(True)
        for item in self._language_items():
            if named and not item.data(Qt.ItemDataRole.UserRole):
                item.setCheckState(Qt.CheckState.Checked if everything else Qt.CheckState.Unchecked)
        self.languages.blockSignals(False)
        self.languages_changed.emit()
        self.changed.emit()

    def _show_base(self) -> None:
        base = self.chosen_base()
        if base is None:
            self.base_note.setText(self.tr("A model of the LLaMA family, as a GGUF file on this machine."))
            self.licence.setText(self.tr("Licence: as given by its publisher."))
        else:
            missing = f"<br><b>{base.missing}</b>" if base.missing else ""
            self.base_note.setText(f"{base.note}{missing}")
            link = f'<a href="{base.licence_url}">{base.licence}</a>' if base.licence_url else base.licence
            terms = base.terms
            self.licence.setText(
                self.tr("Licence: {licence}. {terms}").format(licence=link, terms=terms).strip()
            )
        stem = base.name if base is not None else Path(self.base.currentData() or "model").stem
        self._proposed = f"{self._study_name}-{stem}"
        self._show_name()
        self.changed.emit()

    def shelf_name(self) -> str:
        """Return the name that the model gets on the shelf: the typed or proposed one made fit and free."""
        return Shelf().free_name(self.name.text().strip() or self._proposed, self._taken)

    def set_taken_names(self, names: Iterable[str]) -> None:
        """Let these names be taken, beside those on the shelf."""
        self._taken = frozenset(names)
        self._show_name()

    def _show_name(self) -> None:
        typed, name = self.name.text().strip(), self.shelf_name()
        if not typed:
            self.name.setPlaceholderText(name)
        self.name_note.setText(self.tr("It will be named “{name}”.").format(name=name))
        self.name_note.setVisible(bool(typed) and typed != name)

    def _suggest_base(self) -> None:
        """Choose the base that knows most of the study's languages, until the user chooses one."""
        if self._base_is_chosen:
            return
        labelled = {item.data(Qt.ItemDataRole.UserRole) for item in self._language_items()}
        there = [base for base in self._bases.values() if base.available]
        if there:
            best = max(there, key=lambda base: len(labelled & set(base.languages)))
            self.base.setCurrentIndex(self.base.findData(best.name))

    def _choose_file_if_asked(self, index: int) -> None:
        self._base_is_chosen = True
        if self.base.itemData(index) != _FILE:
            return
        chosen, _ = QFileDialog.getOpenFileName(
            self, self.tr("Choose a base model"), "", self.tr("GGUF models (*.gguf)")
        )
        if chosen:
            self.add_base_file(Path(chosen).resolve())
        else:
            self.base.setCurrentIndex(0)
