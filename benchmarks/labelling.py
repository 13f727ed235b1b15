"""How long from a key to the next tweet on the screen? In the real window, on a study of a million tweets.

Keys are pressed at times that are set beforehand, whether or not the window is ready for them, as a coder's finger
would; what the window does in between counts. The clock runs from the time set to the end of the update that painted
another tweet and handed it to the screen. Each key is a label, committed to the disk before that. It is measured
alone, and beside the real `stancedesk classify` on the same study, started as the window starts it.

What the disk takes for one commit is measured beside it, as a ratio is worth more than a number: no program that
keeps what it acknowledged can be faster than one fsync.
"""

import argparse
import contextlib
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QEventLoop, Qt, QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.gui import theme
from app.gui.garbage import GarbageCollector
from app.gui.main_window import MainWindow
from app.gui.tweet_view import TweetView
from app.inference.model_file import write_card
from app.jobs.job import Job
from app.jobs.worker import wait_for_workers
from app.settings import Settings
from app.study.shelf import Shelf
from app.study.study import Study
from benchmarks.classify import base_card
from benchmarks.large_study import make_large_study

CODER = "Mia"
KEYS = (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_3, Qt.Key.Key_4)
# Between two keys, milliseconds: faster than anyone reads. Now and then a rest, in which the window tells its other
# pages what was labelled and folds the log into the file: the key that ends it falls into that work.
PAUSES, RESTS, BETWEEN_RESTS = (60, 140), (1500, 1900), 20
WARM_UP = 20
ALONE_MS, BESIDE_MS = 16.0, 50.0
SEED = 2


class TimedWindow(MainWindow):
    """The window, which notes when an update has been painted and handed to the screen."""

    updated_at = 0.0

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.UpdateRequest:
            self.updated_at = time.perf_counter()
        return done


_painted_tweet = ""


def _note_paint(view: TweetView, event: QPaintEvent) -> None:
    global _painted_tweet
    super(TweetView, view).paintEvent(event)
    _painted_tweet = view.tweet


def main() -> int:
    """Measure and print; return 0 where both limits hold."""
    arguments = _parser().parse_args()
    folder = Path(arguments.folder or tempfile.mkdtemp(prefix="labelling-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["STANCEDESK_HOME"] = str(folder / "home")
    study = folder / f"large-{arguments.tweets}.stancedesk"
    if not study.exists():
        begin = time.perf_counter()
        make_large_study(study, arguments.tweets, 5000, CODER)
        print(f"{arguments.tweets} tweets made in {time.perf_counter() - begin:.0f} s")
    TweetView.paintEvent = _note_paint  # type: ignore[method-assign,assignment]
    application = QApplication(sys.argv[:1])
    GarbageCollector(application)
    theme.apply("light")
    window = TimedWindow(Settings(coder=CODER))
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    window.open_study(study)
    assert window.area is not None
    window.area.show_page("label")
    page = window.area.label_page
    while page.row is None:
        _spin(50)
    _spin(3000)
    print(
        f"load {os.getloadavg()[0]:.2f}; one fsync of 32 KiB on this disk: {_fsync_ms(folder):.1f} ms (median)"
    )
    _measure(window, WARM_UP)
    alone = _measure(window, arguments.labels)
    _print("alone", alone)
    beside: list[float] = []
    if not arguments.alone:
        job = Job.start(
            "classify",
            "Classifying",
            ["classify", str(study), "--model", str(_model(folder, study, arguments.model))],
            study=study,
        )
        while job.progress.done == 0 and job.outcome is None:
            _spin(100)
        if job.outcome is not None:
            print(f"benchmarks.labelling: the classification did not run: {job.outcome}", file=sys.stderr)
            return 1
        print(f"classification is running: {job.progress.rate:.0f} tweets/s; load {os.getloadavg()[0]:.2f}")
        beside = _measure(window, arguments.labels)
        still = job.outcome is None
        _print("while classifying", beside)
        print(f"ratio of p99: {_part(beside, 99) / _part(alone, 99):.2f}; still running at the end: {still}")
        job.stop()
        while job.outcome is None:
            _spin(100)
    window.close_study()
    window.close()
    wait_for_workers()
    application.processEvents()
    with contextlib.closing(sqlite3.connect(study)) as connection:
        assert connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",), "the study was damaged"
    held = _part(alone, 99) <= ALONE_MS and (not beside or _part(beside, 99) <= BESIDE_MS)
    print("both limits hold" if held else f"limits: {ALONE_MS} ms alone, {BESIDE_MS} ms while classifying")
    return 0 if held else 1


def _measure(window: TimedWindow, labels: int) -> list[float]:
    """Press `labels` keys and return milliseconds from each to the next tweet on the screen."""
    assert window.area is not None
    page = window.area.label_page
    chance = random.Random(SEED)
    found, worked = [], []
    for number in range(labels):
        pause = RESTS if number % BETWEEN_RESTS == BETWEEN_RESTS - 1 else PAUSES
        due = time.perf_counter() + chance.uniform(*pause) / 1000
        _spin((due - time.perf_counter()) * 1000)
        while time.perf_counter() < due:
            pass
        shown = page.row
        assert shown is not None
        begin = time.thread_time()
        QTest.keyClick(page, chance.choice(KEYS))
        assert page.row is not None and page.row.id != shown.id, "the key did not label"
        while _painted_tweet != page.row.text or window.updated_at < due:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
        found.append((window.updated_at - due) * 1000)
        worked.append((time.thread_time() - begin) * 1000)
    print(
        f"processor time of the window's thread per key: p50 {_part(worked, 50):.1f}, p99 {_part(worked, 99):.1f} ms "
        f"(not the disk's, not what other programs take); load {os.getloadavg()[0]:.2f}"
    )
    return found


def _spin(milliseconds: float) -> None:
    """Let the window do what it has to, for a while."""
    loop = QEventLoop()
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(loop.quit)
    timer.start(int(milliseconds))
    loop.exec()


def _model(folder: Path, study: Path, base: str) -> Path:
    """Return a copy of a base model that passes for one fine-tuned on the study: its speed is the same."""
    path = folder / f"{base}.gguf"
    if not path.exists():
        shutil.copyfile(Shelf().base_file(base).path, path)
        with Study.open(study) as opened:
            codebook = opened.codebook
        write_card(
            path, replace(base_card(path), leaves=list(codebook.leaf_codes), codebook=codebook.to_toml())
        )
    return path


def _fsync_ms(folder: Path) -> float:
    path = folder / "fsync.bin"
    taken = []
    with open(path, "wb") as file:
        for _ in range(100):
            begin = time.perf_counter()
            file.write(os.urandom(32 * 1024))
            file.flush()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begin) * 1000)
    path.unlink()
    return statistics.median(taken)


def _part(values: Sequence[float], per_cent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * per_cent // 100)]


def _print(name: str, values: Sequence[float]) -> None:
    parts = ", ".join(f"p{p} {_part(values, p):.1f}" for p in (50, 95, 99))
    print(f"{name}: {len(values)} labels, {parts}, max {max(values):.1f} ms")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tweets", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--model", default="smollm2-135m", help="what classifies meanwhile")
    parser.add_argument("--alone", action="store_true", help="without a classification")
    parser.add_argument("--folder", default="", help="keep the study here and use it again")
    return parser


if __name__ == "__main__":
    sys.exit(main())
