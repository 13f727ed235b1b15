"""The button that opens the costs of a million tweets; it knows how fast this machine was last."""

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QPushButton, QWidget

from app.gui.cost_dialog import CostDialog
from app.gui.page import make_action
from app.settings import Settings

_KEY = "Ctrl+Shift+K"


class CostButton(QPushButton):
    """Works at any time: with the speed of the job that runs or ran last, else with one that is typed in."""

    def __init__(self, settings: Settings, page: QWidget) -> None:
        super().__init__(page)
        self._settings = settings
        self.dialog: CostDialog | None = None
        self.setText(self.tr("Cost of a million tweets …"))
        self.action: QAction = make_action(
            page,
            self.tr("Cost of a million tweets"),
            _KEY,
            self.open_dialog,
            tip=self.tr("Time, energy and cost of a million tweets at this speed, beside an API"),
        )
        self.setToolTip(self.action.toolTip())
        self.clicked.connect(lambda _=False: self.open_dialog())

    def take_speed(self, tweets_per_second: float, *, final: bool = False) -> None:
        """Remember a measured speed, `final` ones beyond this session; 0 tells nothing."""
        if tweets_per_second <= 0:
            return
        self._settings.tweets_per_second = float(tweets_per_second)
        if final:
            self._settings.save()
        if self.dialog is not None:
            self.dialog.take_speed(tweets_per_second)

    def open_dialog(self) -> CostDialog:
        """Open the dialog, or come back to it."""
        if self.dialog is None:
            self.dialog = CostDialog(self._settings, self.window())
            self.dialog.finished.connect(self._forget)
            self.dialog.open()
        return self.dialog

    def _forget(self) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is not None:
            dialog.deleteLater()
