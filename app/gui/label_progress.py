"""How far labelling is: over all, by class, by language."""

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QProgressBar, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.codebook_view import shape_of
from app.gui.elided import QuietLine
from app.gui.language_names import language_name
from app.study.codebook import Leaf
from app.study.pace import ENOUGH, Pace
from app.study.progress import Progress

_ROW = 26
# Of the height at the side: what is left is the codebook's.
_CLASSES_SHARE, _LANGUAGES_SHARE = 0.28, 0.18


class _Rows(QWidget):
    """Rows of a sign, a name and a number; those with a share have a bar under them."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.rows: list[tuple[str, str, str, str, float | None]] = []
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: list[tuple[str, str, str, str, float | None]]) -> None:
        """Show rows of (sign, its colour, name, number, share in [0, 1] or None)."""
        if rows == self.rows:
            return
        if len(rows) != len(self.rows):
            self.setFixedHeight(max(1, len(rows)) * _ROW)
        self.rows = rows
        self.setAccessibleDescription(", ".join(f"{name} {number}" for _, _, name, number, _ in rows))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, max(1, len(self.rows)) * _ROW)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        middle = Qt.AlignmentFlag.AlignVCenter
        for place, (sign, colour, name, number, part) in enumerate(self.rows):
            box = QRectF(0, place * _ROW, self.width() - theme.TIGHT, _ROW)
            if box.bottom() < event.rect().top() or box.top() > event.rect().bottom():
                continue
            left = 0.0
            if sign:
                painter.setPen(theme.leaf_colour(colour))
                painter.drawText(box, middle | Qt.AlignmentFlag.AlignLeft, sign)
                left = metrics.height() + 2.0
            width = metrics.horizontalAdvance(number)
            painter.setPen(QColor(t.muted))
            painter.drawText(box, middle | Qt.AlignmentFlag.AlignRight, number)
            painter.setPen(QColor(t.text))
            room = int(box.width() - left - width - theme.SMALL)
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room)
            painter.drawText(box.adjusted(left, 0, 0, 0), middle | Qt.AlignmentFlag.AlignLeft, shown)
            if part is not None:
                track = QRectF(0, box.bottom() - 2, box.width(), 2)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(t.raised))
                painter.drawRect(track)
                track.setWidth(track.width() * part)
                painter.setBrush(QColor(t.accent))
                painter.drawRect(track)


class LabelProgress(QWidget):
    """What was assigned, a bar for all tweets, the number of labels of each class, a thin bar for each language."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QuietLine(muted=False, scale=1.2)
        self.mine = QuietLine()
        self.pace, self.left = QuietLine(), QuietLine()
        for line in (self.pace, self.left):
            line.setToolTip(
                self.tr("From the times of your last labels in this sitting; pauses are left out")
            )
        self.assigned = QuietLine(muted=False, scale=1.2)
        self.assigned.hide()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Labelled tweets"))
        self.classes = _Rows(self.tr("Labels by class"))
        self.languages = _Rows(self.tr("Labels by language"))
        self._room = 800
        self._lists = [
            (self.classes, _scrolled(self.classes), _CLASSES_SHARE),
            (self.languages, _scrolled(self.languages), _LANGUAGES_SHARE),
        ]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.assigned)
        layout.addWidget(self.text)
        layout.addWidget(self.bar)
        layout.addWidget(self.mine)
        layout.addWidget(self.pace)
        layout.addWidget(self.left)
        self.left.hide()
        for _, scroll, _ in self._lists:
            layout.addWidget(scroll)

    def show_progress(
        self, progress: Progress, leaves: tuple[Leaf, ...], coder: str, pace: Pace | None = None
    ) -> None:
        """Show how far the coder and all coders are, and how fast the coder is."""
        self.bar.setRange(0, max(1, progress.total))
        self.bar.setValue(progress.labelled)
        self.text.setText(
            self.tr("{done} of {total} labelled").format(
                done=figures.count(progress.labelled), total=figures.count(progress.total)
            )
        )
        self.mine.setText(
            self.tr("{share} · {mine} by {coder}").format(
                share=figures.share(progress.labelled, progress.total),
                mine=figures.count(progress.mine),
                coder=coder,
            )
        )
        self.assigned.setText(
            self.tr("Assigned: {done} of {all}").format(
                done=figures.count(progress.assigned_done), all=figures.count(progress.assigned)
            )
        )
        self.assigned.setVisible(progress.assigned > 0)
        self._show_pace(pace, progress.total - progress.labelled)
        disputed = max(0, progress.labelled - sum(progress.per_leaf.values()))
        rows: list[tuple[str, str, str, str, float | None]] = [
            (
                shape_of(leaf),
                leaf.colour,
                leaf.name,
                figures.count(progress.per_leaf.get(leaf.code, 0)),
                None,
            )
            for leaf in leaves
        ]
        if disputed:
            rows.append(("≠", theme.tokens().muted, self.tr("Disputed"), figures.count(disputed), None))
        self.classes.show_rows(rows)
        self.languages.show_rows(
            [
                (
                    "",
                    "",
                    language_name(code),
                    f"{figures.count(done)} / {figures.count(total)}",
                    done / total if total else 0.0,
                )
                for code, (done, total) in progress.per_language.items()
            ]
        )
        self.fit(self._room)

    def _show_pace(self, pace: Pace | None, left: int) -> None:
        per_hour = pace.per_hour() if pace is not None else None
        if pace is None or per_hour is None:
            self.pace.setText(self.tr("Your pace is told after {count} labels").format(count=ENOUGH))
            self.left.hide()
            return
        told = self.tr("About {count} labels an hour").format(count=figures.count(round_count(per_hour)))
        self.pace.setText(told)
        hours = pace.hours_left(left)
        if hours is not None:
            self.left.setText(self.tr("{time} left at your pace").format(time=about_time(hours)))
        self.left.setVisible(hours is not None)

    def fit(self, room: int) -> None:
        """Show as many rows of each list as their shares of the room at the side hold; the rest is scrolled."""
        self._room = room
        for rows, scroll, share in self._lists:
            scroll.setFixedHeight(min(rows.height(), max(3, int(share * room) // _ROW) * _ROW))


def round_count(per_hour: float) -> int:
    """Return a pace to two figures: more would be said than is known."""
    step = 10 ** max(0, len(str(round(per_hour))) - 2)
    return round(per_hour / step) * step


def about_time(hours: float) -> str:
    """Return a time that is left, as roughly as it is known."""
    minutes = hours * 60
    if minutes < 1.5:
        return QCoreApplication.translate("label_progress", "About a minute")
    if minutes < 10:
        return QCoreApplication.translate("label_progress", "About {n} minutes").format(n=round(minutes))
    if minutes < 90:
        return QCoreApplication.translate("label_progress", "About {n} minutes").format(
            n=round(minutes / 5) * 5
        )
    return QCoreApplication.translate("label_progress", "About {n} hours").format(n=round(hours))


def _scrolled(rows: _Rows) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setWidget(rows)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return scroll
