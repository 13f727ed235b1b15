"""What the label page does while the coder reads or rests: no key waits for it."""

import contextlib
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from app.errors import UserError
from app.jobs.worker import run_in_worker
from app.study.context import Context, context
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetRow

# The next tweet is read once this one is on the screen.
_PREPARE_MILLISECONDS = 5
# Other pages count again when the coder pauses, not while one key follows the other.
_REST_MILLISECONDS = 1500


class LabelPauses(QObject):
    """Two clocks: a moment after each tweet, and a rest after the last change.

    `read` is called a moment after each tweet, `expect` with the tweet that comes next, `rested` when the coder
    pauses.
    """

    def __init__(
        self,
        read: Callable[[], None],
        expect: Callable[[TweetRow], None],
        rested: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._read = read
        self._expect = expect
        self._contexts: dict[int, tuple[Context, ...]] = {}
        self._labelling: Labelling | None = None
        self._moment = QTimer(self)
        self._moment.setSingleShot(True)
        self._moment.setInterval(_PREPARE_MILLISECONDS)
        self._moment.timeout.connect(self._prepare)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MILLISECONDS)
        self._rest.timeout.connect(rested)

    def begin(self, labelling: Labelling, changed: bool) -> None:
        """Begin a pause: a tweet was shown, and perhaps something was changed."""
        self._labelling = labelling
        self._moment.start()
        if changed:
            self._rest.start()

    def end(self) -> bool:
        """Let no clock ring any more; return whether a change was still to be told."""
        self._moment.stop()
        self._labelling = None
        return self.stop_rest()

    def stop_rest(self) -> bool:
        """Wait no longer for a rest; return whether a change was still to be told."""
        waiting = self._rest.isActive()
        self._rest.stop()
        return waiting

    def context_of(self, study: Study, row: TweetRow) -> tuple[Context, ...]:
        """Return what surrounds a tweet; of the one that was read ahead it is known already."""
        found = self._contexts.pop(row.id, None)
        return context(study, row) if found is None else found

    def _prepare(self) -> None:
        labelling = self._labelling
        if labelling is None:
            return
        self._read()
        # What goes wrong here will go wrong again, and be told, when the tweet is wanted.
        with contextlib.suppress(UserError):
            row = labelling.prepare()
            if row is not None:
                self._contexts = {row.id: context(labelling.study, row)}
                self._expect(row)


def fold_log(study: Study, parent: QObject) -> None:
    """Use a rest: what labels have written is folded into the file. It is tried again in the next one."""
    run_in_worker(study.fold_log, lambda _: None, lambda _: None, parent)
