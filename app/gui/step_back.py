"""Undo and redo of many labels at once: on the window's thread where they are few, else waited for."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QWidget

from app.gui import figures
from app.gui.notice import Tone
from app.gui.work_dialog import WorkDialog
from app.study.label_acts import Stopped, Watch
from app.study.labelling import Labelling
from app.study.tweets import TweetRow

REDO_KEYS = ("Ctrl+Shift+Z", "Ctrl+Y")
"""The first is the one that the menu shows and that is told."""

FEW = 50
"""So many labels are changed too quickly to be waited for."""

Then = Callable[[TweetRow | None], None]


def redo_key() -> str:
    """Return the key that gives again what was taken back, as the menu shows it."""
    return QKeySequence(REDO_KEYS[0]).toString(QKeySequence.SequenceFormat.NativeText)


def step_back(labelling: Labelling, then: Then, parent: QWidget) -> None:
    """Undo the coder's last step, then call `then` with its tweet. Few labels: at once, and errors are raised."""
    _do(labelling.undo, labelling.next_undo, False, then, parent)


def step_forward(labelling: Labelling, then: Then, parent: QWidget) -> None:
    """Redo what was undone last, as `step_back`."""
    _do(labelling.redo, labelling.next_redo, True, then, parent)


def _do(
    run: Callable[[Watch], TweetRow | None], labels: int, again: bool, then: Then, parent: QWidget
) -> None:
    if labels <= FEW:
        then(run(Watch()))
        return
    dialog = _StepDialog(run, labels, again, then, parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


class _StepDialog(WorkDialog):
    """Open as long as it takes; it stays open only where the labels could not be changed."""

    def __init__(
        self,
        run: Callable[[Watch], TweetRow | None],
        labels: int,
        again: bool,
        then: Then,
        parent: QWidget,
    ) -> None:
        doing = self.tr("Giving {count} labels again …") if again else self.tr("Taking back {count} labels …")
        super().__init__(
            self.tr("Redo") if again else self.tr("Undo"),
            doing.format(count=figures.count(labels)),
            self.tr("Stop and change nothing (Esc)"),
            parent,
        )
        self._then = then

        def work(
            progress: Callable[[int, int], None], stop: Callable[[], bool]
        ) -> tuple[bool, TweetRow | None]:
            try:
                return True, run(Watch(progress, stop))
            except Stopped:
                return False, None

        self.begin(work)

    def finish(self, report: tuple[bool, TweetRow | None]) -> None:
        """Close, and go on where something changed."""
        changed, row = report
        if changed:
            self.accept()
            self._then(row)
        else:
            self.notice.tell(Tone.INFO, self.tr("Stopped. No label was changed."))

    def nothing_done(self) -> str:
        """Return what is so after a failure."""
        return self.tr("No label was changed.")
