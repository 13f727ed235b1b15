"""Workers: results and exceptions reach the window's thread, and nobody else."""

import gc
import threading
import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QObject, QThreadPool
from pytestqt.qtbot import QtBot

from app.jobs.worker import run_in_worker, wait_for_workers


def no_error(error: Exception) -> None:
    raise AssertionError(error)


def test_the_result_comes_back_on_the_calling_thread(qtbot: QtBot) -> None:
    parent = QObject()
    got: list[tuple[str, bool]] = []
    names: list[str] = []

    def work() -> str:
        names.append(threading.current_thread().name)
        return "done"

    def take(result: str) -> None:
        got.append((result, threading.current_thread() is threading.main_thread()))

    run_in_worker(work, take, no_error, parent)
    qtbot.waitUntil(lambda: bool(got), timeout=5000)
    assert got == [("done", True)]
    assert names != [threading.main_thread().name]


def test_an_exception_comes_back_as_it_was(qtbot: QtBot) -> None:
    parent = QObject()
    errors: list[Exception] = []

    def work() -> None:
        raise ValueError("no such thing")

    run_in_worker(work, lambda _: errors.append(AssertionError()), errors.append, parent)
    qtbot.waitUntil(lambda: bool(errors), timeout=5000)
    with pytest.raises(ValueError, match="no such thing"):
        raise errors[0]


def test_progress_is_thinned_out_and_its_last_value_arrives(qtbot: QtBot) -> None:
    parent = QObject()
    seen: list[tuple[int, int]] = []
    done: list[int] = []

    def work(progress, stop) -> int:  # type: ignore[no-untyped-def]
        for i in range(1, 10001):
            progress(i, 10000)
        return 1

    run_in_worker(work, done.append, no_error, parent, on_progress=lambda d, t: seen.append((d, t)))
    qtbot.waitUntil(lambda: bool(done), timeout=5000)
    assert seen[-1] == (10000, 10000)
    assert len(seen) < 1000


def test_stop_is_seen_by_the_function_which_still_ends_in_order(qtbot: QtBot) -> None:
    parent = QObject()
    got: list[str] = []

    def work(progress, stop) -> str:  # type: ignore[no-untyped-def]
        while not stop():
            time.sleep(0.01)
        return "stopped early"

    task = run_in_worker(work, got.append, no_error, parent, on_progress=lambda d, t: None)
    task.stop()
    qtbot.waitUntil(lambda: bool(got), timeout=5000)
    assert got == ["stopped early"]


def test_nobody_is_called_after_the_parent_is_gone(qtbot: QtBot) -> None:
    parent = QObject()
    gate = threading.Event()
    got: list[object] = []

    def work() -> str:
        gate.wait(5)
        return "late"

    run_in_worker(work, got.append, got.append, parent)
    del parent
    gc.collect()
    gate.set()
    assert QThreadPool.globalInstance().waitForDone(5000)
    qtbot.wait(50)
    assert got == []


def test_what_the_function_holds_is_let_go_on_the_thread_that_asked(qtbot: QtBot) -> None:
    """A closed dialog may be held by nothing else: on the worker's thread its widgets must not be destroyed."""
    let_go_on: list[threading.Thread] = []

    class Held:
        def __del__(self) -> None:
            let_go_on.append(threading.current_thread())

    def work(held: Held) -> Callable[[], bool]:
        return lambda: held is None

    parent = QObject()
    for _ in range(50):
        run_in_worker(work(Held()), lambda _: None, no_error, parent)
    qtbot.waitUntil(lambda: len(let_go_on) == 50, timeout=5000)
    assert set(let_go_on) == {threading.main_thread()}


def test_waiting_for_workers_stops_those_that_listen(qtbot: QtBot) -> None:
    parent = QObject()
    got: list[object] = []

    def work(progress, stop) -> None:  # type: ignore[no-untyped-def]
        while not stop():
            time.sleep(0.01)

    run_in_worker(work, got.append, got.append, parent, on_progress=lambda d, t: None)
    assert wait_for_workers(5)
    qtbot.wait(50)
    assert got == []


def test_many_works_at_once_all_arrive(qtbot: QtBot) -> None:
    parent = QObject()
    got: list[int] = []
    for i in range(200):
        run_in_worker(lambda i=i: i, got.append, no_error, parent)
    qtbot.waitUntil(lambda: len(got) == 200, timeout=10000)
    assert sorted(got) == list(range(200))
