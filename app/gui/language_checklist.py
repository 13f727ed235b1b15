"""A list of languages to tick."""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from app.gui import figures
from app.gui.language_names import language_name

_CODE = int(Qt.ItemDataRole.UserRole)


class LanguageChecklist(QListWidget):
    """The study's languages, those that somebody reads ticked; Space ticks."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Languages"))
        self.setToolTip(self.tr("Space ticks a language, the arrow keys go on; none ticked stands for all"))

    def show_languages(self, tweets: Mapping[str, int], ticked: Iterable[str]) -> None:
        """Show {language: number of tweets}; one that is ticked stays, also where the study has no tweet in it."""
        ticked = set(ticked)
        self.clear()
        for code in [*tweets, *sorted(ticked - tweets.keys())]:
            count = figures.count(tweets.get(code, 0))
            item = QListWidgetItem(
                self.tr("{language} · {count} tweets").format(language=language_name(code), count=count)
            )
            item.setData(_CODE, code)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if code in ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        if self.count():
            self.setCurrentRow(0)

    def ticked(self) -> list[str]:
        """Return the codes of the languages that are ticked."""
        items = [self.item(row) for row in range(self.count())]
        return [str(item.data(_CODE)) for item in items if item.checkState() == Qt.CheckState.Checked]
