"""The parity of both 4-bit forms with the trained model, as a table."""

from typing import Any

from PySide6.QtWidgets import QWidget

from app.gui import figures
from app.gui.figure_table import FigureTable


class ParityTable(FigureTable):
    """One row for each form: flipped labels, macro-F1, whether it passed, which one is served."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", left=1, parent=parent)
        self.setAccessibleName(self.tr("Both 4-bit forms against the trained model"))

    def show_parity(self, parity: dict[str, Any]) -> None:
        """Show the `parity` of a model's card or of a training result."""
        names = {"single": self.tr("single file"), "adapter": self.tr("base with adapter")}
        rows = []
        for form, name in names.items():
            report = parity.get(form)
            if report is None:
                continue
            low, high = report["flips_interval"]
            below, above = report["difference_interval"]
            rows.append(
                [
                    name,
                    self.tr("{flips} of {n}").format(flips=report["flips"], n=report["n"]),
                    f"{figures.share(low, 1)} – {figures.share(high, 1)}",
                    figures.score(report["macro_f1_trained"]),
                    figures.score(report["macro_f1_served"]),
                    f"{_signed(report['difference'])} ({_signed(below)} … {_signed(above)})",
                    self.tr("passed") if report["passed"] else self.tr("not passed"),
                    self.tr("served") if parity.get("served") == form else "",
                ]
            )
        self.show_rows(
            [
                self.tr("4-bit form"),
                self.tr("labels changed"),
                self.tr("95 % interval"),
                self.tr("F1 trained"),
                self.tr("F1 4-bit"),
                self.tr("difference (95 %)"),
                self.tr("gate"),
                "",
            ],
            rows,
            tips=[
                self.tr("How the trained model is written to 4 bits"),
                self.tr("Validation tweets whose label differs from the trained model's"),
                self.tr("Wilson interval of the share of changed labels"),
                self.tr("Macro-F1 of the trained model on the validation tweets"),
                self.tr("Macro-F1 of this 4-bit form on the same tweets"),
                self.tr("4-bit form minus trained model, with a bootstrap interval"),
            ],
        )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
