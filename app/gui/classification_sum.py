"""The counts of a classification as an equation: how each selected tweet came to its outcome."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from app.gui import figures

# The counts of a report whose tweets have a prediction.
_PREDICTED = ("before", "predicted", "settled")
_COUNTS = ("selected", "before_settled", "were_settled", "failed", "left", *_PREDICTED)


class ClassificationSum(QLabel):
    """Shows the fields of a `ClassificationReport`, as the last event of `stancedesk classify` has them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setAccessibleName(self.tr("Counts of the classification"))

    def show_report(self, report: dict[str, Any]) -> None:
        """Show what a classification came to, whether it was stopped or not."""
        self.setText(
            # The counts have a line of their own where there is room for them.
            self.tr("{counts}\n{rate} · {time}").format(
                counts=self._equation(report),
                rate=figures.rate(float(report["per_second"]), self.tr("tweets")),
                time=figures.duration(float(report["seconds"])),
            )
        )
        self.show()

    def _equation(self, report: dict[str, Any]) -> str:
        counts = {name: figures.count(int(report.get(name, 0))) for name in _COUNTS}
        before = bool(report.get("before"))
        parts = [self.tr("{predicted} classified now") if before else self.tr("{predicted} classified")]
        if report.get("were_settled"):
            parts[0] = self.tr("{predicted} classified now ({were_settled} of them settled before)")
        if report.get("before_settled"):
            parts.insert(0, self.tr("{before} classified before ({before_settled} of them settled)"))
        elif before:
            parts.insert(0, self.tr("{before} classified before"))
        if report.get("settled") or report.get("cascade"):
            parts.append(self.tr("{settled} settled by the light model"))
        parts.append(self.tr("{failed} failed"))
        if report.get("left"):
            parts.append(self.tr("{left} left"))
        return self.tr("{selected} selected = {parts}").format(
            selected=counts["selected"], parts=" + ".join(parts).format(**counts)
        )


def done_now(report: dict[str, Any]) -> int:
    """Return how many tweets got a prediction by this job."""
    return int(report["predicted"]) + int(report.get("settled", 0))


def missing(report: dict[str, Any]) -> int:
    """Return of how many selected tweets a finished classification has no outcome: none, unless something is wrong."""
    return int(report["selected"]) - sum(int(report.get(one, 0)) for one in (*_PREDICTED, "failed"))
