"""What a million tweets take on this machine, at the user's own prices, beside an API."""

from PySide6.QtCore import QLocale
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.figure_table import FigureTable
from app.gui.notice import Notice, Tone
from app.settings import Settings
from app.study.costs import (
    API_CURRENCY,
    LEFT_OUT,
    Assumptions,
    MillionTweets,
    amount,
    cost_of_a_million,
    energy_told,
    number_fields,
    price_source,
    time_told,
)

_WIDTH, _HEIGHT = 780, 620
_FIELD = 120
_COPY_KEY = "Ctrl+Shift+M"
_FASTEST = 1_000_000


class CostDialog(QDialog):
    """Figures to fill in, the costs that follow at once, and a paragraph to copy. What is filled in is remembered."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._typed = False
        self.found: MillionTweets | None = None
        self.setWindowTitle(self.tr("Cost of a million tweets"))
        self.about = form_parts.words(
            self.tr(
                "All figures are yours to fill in. Those of the machine's power, the prices and the tokens are "
                "assumptions at first, no measurements: a meter in the socket and your bill tell better."
            )
        )
        self.speed = _number_box(self.tr("Tweets a second"), 0, _FASTEST, 3, settings.tweets_per_second)
        self.speed.setToolTip(self.tr("How fast this machine classifies (Alt+T)"))
        self.origin = QLabel()
        self.origin.setProperty("role", "muted")
        self.boxes: dict[str, QDoubleSpinBox] = {}
        self.labels = {
            "watts": self.tr("&Watts at work (assumed)"),
            "price_per_kwh": self.tr("Price of a &kilowatt-hour"),
            "api_input": self.tr("Price of a million tokens &sent"),
            "api_output": self.tr("Price of a million tokens &answered"),
            "tokens_in": self.tr("Tokens sent for a tweet, with the &prompt"),
            "tokens_out": self.tr("Tokens answe&red for a tweet"),
        }
        tips = {
            "watts": self.tr(
                "What the whole machine draws while it classifies: a meter in the socket tells (Alt+W)"
            ),
            "price_per_kwh": self.tr("What you pay for a kilowatt-hour (Alt+K)"),
            "api_input": self.tr("What the API charges for a million tokens of input (Alt+S)"),
            "api_output": self.tr("What the API charges for a million tokens of output (Alt+A)"),
            "tokens_in": self.tr("The prompt and the tweet, in tokens of the API (Alt+P)"),
            "tokens_out": self.tr("What the API answers, in its tokens (Alt+R)"),
        }
        entered = Assumptions.from_dict(settings.costs)
        for one in number_fields():
            limits = one.metadata
            self.boxes[one.name] = _number_box(
                self.labels[one.name].replace("&", ""),
                limits["least"],
                limits["most"],
                limits["decimals"],
                getattr(entered, one.name),
            )
            self.boxes[one.name].setToolTip(tips[one.name])
        self.currency = form_parts.field(self.tr("Sign of the currency"), API_CURRENCY)
        self.currency.setMaxLength(5)
        self.currency.setFixedWidth(_FIELD)
        self.currency.setText(entered.currency)
        self.currency.setToolTip(self.tr("The sign of all prices here, such as $ or EUR (Alt+U)"))
        self.notice = Notice(closable=False)
        self.table = FigureTable(self.tr("What a million tweets take"))
        self.sentence = QLabel()
        self.sentence.setProperty("role", "heading")
        self.sentence.setWordWrap(True)
        self.left_out = form_parts.words("")
        self.left_out.setProperty("role", "muted")
        self.copy_button = form_parts.button(
            self.tr("&Copy as text for a methods section"),
            self.tr("Copy a paragraph with all figures and what they rest on (Ctrl+Shift+M)"),
            self.copy_methods,
        )
        QShortcut(QKeySequence(_COPY_KEY), self, self.copy_button.click)
        self.defaults = form_parts.button(
            self.tr("Back to the &defaults"),
            self.tr("Fill in the assumptions and the price that the program came with (Alt+D)"),
            self.fill_in_defaults,
        )
        self.close_button = form_parts.button(
            self.tr("C&lose"), self.tr("Back to Classify; the figures are remembered (Esc)"), self.reject
        )
        self._lay_out()
        self.speed.valueChanged.connect(self._speed_typed)
        for box in self.boxes.values():
            box.valueChanged.connect(lambda _: self._edited())
        self.currency.textChanged.connect(lambda _: self._edited())
        self.finished.connect(lambda _: self._remember())
        self._edited()
        form_parts.open_at(self, _WIDTH, _HEIGHT)

    def take_speed(self, tweets_per_second: float) -> None:
        """Show a speed that was just measured, unless the user has typed one in."""
        if not self._typed:
            self.speed.blockSignals(True)
            self.speed.setValue(tweets_per_second)
            self.speed.blockSignals(False)
            self._show()

    def fill_in_defaults(self) -> None:
        """Fill in what the program came with, but for the speed."""
        default = Assumptions()
        for name, box in self.boxes.items():
            box.setValue(getattr(default, name))
        self.currency.setText(default.currency)

    def copy_methods(self) -> None:
        """Put the paragraph for a methods section on the clipboard."""
        if self.found is not None:
            QGuiApplication.clipboard().setText(self.found.methods_text())
            self.notice.tell(
                Tone.GOOD, self.tr("The paragraph is copied."), self.tr("Paste it into your text.")
            )

    def entered(self) -> Assumptions:
        """Return what is filled in; raise `UserError` where it cannot be."""
        numbers = {name: box.value() for name, box in self.boxes.items()}
        return Assumptions(currency=self.currency.text().strip(), **numbers)

    def _speed_typed(self) -> None:
        self._typed = True
        self._edited()

    def _edited(self) -> None:
        self.notice.clear()
        try:
            entered = self.entered()
        except UserError as error:
            self.notice.tell(Tone.ERROR, error.message, error.next_step)
        else:
            if entered.has_default_api and entered.currency != API_CURRENCY:
                self.notice.tell(
                    Tone.WARNING,
                    self.tr("The price of the API is in US dollars."),
                    self.tr("Enter it in your currency, too."),
                )
        self._show()

    def _show(self) -> None:
        """Show what follows; the notice stays, as a measured speed may come at any time."""
        if self._typed:
            self.origin.setText(self.tr("typed in"))
        elif self.speed.value():
            self.origin.setText(self.tr("measured here"))
        else:
            self.origin.setText(self.tr("not measured yet"))
        self.found = None
        try:
            entered: Assumptions | None = self.entered()
        except UserError:
            entered = None
        if self.speed.value() and entered is not None:
            self.found = cost_of_a_million(self.speed.value(), entered)
        self._show_costs(entered)

    def _show_costs(self, entered: Assumptions | None) -> None:
        none, found = figures.NONE, self.found
        machine = [none, none, none]
        if found is not None and entered is not None:
            machine = [
                time_told(found.hours),
                energy_told(found.kwh),
                amount(found.cost, entered.currency),
            ]
        api = none if entered is None else amount(entered.api_cost, entered.currency)
        self.table.show_rows(
            [self.tr("A million tweets"), self.tr("Time"), self.tr("Energy"), self.tr("Cost")],
            [
                [self.tr("This machine (electricity)"), *machine],
                [self.tr("The API (list price)"), none, none, api],
            ],
        )
        self.copy_button.setEnabled(found is not None)
        if found is not None:
            self.sentence.setText(found.summary())
        else:
            self.sentence.setText(self.tr("Fill in how many tweets a second this machine classifies."))
        left_out = self.tr(LEFT_OUT)
        self.left_out.setText(left_out if entered is None else f"{left_out} {price_source(entered)}")

    def _remember(self) -> None:
        values: dict[str, object] = {name: box.value() for name, box in self.boxes.items()}
        values["currency"] = self.currency.text().strip()
        self._settings.costs = Assumptions.from_dict(values).changed()
        self._settings.save()

    def _lay_out(self) -> None:
        speed = form_parts.row(self.speed, self.origin)
        here = _form(self.tr("This machine"))
        _add_row(here, self.tr("&Tweets a second"), self.speed, speed)
        for name in ("watts", "price_per_kwh"):
            _add_row(here, self.labels[name], self.boxes[name])
        _add_row(here, self.tr("C&urrency of all prices"), self.currency)
        api = _form(self.tr("The API"))
        for name in ("api_input", "api_output", "tokens_in", "tokens_out"):
            _add_row(api, self.labels[name], self.boxes[name])
        columns = QHBoxLayout()
        columns.setSpacing(theme.WIDE)
        columns.addLayout(here, 1)
        columns.addLayout(api, 1)
        buttons = form_parts.row(self.copy_button, self.defaults)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.about)
        layout.addLayout(columns)
        layout.addWidget(self.table)
        layout.addWidget(self.sentence)
        layout.addWidget(self.left_out)
        layout.addWidget(self.notice)
        layout.addStretch(1)
        layout.addLayout(buttons)
        self.speed.setFocus()


class _NumberBox(QDoubleSpinBox):
    """Shows as many decimals as the number has."""

    def textFromValue(self, value: float) -> str:
        locale = QLocale()
        locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
        return locale.toString(value, "g", 12)


def _number_box(name: str, least: float, most: float, decimals: int, value: float) -> QDoubleSpinBox:
    made = _NumberBox()
    made.setDecimals(decimals)
    made.setRange(least, most)
    made.setValue(value)
    made.setAccessibleName(name)
    made.setFixedWidth(_FIELD)
    made.lineEdit().setTextMargins(theme.SMALL - 2, 0, theme.SMALL - 2, 0)
    return made


def _form(title: str) -> QFormLayout:
    heading = QLabel(title)
    heading.setProperty("role", "heading")
    made = QFormLayout()
    made.setHorizontalSpacing(theme.LARGE)
    made.setVerticalSpacing(theme.SMALL)
    made.addRow(heading)
    return made


def _add_row(form: QFormLayout, text: str, field: QWidget, shown: QHBoxLayout | None = None) -> None:
    label = QLabel(text)
    label.setBuddy(field)
    if shown is None:
        form.addRow(label, field)
    else:
        form.addRow(label, shown)
