"""Choosing one of the models on the shelf."""

from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QWidget

from app.study.shelf import ModelEntry


class ModelChoice(QComboBox):
    """Offers the models that can be used with a study's classes; keeps what was chosen."""

    def __init__(self, leaves: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._leaves = set(leaves)
        self._wanted = ""
        self.setAccessibleName(self.tr("Model"))
        self.setToolTip(self.tr("Models on the shelf that know the classes of this study (Alt+M)"))
        self.setMinimumWidth(260)

    def set_models(self, models: Sequence[ModelEntry]) -> None:
        """Offer these models, the first of them if the one chosen before is gone."""
        wanted = self._wanted or self.name()
        self.blockSignals(True)
        self.clear()
        for model in models:
            if not model.problem and model.card is not None and set(model.card.leaves) == self._leaves:
                self.addItem(f"{model.name}  ({model.base}, {model.created[:10]})", model.name)
        found = self.findData(wanted)
        self.setCurrentIndex(found if found >= 0 else (0 if self.count() else -1))
        self._wanted = "" if found >= 0 else self._wanted
        self.blockSignals(False)
        self.currentIndexChanged.emit(self.currentIndex())

    def choose(self, name: str) -> None:
        """Choose a model by name, now or as soon as it is offered."""
        found = self.findData(name)
        if found >= 0:
            self.setCurrentIndex(found)
        else:
            self._wanted = name

    def name(self) -> str:
        """Return the chosen model's name, "" for none."""
        return str(self.currentData() or "")
