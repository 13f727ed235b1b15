"""The dialog that asks how many labelled tweets each language shall have."""

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, form_parts, theme
from app.gui.language_names import language_name

_USUAL = 100
_WIDTH = 440


class QuotaDialog(QDialog):
    """A number for each language; 0 leaves it out. `quotas` gives what was entered."""

    def __init__(
        self,
        languages: Mapping[str, tuple[int, int]],
        quotas: Mapping[str, int],
        parent: QWidget | None = None,
    ) -> None:
        """Show `languages` {code: (labelled, all)} with the numbers of `quotas`, at first the usual for each."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Language quotas"))
        self.fields: dict[str, QSpinBox] = {}
        told = QLabel(
            self.tr(
                "How many tweets shall be labelled in each language? Labels that are there already count. "
                "0 leaves a language out."
            )
        )
        told.setWordWrap(True)
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(0, 0, theme.SMALL, 0)
        grid.setHorizontalSpacing(theme.LARGE)
        grid.setVerticalSpacing(theme.SMALL)
        grid.setColumnStretch(0, 1)
        for place, (code, (labelled, total)) in enumerate(languages.items()):
            name = language_name(code) if code else self.tr("No language")
            wanted = min(quotas.get(code, 0) if quotas else _USUAL, total)
            field = form_parts.number_box(name, 0, total, wanted)
            field.setToolTip(
                self.tr("Labelled tweets wanted in {language}, at most {total}").format(
                    language=name, total=figures.count(total)
                )
            )
            so_far = QLabel(
                self.tr("{done} of {total} labelled").format(
                    done=figures.count(labelled), total=figures.count(total)
                )
            )
            so_far.setProperty("role", "muted")
            grid.addWidget(QLabel(name), place, 0)
            grid.addWidget(so_far, place, 1, Qt.AlignmentFlag.AlignRight)
            grid.addWidget(field, place, 2)
            self.fields[code] = field
        grid.setRowStretch(len(languages), 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(rows)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.start = form_parts.button(
            self.tr("Label by these quotas"),
            self.tr("Go on with this queue (Enter)"),
            self.accept,
            primary=True,
        )
        self.start.setDefault(True)
        self.cancel = form_parts.button(
            self.tr("Cancel"), self.tr("Leave the queue as it is (Esc)"), self.reject
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.LARGE)
        layout.addWidget(told)
        layout.addWidget(scroll, 1)
        layout.addLayout(form_parts.closing(self.cancel, self.start))
        form_parts.open_at(self, _WIDTH, min(640, 200 + 44 * max(1, len(languages))))

    def quotas(self) -> dict[str, int]:
        """Return {language: number} of the languages that are not left out."""
        return {code: field.value() for code, field in self.fields.items() if field.value()}
