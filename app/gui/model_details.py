"""One fine-tuned model: its card in words, its scores and the parity of both 4-bit forms."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from app.errors import UserError
from app.gui import figures, theme
from app.gui.curve import LossCurve
from app.gui.elided_label import ElidedLabel
from app.gui.figure_table import FigureTable
from app.gui.language_names import language_name
from app.gui.link_label import LinkLabel
from app.gui.note_field import NoteField
from app.gui.notice import Notice, Tone
from app.gui.parity_table import ParityTable
from app.gui.reliability_view import ReliabilityView
from app.gui.score_columns import question_names, score_rows
from app.study import course
from app.study.codebook import Codebook
from app.study.shelf import ModelEntry

_CURVE_HEIGHT = 220
# Of the SHA-256: enough to see whether two are the same.
_SHOWN_DIGITS = 16


class ModelDetails(QWidget):
    """Shows what the card inside a model's file says, how its training went, and its user's note.

    `note_written` gives a model's name and what was noted about it.
    """

    note_written = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = ""
        self.name = QLabel()
        self.name.setProperty("role", "heading")
        self.problem = Notice()
        self.facts = QFormLayout()
        self.facts.setHorizontalSpacing(theme.LARGE)
        self.facts.setVerticalSpacing(theme.TIGHT)
        self.facts.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.note = NoteField(
            self.tr("Note on this model"),
            self.tr("What you want to remember of this model; kept by itself (Alt+N)"),
        )
        self.note.written.connect(lambda text: self.note_written.emit(self._shown, text))
        self.note_label = QLabel(self.tr("&Note"))
        self.note_label.setProperty("role", "heading")
        self.note_label.setBuddy(self.note)
        self.confidence = ReliabilityView()
        self.curve_heading = _heading(self.tr("Course of the training"))
        self.curve = LossCurve()
        self.curve.setFixedHeight(_CURVE_HEIGHT)
        self.scores_heading = _heading(self.tr("Scores of the served form on its validation tweets"))
        self.scores = FigureTable(self.tr("Scores on the validation tweets"), left=0)
        self.classes = FigureTable(self.tr("Scores by class"))
        self.parity_heading = _heading(self.tr("The 4-bit model against the trained one"))
        self.parity = ParityTable()
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.languages_heading = _heading(self.tr("Tweets that it learned from"))
        self.languages = FigureTable(self.tr("Tweets that it learned from, by language"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.name)
        layout.addWidget(self.problem)
        layout.addLayout(self.facts)
        for widget in (
            self.note_label,
            self.note,
            self.scores_heading,
            self.scores,
            self.classes,
            self.confidence,
            self.curve_heading,
            self.curve,
            self.parity_heading,
            self.parity,
            self.reason,
            self.languages_heading,
            self.languages,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)

    def show_model(self, model: ModelEntry) -> None:
        """Show a model of the shelf."""
        # What was typed about the model before is kept under that one's name.
        self.note.keep()
        self._shown = model.name
        self.note.show_text(model.note)
        self.name.setText(model.name)
        if model.problem:
            self.problem.tell(
                Tone.ERROR, model.problem, self.tr("It cannot be used. Remove it or add it again.")
            )
        else:
            self.problem.clear()
        while self.facts.rowCount():
            self.facts.removeRow(0)
        for name, value in self._facts(model):
            label = LinkLabel(value)
            label.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.LinksAccessibleByMouse
            )
            self._add_fact(name, label)
        folder = ElidedLabel(Qt.TextElideMode.ElideMiddle)
        folder.setText(str(model.folder))
        self._add_fact(self.tr("Folder"), folder)
        self._show_scores(model)
        self.confidence.setVisible(model.card is not None)
        self.confidence.show_training(model.metrics)
        self._show_course(model)
        self.parity.show_parity(model.parity)
        self.reason.setText(str(model.parity.get("reason", "")))
        for widget in (self.parity_heading, self.parity, self.reason):
            widget.setVisible(bool(model.parity))
        self.languages.show_rows(
            [self.tr("language"), self.tr("tweets")],
            [[language_name(code), figures.count(n)] for code, n in sorted(model.languages.items())],
        )
        self.languages_heading.setText(
            self.tr("Examples in its prompt")
            if model.form == "prompted"
            else self.tr("Tweets that it learned from")
        )
        self.languages_heading.setVisible(bool(model.languages))
        self.languages.setVisible(bool(model.languages))

    def _add_fact(self, name: str, value: QLabel) -> None:
        caption = QLabel(name)
        caption.setProperty("role", "muted")
        caption.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.facts.addRow(caption, value)

    def _show_scores(self, model: ModelEntry) -> None:
        scores = model.metrics.get("validation") or {}
        questions, classes = _names(model)
        self.scores.show_rows(*score_rows(scores, questions))
        per_class = scores.get("per_class") or {}
        self.classes.show_rows(
            [self.tr("class"), self.tr("tweets"), self.tr("F1")],
            [
                [
                    classes.get(code, code),
                    figures.count(one["n"]),
                    # An older model's card scores a class without tweets with 0.
                    figures.score(one["f1"] if one["n"] else None),
                ]
                for code, one in per_class.items()
            ],
        )
        for widget in (self.scores_heading, self.scores, self.classes):
            widget.setVisible(bool(scores))

    def _show_course(self, model: ModelEntry) -> None:
        self.curve.clear()
        for event in course.read(model.folder):
            self.curve.take(event)
        for widget in (self.curve_heading, self.curve):
            widget.setVisible(bool(self.curve.losses))

    def _facts(self, model: ModelEntry) -> list[tuple[str, str]]:
        facts = [(self.tr("Size"), figures.size(model.size))]
        if model.card is None:
            return facts
        forms = {
            "single": self.tr("one 4-bit file"),
            "adapter": self.tr("4-bit base with its adapter"),
            "prompted": self.tr("untrained, asked with the codebook"),
        }
        _, classes = _names(model)
        base = model.card.base
        licence = base.get("licence", "")
        if base.get("licence_url"):
            licence = f'<a href="{base["licence_url"]}">{licence}</a>'
        return [
            (self.tr("Classes"), ", ".join(classes.get(code, code) for code in model.card.leaves)),
            (self.tr("Base"), model.base),
            (self.tr("Licence of the base"), licence),
            (self.tr("Served as"), f"{forms.get(model.form, model.form)}, {model.quantisation}"),
            (
                self.tr("Examples in its prompt") if model.form == "prompted" else self.tr("Learned from"),
                self.tr("{n} tweets").format(n=figures.count(sum(model.languages.values()))),
            ),
            *self._data(model),
            (self.tr("Made"), figures.moment(model.created)),
            *facts,
        ]

    def _data(self, model: ModelEntry) -> list[tuple[str, str]]:
        if "sha256" not in model.data:
            return []
        told = self.tr("{fingerprint} ({train} to learn from, {validation} to validate)").format(
            fingerprint=str(model.data.get("sha256", ""))[:_SHOWN_DIGITS],
            train=figures.count(int(model.data.get("train", 0))),
            validation=figures.count(int(model.data.get("validation", 0))),
        )
        return [(self.tr("Fingerprint of its data"), told)]


def _names(model: ModelEntry) -> tuple[dict[str, str], dict[str, str]]:
    """Return {code: name} of the questions and of the classes of a model, by the codebook in its card."""
    try:
        codebook = Codebook.from_toml(model.card.codebook if model.card is not None else "")
    except UserError:
        return {}, {}
    return question_names(codebook), {leaf.code: leaf.name for leaf in codebook.leaves}


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
