"""One base model: what it is, whether it fits this machine, and how to get it."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.download_card import DownloadCard
from app.gui.elided_label import ElidedLabel
from app.gui.language_names import language_name
from app.gui.link_label import LinkLabel
from app.gui.notice import Notice, Tone
from app.study.base_models import Base, fit


class BaseDetails(QWidget):
    """Shows a base; below it the way to get it, unless it is here or on its way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = QLabel()
        self.name.setProperty("role", "heading")
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.missing = Notice(closable=False)
        self.facts = QFormLayout()
        self.facts.setHorizontalSpacing(theme.LARGE)
        self.facts.setVerticalSpacing(theme.TIGHT)
        self.facts.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.card = DownloadCard()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.name)
        layout.addWidget(self.note)
        layout.addWidget(self.missing)
        layout.addLayout(self.facts)
        layout.addWidget(self.card)
        layout.addStretch(1)
        self.card.hide()

    def show_base(self, base: Base, memory: int, *, coming: bool) -> None:
        """Show a base on a machine with so many bytes of memory; `coming`: its download is under way."""
        self.name.setText(base.title)
        self.note.setText(base.note)
        self.note.setVisible(bool(base.note))
        if base.missing and base.source != "hub":
            self.missing.tell(Tone.WARNING, base.missing)
        else:
            self.missing.clear()
        while self.facts.rowCount():
            self.facts.removeRow(0)
        for caption, value in self._facts(base, memory):
            label = LinkLabel(value)
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
            )
            self._add(caption, label)
        if base.path:
            path = ElidedLabel(Qt.TextElideMode.ElideMiddle)
            path.setText(base.path)
            self._add(self.tr("File"), path)
        wanted = base.source == "hub" and not base.available
        self.card.setVisible(wanted and not coming)
        if wanted:
            self.card.show_base(base)

    def _add(self, name: str, value: QLabel) -> None:
        caption = QLabel(name)
        caption.setProperty("role", "muted")
        # Long values wrap; their captions stay beside the first line.
        caption.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.facts.addRow(caption, value)

    def _facts(self, base: Base, memory: int) -> list[tuple[str, str]]:
        licence = base.licence
        if base.licence_url:
            licence = f'<a href="{base.licence_url}">{licence}</a>'
        if base.terms and base.available:
            licence = f"{licence}. {base.terms}"
        facts = [
            (self.tr("This machine"), self._fit_in_words(base, memory)),
            (
                self.tr("Memory"),
                self.tr("{train} GB to train on the processor, {run} GB to classify").format(
                    train=f"{base.train_memory_gb:g}", run=f"{base.run_memory_gb:g}"
                ),
            ),
            (
                self.tr("Size"),
                self.tr("{size} in four bits ({kind}), {parameters} million weights").format(
                    size=figures.size(base.size),
                    kind=base.quantisation,
                    parameters=figures.count(round(base.parameters / 1e6)),
                )
                if base.quantisation.startswith("Q4")
                else self.tr("{size} ({kind}), {parameters} million weights").format(
                    size=figures.size(base.size),
                    kind=base.quantisation,
                    parameters=figures.count(round(base.parameters / 1e6)),
                ),
            ),
        ]
        if base.languages:
            names = ", ".join(language_name(code) for code in base.languages)
            facts.append((self.tr("Languages"), names))
        facts.append((self.tr("Licence"), licence))
        return facts

    def _fit_in_words(self, base: Base, memory: int) -> str:
        told = {
            "trains": self.tr("✓ trains and classifies with it (it has {memory} of memory)"),
            "runs": self.tr("⚠ classifies with it; training needs more memory than it has ({memory})"),
            "too large": self.tr("✕ has too little memory for it ({memory})"),
        }
        return told[fit(base, memory)].format(memory=figures.size(memory))
