"""Taking another copy of the study in: wait, and be told what came and what contradicts each other."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.gui.notice import Tone
from app.gui.work_dialog import Progress, Stop, WorkDialog
from app.study import groups, merging
from app.study.study import Study


class MergeDialog(WorkDialog):
    """A copy on its way in, then the report. The study is written meanwhile, so nobody labels in this window.

    `merged` tells that something came.
    """

    merged = Signal()

    def __init__(self, study: Study, copy: Path, parent: QWidget | None = None) -> None:
        super().__init__(
            self.tr("Take in a copy"),
            self.tr("Taking in {name} …").format(name=copy.name),
            self.tr("Stop and take in nothing, or close when it is done (Esc)"),
            parent,
        )
        self.report: merging.MergeReport | None = None

        def work(progress: Progress, stop: Stop) -> merging.MergeReport:
            report = merging.merge(study, copy, progress, stop)
            # Tweets that came may be near-duplicates of those here.
            groups.keep_up(study, progress, stop)
            return report

        self.begin(work)

    def finish(self, report: merging.MergeReport) -> None:
        """Tell what came, and whether somebody has to look at it."""
        self.report = report
        self.doing.setText(report.file_name)
        tone = Tone.WARNING if report.contradictions else Tone.GOOD if report.is_new else Tone.INFO
        self.notice.tell(tone, report.summary(), detail=self._in_detail(report))
        if report.is_new:
            self.merged.emit()

    def nothing_done(self) -> str:
        """Return what is so after a failure."""
        return self.tr("Nothing was taken in.")

    def _in_detail(self, report: merging.MergeReport) -> str:
        lists = (
            (self.tr("Disputed now"), report.disputed),
            (self.tr("Decided differently"), report.decided_apart),
            (self.tr("Written differently in the copy"), report.other_text),
        )
        return "\n\n".join("\n".join([f"{heading}:", *ids]) for heading, ids in lists if ids)
