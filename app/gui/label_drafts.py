"""Notes that were typed and marks that were set, and that no label has saved yet."""

from collections.abc import Mapping

from app.study import drafts
from app.study.marks import Remark
from app.study.study import Coder, Study

# A tweet, and whether it is a hidden repeat: what is said the second time is not what was said the first time.
Place = tuple[int, bool]


class LabelDrafts:
    """Keeps each coder's remark on each tweet, what no label has in the study: leaving a tweet must not lose a word."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, Place], tuple[Remark, Remark]] = {}
        # What stands in the study.
        self._stored: dict[tuple[str, Place], Remark] = {}

    def take(self, coder: Coder, stored: Mapping[Place, Remark]) -> None:
        """Take over what was read from the study; what is known here is newer."""
        for place, remark in stored.items():
            if (coder.id, place) not in self._kept:
                self._kept[coder.id, place] = (remark, Remark())
                self._stored[coder.id, place] = remark

    def keep(self, study: Study, coder: Coder, place: Place, remark: Remark, saved: Remark) -> None:
        """Keep a remark; `saved` is what the label has, the empty one where there is none.

        Also one that is saved is kept here: taking the label off must not take the note with it. One that is not
        is on the disk when this returns. Raises `UserError` where it cannot be, and has it here still.
        """
        key = (coder.id, place)
        self._kept[key] = (remark, saved)
        unsaved = Remark() if remark == saved else remark
        if unsaved != self._stored.get(key, Remark()):
            drafts.keep(study, coder, *place, unsaved)
            self._stored[key] = unsaved

    def of(self, coder: Coder, place: Place, labelled: bool) -> Remark | None:
        """Return the remark kept for a coder and a tweet, None for none.

        Of a tweet with a label what is saved counts, but for a remark that could not be saved.
        """
        remark, saved = self._kept.get((coder.id, place), (None, None))
        return None if labelled and remark == saved else remark

    def labelled(self, coder: Coder, place: Place) -> None:
        """Take note that a label was saved, and that nothing waits for one in the study any more."""
        self._stored.pop((coder.id, place), None)

    def forget(self) -> None:
        """Forget all: another study comes."""
        self._kept.clear()
        self._stored.clear()
