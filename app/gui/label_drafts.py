"""Notes that were typed and marks that were set, and that no label has saved yet."""

from app.study.marks import Remark


class LabelDrafts:
    """Keeps each coder's remark on each tweet while the study is open: leaving a tweet must not lose a word."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Remark] = {}

    def keep(self, coder: str, tweet: int, remark: Remark, saved: Remark) -> None:
        """Keep a remark; `saved` is what the label has, the empty one where there is none.

        Also one that is saved is kept: taking the label off must not take the note with it.
        """
        if remark == saved == Remark():
            self._kept.pop((coder, tweet), None)
        else:
            self._kept[coder, tweet] = remark

    def of(self, coder: str, tweet: int) -> Remark | None:
        """Return the remark kept for a coder and a tweet, None for none."""
        return self._kept.get((coder, tweet))

    def forget(self) -> None:
        """Forget all: another study comes."""
        self._kept.clear()
