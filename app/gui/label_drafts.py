"""Notes that were typed and marks that were set, and that no label has saved yet."""

from app.study.marks import Remark


class LabelDrafts:
    """Keeps each coder's remark on each tweet while the study is open: leaving a tweet must not lose a word."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], tuple[Remark, Remark]] = {}

    def keep(self, coder: str, tweet: int, remark: Remark, saved: Remark) -> None:
        """Keep a remark; `saved` is what the label has, the empty one where there is none.

        Also one that is saved is kept: taking the label off must not take the note with it.
        """
        if remark.is_empty and saved.is_empty:
            self._kept.pop((coder, tweet), None)
        else:
            self._kept[coder, tweet] = (remark, saved)

    def of(self, coder: str, tweet: int, labelled: bool) -> Remark | None:
        """Return the remark kept for a coder and a tweet, None for none.

        Of a tweet with a label what is saved counts, but for a remark that could not be saved.
        """
        remark, saved = self._kept.get((coder, tweet), (None, None))
        return None if labelled and remark == saved else remark

    def forget(self) -> None:
        """Forget all: another study comes."""
        self._kept.clear()
