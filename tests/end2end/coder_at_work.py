"""A coder who works until killed: started by `test_killed.py` as a process of its own.

Each act is told, one JSON line, as soon as the program has answered it: what was told must survive.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

LEAVES = ("pro", "anti", "neutral", "unrelated")
BULK = 40


def in_the_window(study: Path, told: Path, page: str) -> None:
    """Press class keys on a page of the real window; a tweet is told when the next one is shown."""
    from PySide6.QtCore import QTimer
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from app.gui import theme
    from app.gui.main_window import MainWindow
    from app.settings import Settings

    application = QApplication(sys.argv)
    theme.apply("light")
    window = MainWindow(Settings(coder="Coder Three", blind=False))
    window.show()
    assert window.open_study(study) and window.area is not None
    area = window.area
    area.show_page(page)
    target = area.label_page if page == "label" else area.review_page.disagreements
    shown: Callable[[], int | None]
    if page == "label":
        shown = lambda: area.label_page.row.id if area.label_page.row else None  # noqa: E731
    else:
        shown = lambda: target.case.row.id if target.case and target.review else None  # noqa: E731
    keys = 0
    with told.open("a") as out:

        def press() -> None:
            nonlocal keys
            before = shown()
            if before is None:
                return
            QTest.keyClick(target, "1234"[keys % 4])
            if shown() != before:
                out.write(json.dumps({"tweet": before, "leaf": LEAVES[keys % 4]}) + "\n")
                out.flush()
            keys += 1

        timer = QTimer()
        timer.timeout.connect(press)
        timer.start(5)
        application.exec()


def on_the_study(study_path: Path, told: Path, seed: int, copies: list[Path]) -> None:
    """Label one tweet or many, undo, redo and take copies in, at random."""
    from app.study import bulk, merging
    from app.study.labelling import Labelling
    from app.study.study import Study
    from db import labels

    chance = random.Random(seed)
    study = Study.open(study_path)
    tweets = study.counts().tweets
    work = Labelling(study, "Ana", double=True)
    with told.open("a") as out:

        def tell(act: str) -> None:
            with study.reading() as session:
                seq = labels.last_added(session)[0]
            out.write(json.dumps({"act": act, "seq": seq}) + "\n")
            out.flush()

        tell("ready")
        while True:
            act = chance.choices(("label", "bulk", "undo", "redo", "merge"), (10, 3, 5, 3, 1))[0]
            if act == "label" and work.turn() is not None:
                work.label(chance.choice(LEAVES), note=str(time.monotonic_ns()))
            elif act == "bulk":
                bulk.label(study, "Ana", chance.sample(range(1, tweets + 1), BULK), chance.choice(LEAVES))
            elif act == "undo":
                work.undo()
            elif act == "redo":
                work.redo()
            elif act == "merge" and copies:
                merging.merge(study, copies.pop(0))
            tell(act)


if __name__ == "__main__":
    how, study_file, told_file = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if how == "acts":
        on_the_study(study_file, told_file, int(sys.argv[4]), [Path(name) for name in sys.argv[5:]])
    else:
        in_the_window(study_file, told_file, how)
