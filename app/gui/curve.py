"""The loss of a training run, step by step, with the score after each epoch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import figures, theme

# Weight of the newest step in the smoothed line.
_SMOOTHING = 0.15


@dataclass(frozen=True)
class Epoch:
    """A score on the validation rows: after which step, which epoch, and macro-F1."""

    step: int
    number: int
    macro_f1: float


class LossCurve(QWidget):
    """A small chart that grows with the events of a run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.losses: list[tuple[int, float]] = []
        self.epochs: list[Epoch] = []
        self._steps = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(160)
        self.setAccessibleName(self.tr("Loss curve"))

    def sizeHint(self) -> QSize:
        return QSize(640, 240)

    def clear(self) -> None:
        """Forget everything."""
        self.losses, self.epochs, self._steps = [], [], 0
        self._describe()
        self.update()

    def take(self, event: dict[str, Any]) -> None:
        """Take in an event of training; others are passed over."""
        if event["event"] == "progress" and event.get("loss") is not None:
            step = int(event.get("step") or event.get("done") or len(self.losses) + 1)
            self._go_back_to(step)
            self.losses.append((step, float(event["loss"])))
            self._steps = max(step, int(event.get("steps") or 0))
        elif event["event"] == "evaluated" and event["macro_f1"] is not None:
            step = self.losses[-1][0] if self.losses else 0
            self.epochs = [epoch for epoch in self.epochs if epoch.number != int(event["epoch"])]
            self.epochs.append(Epoch(step, int(event["epoch"]), float(event["macro_f1"])))
        else:
            return
        self._describe()
        self.update()

    def _go_back_to(self, step: int) -> None:
        """Forget the steps from this one on: a run that was cut off does them again from its checkpoint."""
        while self.losses and self.losses[-1][0] >= step:
            self.losses.pop()

    def smoothed(self) -> list[tuple[int, float]]:
        """Return the losses as an exponential moving average, unbiased at its begin."""
        result: list[tuple[int, float]] = []
        mean, weight = 0.0, 0.0
        for step, loss in self.losses:
            mean += _SMOOTHING * (loss - mean)
            weight += _SMOOTHING * (1 - weight)
            result.append((step, mean / weight))
        return result

    def _describe(self) -> None:
        parts = []
        if self.losses:
            step, loss = self.losses[-1]
            parts.append(self.tr("Step {step}, loss {loss}").format(step=step, loss=figures.score(loss)))
        parts += [
            self.tr("epoch {number}: macro-F1 {score}").format(
                number=epoch.number, score=figures.score(epoch.macro_f1)
            )
            for epoch in self.epochs
        ]
        self.setAccessibleDescription("; ".join(parts))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text, quiet, line, accent = self._colours()
        metrics = painter.fontMetrics()
        left = metrics.horizontalAdvance("0.00") + 12
        area = QRectF(self.rect()).adjusted(left, metrics.height() * 1.6, -12, -metrics.height() * 1.8)
        if area.width() < 40 or area.height() < 40:
            return
        painter.setPen(quiet)
        painter.drawText(QPointF(0, metrics.ascent()), self.tr("Loss on the training tweets"))
        if not self.losses:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self.tr("The first step is on its way."))
            return
        top = max(loss for _, loss in self.losses)
        ticks = _ticks(top)
        high = ticks[-1]
        last = max(self._steps, self.losses[-1][0], 2)

        def point(step: float, loss: float) -> QPointF:
            return QPointF(
                area.left() + area.width() * (step - 1) / (last - 1),
                area.bottom() - area.height() * min(loss, high) / high,
            )

        self._draw_axis(painter, area, ticks, high, quiet, line)
        self._draw_steps(painter, area, last, quiet)
        self._draw_epochs(painter, area, point, text, line)
        faint = QColor(accent)
        faint.setAlphaF(0.35)
        painter.setPen(QPen(faint, 1.0))
        painter.drawPath(_path([point(*item) for item in self.losses]))
        painter.setPen(QPen(accent, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        smoothed = [point(*item) for item in self.smoothed()]
        painter.drawPath(_path(smoothed))
        painter.setBrush(accent)
        painter.drawEllipse(smoothed[-1], 3.5, 3.5)

    def _draw_axis(
        self,
        painter: QPainter,
        area: QRectF,
        ticks: Sequence[float],
        high: float,
        quiet: QColor,
        line: QColor,
    ) -> None:
        metrics = painter.fontMetrics()
        for tick in ticks:
            y = area.bottom() - area.height() * tick / high
            painter.setPen(QPen(line, 1.0))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(quiet)
            box = QRectF(0, y - metrics.height() / 2, area.left() - 8, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{tick:g}")

    def _draw_steps(self, painter: QPainter, area: QRectF, last: int, quiet: QColor) -> None:
        metrics = painter.fontMetrics()
        box = QRectF(area.left(), area.bottom() + 6, area.width(), metrics.height())
        painter.setPen(quiet)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, self.tr("step 1"))
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, figures.count(last))

    def _draw_epochs(self, painter: QPainter, area: QRectF, point: Any, text: QColor, line: QColor) -> None:
        metrics = painter.fontMetrics()
        for epoch in self.epochs:
            x = point(max(epoch.step, 1), 0).x()
            painter.setPen(QPen(text, 1.0, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            label = self.tr("epoch {number}: F1 {score}").format(
                number=epoch.number, score=figures.score(epoch.macro_f1)
            )
            width = metrics.horizontalAdvance(label)
            painter.setPen(text)
            painter.drawText(
                QPointF(max(area.left(), x - width - 6), area.top() + metrics.ascent() + 2), label
            )

    def _colours(self) -> tuple[QColor, QColor, QColor, QColor]:
        colours = theme.tokens()
        return (
            QColor(colours.text),
            QColor(colours.muted),
            QColor(colours.line),
            QColor(colours.accent),
        )


def _ticks(top: float) -> list[float]:
    """Return four to six round values from 0 to at least `top`."""
    if top <= 0 or not math.isfinite(top):
        return [0.0, 1.0]
    rough = top / 4
    scale = 10 ** math.floor(math.log10(rough))
    step = next(scale * factor for factor in (1, 2, 2.5, 5, 10) if scale * factor >= rough)
    return [step * i for i in range(math.ceil(top / step - 1e-9) + 1)]


def _path(points: Sequence[QPointF]) -> QPainterPath:
    path = QPainterPath(points[0])
    for point in points[1:]:
        path.lineTo(point)
    return path
