"""What the cascade of a classification did: settled, lost at most, audited, language by language."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.figure_table import FigureTable
from app.gui.form_parts import button, readable, words
from app.gui.language_names import language_name
from app.study import cascade_text


class CascadeView(QWidget):
    """The report of a cascade, with the sentences for a methods section to copy. Hidden where there was none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._methods = ""
        self.heading = QLabel(self.tr("Cascade"))
        self.heading.setProperty("role", "heading")
        self.outcome = words("")
        self.saved = words("")
        self.languages = FigureTable(self.tr("Cascade by language"), left=2)
        self.copy: QPushButton = button(
            self.tr("&Copy the text for a methods section"),
            self.tr("Copy the sentences that a paper needs about the cascade (Alt+C)"),
            self.copy_methods,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.heading)
        layout.addLayout(readable(self.outcome))
        layout.addWidget(self.saved)
        layout.addWidget(self.languages)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        self.hide()

    def show_facts(self, facts: dict[str, Any] | None, model: str) -> None:
        """Show what a cascade found; None hides the view."""
        self.setVisible(facts is not None)
        if facts is None:
            return
        self.outcome.setText(cascade_text.outcome(facts))
        done = facts["stage"] == "done"
        self._methods = cascade_text.methods(facts, model) if done else ""
        seconds = float(facts.get("seconds_saved", 0.0))
        self.saved.setText(
            self.tr("It saved about {time} of the model's time.").format(time=figures.duration(seconds))
        )
        for widget in (self.copy, self.languages):
            widget.setVisible(done)
        self.saved.setVisible(done and seconds >= 1)
        if done:
            self.languages.show_rows(
                [
                    self.tr("language"),
                    self.tr("bound"),
                    self.tr("tweets"),
                    self.tr("settled"),
                    self.tr("related in the test"),
                    self.tr("of them settled"),
                ],
                [
                    [
                        language_name(code),
                        self._bound(of),
                        figures.count(of["tweets"]),
                        figures.count(of["settled"]),
                        figures.count(of["related"]),
                        figures.count(of["ahead"]),
                    ]
                    for code, of in facts["languages"].items()
                ],
                tips=[
                    "",
                    self.tr(
                        "Alone: the bound is proven for this language by itself. Pooled: over all languages together, "
                        "because the sample cannot show it for this one. In full: too few tweets were drawn."
                    ),
                    self.tr("Tweets neither labelled nor sealed"),
                    self.tr("By the light model"),
                    self.tr("Tweets of the sample to calibrate on that the model called related"),
                    self.tr("Related tweets of that sample that are surer than the threshold"),
                ],
            )

    def copy_methods(self) -> None:
        """Copy the sentences for a methods section."""
        QGuiApplication.clipboard().setText(self._methods)

    def _bound(self, of: dict[str, Any]) -> str:
        if not of["cascaded"]:
            return self.tr("classified in full")
        return self.tr("holds alone, too") if of["holds"] else self.tr("pooled with the others")
