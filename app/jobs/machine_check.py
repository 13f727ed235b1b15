"""Trying this machine before a training run, in a child process that ends with the study."""

from collections.abc import Sequence

from PySide6.QtCore import QObject

from app.jobs.side_job import SideJob


class MachineCheck(SideJob):
    """One check at a time, followed on the page that asked for it and nowhere else."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__("check", self.tr("Checking this machine"), parent)

    def start(self, words: Sequence[str]) -> None:
        """Start `stancedesk WORDS… --check`. Raises `OSError` where it cannot be started."""
        super().start([*words, "--check"])
