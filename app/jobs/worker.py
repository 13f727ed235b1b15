"""Short work off the window's thread: a function runs on a thread pool, its result comes back."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, QThreadPool, Signal, Slot

T = TypeVar("T")

# A progress bar needs no more than this; a flood of signals would make the window stutter.
_PROGRESS_SECONDS = 0.05

# Works under way. A worker's end reaches its `Work` through a queued signal: the `Work` must outlive the
# thread, whatever became of its parent.
_under_way: set["Work"] = set()


class Work(QObject):
    """A function under way on a worker. It lives on the thread that started it; its callbacks run there."""

    _progressed = Signal(object, object)
    _ended = Signal(object, object)

    def __init__(
        self,
        function: Callable[..., Any],
        on_done: Callable[[Any], object],
        on_error: Callable[[Exception], object],
        on_progress: Callable[[int, int], object] | None,
        parent: QObject,
    ) -> None:
        super().__init__()
        self._function: Callable[..., Any] | None = function
        self._on_done: Callable[[Any], object] | None = on_done
        self._on_error: Callable[[Exception], object] | None = on_error
        self._on_progress = on_progress
        self._with_progress = on_progress is not None
        self._stop = threading.Event()
        self._last_progress = 0.0
        self._progressed.connect(self._tell_progress, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._finish, Qt.ConnectionType.QueuedConnection)
        parent.destroyed.connect(self.abandon)

    def stop(self) -> None:
        """Ask the function to stop at its next look at `stop`; it still ends by `on_done` or `on_error`."""
        self._stop.set()

    @Slot()
    def abandon(self) -> None:
        """Ask the function to stop, and tell nobody how it ends."""
        self._stop.set()
        self._on_done = self._on_error = self._on_progress = None

    def run(self) -> None:
        """Run the function; called on the worker's thread."""
        # Held by no name of this thread's: what the function holds, widgets perhaps, is let go in `_finish`.
        assert self._function is not None
        try:
            result = (
                self._function(self._progress, self._stop.is_set) if self._with_progress else self._function()
            )
        except Exception as error:
            self._tell_end(None, error)
        else:
            self._tell_end(result, None)

    def _tell_end(self, result: Any, error: Exception | None) -> None:
        # At the program's end Qt's objects go before the last threads do.
        with contextlib.suppress(RuntimeError):
            self._ended.emit(result, error)

    def _progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_SECONDS or done == total:
            self._last_progress = now
            with contextlib.suppress(RuntimeError):
                self._progressed.emit(done, total)

    @Slot(object, object)
    def _tell_progress(self, done: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(done, total)

    @Slot(object, object)
    def _finish(self, result: Any, error: Exception | None) -> None:
        on_done, on_error = self._on_done, self._on_error
        self._function = self._on_done = self._on_error = self._on_progress = None
        _under_way.discard(self)
        self.deleteLater()
        if error is None and on_done is not None:
            on_done(result)
        elif error is not None and on_error is not None:
            on_error(error)


def run_in_worker(
    function: Callable[..., T],
    on_done: Callable[[T], object],
    on_error: Callable[[Exception], object],
    parent: QObject,
    *,
    on_progress: Callable[[int, int], object] | None = None,
) -> Work:
    """Run a function on a worker thread and hand its result, or its exception, over on the calling thread.

    With `on_progress` the function is called as `function(progress, stop)`: `progress(done, total)` reaches
    `on_progress` (at most 20 times a second), `stop()` turns true after `Work.stop()`. Without, as
    `function()`. When `parent` is destroyed before the end, nothing is called any more.
    """
    work = Work(function, on_done, on_error, on_progress, parent)
    _under_way.add(work)
    QThreadPool.globalInstance().start(work.run)
    return work


def wait_for_workers(seconds: float = 30.0) -> bool:
    """Ask all workers to stop and wait until they have; return whether they did. For the program's end."""
    for work in list(_under_way):
        work.abandon()
    return QThreadPool.globalInstance().waitForDone(round(seconds * 1000))
