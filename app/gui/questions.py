"""The window's few message boxes."""

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from app import __version__
from app.jobs.job_list import JobList


def _tr(text: str) -> str:
    return QCoreApplication.translate("questions", text)


def ask_about_jobs(jobs: JobList, parent: QWidget) -> bool:
    """Ask what becomes of the jobs that run, do it, and return whether the study may be closed."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(_tr("Still going on:") + "\n" + "\n".join(job.title for job in jobs.running()))
    told = _tr("This can go on without the window; open the study again to see it.")
    trains = any(job.kind == "train" for job in jobs.running())
    if trains:
        told += " " + _tr("A training that is paused gives its memory back and loses nothing.")
    box.setInformativeText(told)
    go_on = box.addButton(_tr("&Let it go on"), QMessageBox.ButtonRole.AcceptRole)
    wait = None
    if trains:
        wait = box.addButton(_tr("&Pause until the study is opened"), QMessageBox.ButtonRole.AcceptRole)
    stop = box.addButton(_tr("&Stop it"), QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    chosen = box.clickedButton()
    box.deleteLater()
    if chosen is stop:
        jobs.stop_all()
    elif wait is not None and chosen is wait:
        jobs.stop_all("wait")
    if chosen is not None and chosen in (stop, go_on, wait):
        jobs.release_all()
        return True
    return False


def ask_to_discard(parent: QWidget, name: str, discard: Callable[[], object]) -> QMessageBox:
    """Ask before a training that is not at its end is given up; return the open box."""
    return _ask(
        parent,
        _tr("Discard the training of “{name}”?").format(name=name),
        _tr("What it has learned so far is deleted. No label and no other model is touched."),
        _tr("&Discard it"),
        discard,
    )


def ask_before_first_look(parent: QWidget, look: Callable[[], object]) -> QMessageBox:
    """Ask before a score on the sealed test set is looked at for the first time; return the open box."""
    return _ask(
        parent,
        _tr("This will be the first look at a score on the sealed test set."),
        _tr(
            "From then on each look is counted, and it cannot be undone: the test set has lost its surprise."
        ),
        _tr("&Look at the score"),
        look,
    )


def ask_to_take_back(parent: QWidget, take_back: Callable[[], object]) -> QMessageBox:
    """Ask before the seal is taken off the tweets that were drawn last; return the open box."""
    return _ask(
        parent,
        _tr("Take the seal off the tweets that were drawn last?"),
        _tr("Nobody has labelled one of them, and no score was looked at: you can draw anew."),
        _tr("&Take the seal off"),
        take_back,
    )


def _ask(parent: QWidget, text: str, more: str, yes: str, act: Callable[[], object]) -> QMessageBox:
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(text)
    box.setInformativeText(more)
    accept = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    accept.clicked.connect(lambda _=False: act())
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.open()
    return box


def show_about(parent: QWidget) -> QMessageBox:
    """Show what the program is; return the open box."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(_tr("About StanceDesk"))
    box.setText(f"StanceDesk {__version__}")
    box.setInformativeText(
        _tr(
            "Label tweets, agree, fine-tune a small language model and classify millions of tweets on your "
            "own machine. No tweet leaves it. Licence: Apache-2.0."
        )
    )
    box.setIconPixmap(QApplication.windowIcon().pixmap(48, 48))
    box.open()
    return box
