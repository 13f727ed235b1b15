"""The program with a window: set up Qt, open a window, run until it is closed."""

import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QGuiApplication, QIcon, QPixmap
from PySide6.QtWidgets import QApplication

import resources
from app import __version__
from app.gui import theme
from app.gui.error_report import FaultReporter
from app.gui.garbage import GarbageCollector
from app.gui.main_window import MainWindow
from app.jobs.worker import wait_for_workers
from app.settings import Settings


def run(studies: Sequence[Path]) -> int:
    """Show the window, on a study where one is given, and return the exit status when it is closed."""
    application = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(application, QApplication)
    GarbageCollector(application)
    application.setApplicationName("StanceDesk")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("stancedesk")
    pixmap = QPixmap()
    pixmap.loadFromData(resources.icon_bytes(resources.APP_ICON), "SVG")
    application.setWindowIcon(QIcon(pixmap))
    reporter = FaultReporter(application)
    reporter.install()
    settings = Settings.load()
    theme.apply(settings.theme)
    window = MainWindow(settings)
    QGuiApplication.styleHints().colorSchemeChanged.connect(window.refresh_theme)
    window.show()
    if studies:
        window.open_study(studies[0])
    try:
        return application.exec()
    finally:
        wait_for_workers()
        sys.excepthook = sys.__excepthook__
