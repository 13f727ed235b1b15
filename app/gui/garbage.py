"""Python's garbage is collected on the window's thread alone.

Python looks for objects that only refer to one another whenever it has made enough new ones, on whichever thread made
them. Where a worker's thread finds a closed dialog among them, the dialog's widgets are destroyed on that thread while
the window's is drawing: a segmentation fault, now and then. So Python is told not to look by itself.
"""

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 1000
# A look at everything takes 150 ms with all libraries loaded: it comes after so many at what is younger, once in some
# twenty minutes.
_FULL_AFTER = 100


class GarbageCollector(QObject):
    """Collects garbage once a second, on the thread that made it, in place of Python itself; made once, for good."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _FULL_AFTER)
        self._timer = QTimer(self)
        self._timer.timeout.connect(collect_garbage)
        self._timer.start(_EVERY_MS)


def collect_garbage() -> None:
    """Collect the oldest generation of objects that is due, and those younger, as Python would by itself."""
    due = [
        generation
        for generation, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
        if 0 < most < count
    ]
    if due:
        gc.collect(due[-1])
