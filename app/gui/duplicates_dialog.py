"""Looking for near-duplicates, where an import did not."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.gui.notice import Tone
from app.gui.work_dialog import WorkDialog
from app.study import groups
from app.study.groups import GroupReport
from app.study.study import Study


class DuplicatesDialog(WorkDialog):
    """All tweets are compared, then it says what was found. `found` tells that groups changed."""

    found = Signal()

    def __init__(self, study: Study, parent: QWidget | None = None) -> None:
        super().__init__(
            self.tr("Near-duplicates"),
            self.tr("Looking for near-duplicates …"),
            self.tr("Stop and leave the groups as they are, or close when it is done (Esc)"),
            parent,
        )
        self.report: GroupReport | None = None
        self.begin(lambda progress, stop: groups.find(study, progress, stop))

    def finish(self, report: GroupReport) -> None:
        """Tell what was found."""
        self.report = report
        self.doing.setText(
            self.tr("Retweets, and copies with another link, handle or emoji, are near-duplicates.")
        )
        self.notice.tell(Tone.INFO if report.stopped else Tone.GOOD, report.summary())
        if report.changed:
            self.found.emit()

    def nothing_done(self) -> str:
        """Return what is so after a failure."""
        return self.tr("The groups are as they were.")
