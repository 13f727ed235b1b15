"""The scores on the validation tweets after each epoch, in all and by language."""

from typing import Any

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.figure_table import FigureTable
from app.gui.language_names import language_name
from app.study.evaluation import FEW_ROWS


class EpochTable(QWidget):
    """A row for each epoch. Hidden while none is scored."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._epochs: dict[int, dict[str, Any]] = {}
        self.table = FigureTable(self.tr("Scores after each epoch"))
        self.note = QLabel(
            self.tr(
                "By language: macro-F1, with the number of validation tweets. Languages with very few are scored "
                "together, and with fewer than {few} a score is only a hint."
            ).format(few=FEW_ROWS)
        )
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.TIGHT)
        layout.addWidget(self.table)
        layout.addWidget(self.note)
        self.hide()

    def rowCount(self) -> int:
        """Return how many epochs are shown."""
        return self.table.rowCount()

    def texts(self) -> list[list[str]]:
        """Return all cells."""
        return self.table.texts()

    def clear_epochs(self) -> None:
        """Forget everything."""
        self._epochs = {}
        self._show()

    def take(self, event: dict[str, Any]) -> None:
        """Take in an `evaluated` event; the same epoch again takes the place of the former."""
        self._epochs[int(event["epoch"])] = event
        self._show()

    def _show(self) -> None:
        newest = self._epochs[max(self._epochs)] if self._epochs else {}
        groups = _groups(newest)
        header = [self.tr("epoch"), self.tr("macro-F1"), self.tr("accuracy"), self.tr("loss")]
        tips = ["", self.tr("The mean F1 of the classes, on all validation tweets"), "", ""]
        for name, one in groups:
            if name:
                header.append(self.tr("{language} ({n})").format(language=name, n=one["n"]))
                tips.append(self._tip([name], one["n"]))
            else:
                header.append(self.tr("{count} others ({n})").format(count=len(one["of"]), n=one["n"]))
                tips.append(self._tip(one["of"], one["n"]))
        best = max(
            (number for number, one in self._epochs.items() if one["macro_f1"] is not None),
            key=lambda number: (float(self._epochs[number]["macro_f1"]), -number),
            default=0,
        )
        rows = []
        for number, one in sorted(self._epochs.items()):
            row = [self.tr("{number}, the best").format(number=number) if number == best else str(number)]
            row += [figures.score(one.get(name)) for name in ("macro_f1", "accuracy", "loss")]
            row += [figures.score(_score_of(one, name)) for name, _ in groups]
            rows.append(row)
        self.table.show_rows(header, rows, most_rows=6, tips=tips)
        self.note.setVisible(bool(groups))
        self.setVisible(bool(rows))

    def _tip(self, languages: list[str], n: int) -> str:
        names = ", ".join(language_name(code) for code in languages)
        return self.tr("{languages}: macro-F1 on {n} validation tweets").format(languages=names, n=n)


def _groups(event: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return (language, figures) with the most tweets first, at the end ("", figures) of those scored as one."""
    languages = dict(event.get("languages") or {})
    together = event.get("together")
    if len(languages) < 2 or (together and len(together["of"]) == len(languages)):
        # What would be shown is the score of all tweets once more.
        return []
    apart = [(code, one) for code, one in languages.items() if not together or code not in together["of"]]
    apart.sort(key=lambda item: (-item[1]["n"], item[0]))
    return [*apart, *([("", together)] if together else [])]


def _score_of(event: dict[str, Any], language: str) -> float | None:
    one = (event.get("languages") or {}).get(language) if language else event.get("together")
    return None if not one else one["macro_f1"]
