"""What a training of the light model leaves for the window: probabilities, contradictions, the learning curve."""

import hashlib
import json
import os
import zipfile
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import paths
from app.study.learning_curve import LearningCurve
from app.study.study import Study
from db import queues

# Of the file's inside; a file of another version is made anew.
_VERSION = 2


@dataclass(frozen=True)
class LightScores:
    """One training. `labels`: how many tweets it learnt from; `macro_f1`: cross-validated, None where too few.

    `ids` are unlabelled tweets, ascending, and `probabilities` (ids, leaves) what it says of them. `contradicted`
    are labelled tweets of which models that had not seen them said another class, `said`, the surest first.
    `rarest`: the class of fewest labels.
    """

    labels: int
    leaves: tuple[str, ...]
    rarest: str
    macro_f1: float | None
    ids: Any
    probabilities: Any
    contradicted: Any
    said: tuple[str, ...]
    curve: LearningCurve | None = None

    @property
    def name(self) -> str:
        """How the model is named where a label says that its suggestion was shown."""
        return f"light model of {self.labels} labels"

    def uncertain(self) -> "array[int]":
        """Return the unlabelled tweets, those first between whose two likeliest classes the model hardly decides."""
        return array("q", self.ids[least_margin(self.probabilities)].tolist())

    def rare_first(self, leaf: str = "") -> "array[int]":
        """Return the unlabelled tweets, those first that are likeliest of a class; "": that of fewest labels."""
        import numpy as np

        of_class = self.probabilities[:, self.leaves.index(leaf if leaf in self.leaves else self.rarest)]
        return array("q", self.ids[np.argsort(-of_class, kind="stable")].tolist())

    def contradictions(self) -> dict[int, str]:
        """Return {labelled tweet: what the model says instead}, the surest first."""
        return dict(zip(self.contradicted.tolist(), self.said, strict=True))

    def suggestion(self, tweet: int) -> tuple[str, float] | None:
        """Return the likeliest leaf of a tweet and its probability; None where the model has not looked at it."""
        import numpy as np

        place = int(np.searchsorted(self.ids, tweet))
        if place == len(self.ids) or self.ids[place] != tweet:
            return None
        best = int(self.probabilities[place].argmax())
        return self.leaves[best], float(self.probabilities[place, best])


def least_margin(probabilities: Any) -> Any:
    """Return the row numbers in the order of the difference between the two highest probabilities."""
    import numpy as np

    highest = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.argsort(highest[:, 1] - highest[:, 0], kind="stable")


def file_of(study: Study) -> Path:
    """Return where the last training for a study is kept; copies of a study have each their own."""
    digest = hashlib.blake2b(str(study.path.resolve()).encode(), digest_size=8).hexdigest()
    return paths.cache_folder() / "light_models" / f"{study.uuid}-{digest}.npz"


def labels_since(study: Study, scores: LightScores | None) -> int:
    """Return how many labels there are that the light model has not learnt from; all where it has from none."""
    with study.reading() as session:
        return max(0, queues.count_learnable(session) - (0 if scores is None else scores.labels))


def write(scores: LightScores, path: Path) -> None:
    """Write a training, whole or not at all."""
    import numpy as np

    words: dict[str, Any] = {
        "version": _VERSION,
        "labels": scores.labels,
        "leaves": scores.leaves,
        "rarest": scores.rarest,
        "macro_f1": scores.macro_f1,
        "said": scores.said,
        "curve": None if scores.curve is None else scores.curve.as_dict(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            np.savez(
                file,
                words=np.frombuffer(json.dumps(words).encode(), dtype=np.uint8),
                ids=scores.ids,
                probabilities=scores.probabilities,
                contradicted=scores.contradicted,
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path, leaves: Sequence[str]) -> LightScores | None:
    """Return the last training; None where there is none that can be read, or its classes are no longer ours."""
    import numpy as np

    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            words = json.loads(file["words"].tobytes())
            if words["version"] != _VERSION or not set(words["leaves"]) <= set(leaves):
                return None
            return LightScores(
                labels=int(words["labels"]),
                leaves=tuple(words["leaves"]),
                rarest=str(words["rarest"]),
                macro_f1=words["macro_f1"],
                ids=file["ids"],
                probabilities=file["probabilities"],
                contradicted=file["contradicted"],
                said=tuple(words["said"]),
                curve=None if words["curve"] is None else LearningCurve.from_dict(words["curve"]),
            )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
