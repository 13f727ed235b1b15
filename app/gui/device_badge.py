"""What a classification is computed on, and a warning where a GPU lies idle."""

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.gui import theme
from app.gui.notice import Notice, Tone
from app.inference.machine import UNUSED_GPU, UNUSED_GPU_STEP


class DeviceBadge(QWidget):
    """“CPU” or “GPU” with its name in words; hidden until a job tells."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.badge = QLabel()
        self.badge.setProperty("role", "badge")
        self.words = QLabel()
        self.words.setProperty("role", "muted")
        self.notice = Notice()
        row = QHBoxLayout()
        row.setSpacing(theme.SMALL)
        row.addWidget(self.badge)
        row.addWidget(self.words, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addLayout(row)
        layout.addWidget(self.notice)
        self.hide()

    def take_event(self, event: dict[str, Any]) -> None:
        """Show what an event of a job tells of it; other events change nothing."""
        if event.get("device") in ("CPU", "GPU"):
            self.show_device(event["device"], unused_gpu=bool(event.get("unused_gpu", self.warns)))

    def show_device(self, device: str, *, unused_gpu: bool) -> None:
        """Show `CPU` or `GPU`; `unused_gpu`: there is one that is not used."""
        words = self.tr("on the graphics card") if device == "GPU" else self.tr("on the processor")
        self.badge.setText(device)
        self.badge.setAccessibleName(self.tr("Computed on: {device}").format(device=device))
        self.badge.setToolTip(words)
        self.words.setText(self.tr("computed {where}").format(where=words))
        if not unused_gpu:
            self.notice.clear()
        elif not self.warns:
            self.notice.tell(Tone.WARNING, self.tr(UNUSED_GPU), self.tr(UNUSED_GPU_STEP))
        self.show()

    @property
    def warns(self) -> bool:
        """Whether the warning of a GPU that lies idle is in sight."""
        return not self.notice.isHidden()

    def clear(self) -> None:
        """Show nothing until the next job tells."""
        self.notice.clear()
        self.hide()
