"""The parity of the 4-bit forms with the trained model, as a table."""

from typing import Any

from PySide6.QtWidgets import QWidget

from app.gui import figures
from app.gui.figure_table import FigureTable


class ParityTable(FigureTable):
    """One column for each form: changed labels, macro-F1, whether it passed, which one is served."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", left=1, parent=parent)
        self.setAccessibleName(self.tr("The 4-bit model against the trained one"))

    def show_parity(self, parity: dict[str, Any]) -> None:
        """Show the `parity` of a model's card or of a training result."""
        names = {"single": self.tr("single file"), "adapter": self.tr("base with adapter")}
        forms = [form for form in names if form in parity]
        cells = [self._cells(parity[form], parity.get("served") == form) for form in forms]
        captions = self._captions()
        # Side by side the figures of both forms would be wider than the page.
        rows = [[name, *(column[row] for column in cells)] for row, (name, _) in enumerate(captions)]
        self.show_rows([self.tr("4-bit form"), *(names[form] for form in forms)], rows)
        for row, (_, tip) in enumerate(captions):
            item = self.item(row, 0)
            if item is not None:
                item.setToolTip(tip)

    def _captions(self) -> list[tuple[str, str]]:
        return [
            (
                self.tr("labels changed"),
                self.tr("Validation tweets whose label differs from the trained model's"),
            ),
            (self.tr("95 % interval"), self.tr("Wilson interval of the share of changed labels")),
            (self.tr("F1 trained"), self.tr("Macro-F1 of the trained model on the validation tweets")),
            (self.tr("F1 4-bit"), self.tr("Macro-F1 of this 4-bit form on the same tweets")),
            (
                self.tr("difference (95 %)"),
                self.tr("4-bit form minus trained model, with a bootstrap interval"),
            ),
            (
                self.tr("cost (95 %)"),
                self.tr(
                    "Macro-F1 that the changed labels are expected to lose, by how sure the trained model was of them; "
                    "the check passes where at most half a point can be lost"
                ),
            ),
            (self.tr("check"), self.tr("Whether it answers as the trained model does, within the bounds")),
            (self.tr("used"), self.tr("The form that classifies")),
        ]

    def _cells(self, report: dict[str, Any], is_served: bool) -> list[str]:
        low, high = report["flips_interval"]
        below, above = report["difference_interval"]
        return [
            self.tr("{flips} of {n}").format(flips=report["flips"], n=report["n"]),
            f"{figures.share(low, 1)} – {figures.share(high, 1)}",
            figures.score(report["macro_f1_trained"]),
            figures.score(report["macro_f1_served"]),
            f"{_signed(report['difference'])} ({_signed(below)} … {_signed(above)})",
            _cost(report),
            self.tr("passed") if report["passed"] else self.tr("not passed"),
            self.tr("served") if is_served else figures.NONE,
        ]


def _cost(report: dict[str, Any]) -> str:
    # Models that were checked before have no such figure.
    if "cost" not in report:
        return figures.NONE
    below, above = report["cost_interval"]
    return f"{_signed(0 - report['cost'])} ({_signed(0 - above)} … {_signed(0 - below)})"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
