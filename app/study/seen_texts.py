"""What a model has seen: the texts of its training and validation rows, as hashes beside the model.

Ids say nothing once a model leaves its study: a copy of the study, or another one with the same tweets,
knows nothing of the run that made it. Equal texts are equal everywhere. The list holds no text: whoever has
a tweet can ask whether it was trained on, and nobody can read a tweet from it.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.inference.model_file import ModelCard
from training.contract.prompt import NORMALISER_VERSION, normalise

NAME = "seen.json"


def digest(text: str, normaliser: int = NORMALISER_VERSION) -> bytes:
    """Return 16 bytes that stand for a tweet as a model sees it: equal for texts that are normalised alike."""
    return hashlib.blake2b(normalise(text, normaliser).encode(), digest_size=16).digest()


@dataclass(frozen=True)
class SeenTexts:
    """The digests of the texts that a model was trained on, and of those that validated it.

    `normaliser` is the version of the one that was there when the list was made.
    """

    train: frozenset[bytes]
    validation: frozenset[bytes]
    normaliser: int = NORMALISER_VERSION

    @classmethod
    def of(cls, train: Iterable[str], validation: Iterable[str]) -> "SeenTexts":
        """Return the digests of these texts."""
        return cls(frozenset(map(digest, train)), frozenset(map(digest, validation)))

    def role(self, text: str) -> str:
        """Return train, validation, or "" for a text that had no part in the training."""
        found = digest(text, self.normaliser)
        return "train" if found in self.train else "validation" if found in self.validation else ""


def write(folder: Path, card: ModelCard, seen: SeenTexts) -> None:
    """Write the list of a model into its folder. Raises `OSError` where that fails."""
    values = _of_model(card) | {"normaliser": seen.normaliser}
    values |= {part: sorted(one.hex() for one in getattr(seen, part)) for part in ("train", "validation")}
    (folder / NAME).write_text(json.dumps(values, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def read(folder: Path, card: ModelCard) -> SeenTexts | None:
    """Return the list of a model from its folder, or None where there is none that is this model's."""
    try:
        values = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if any(values[key] != value for key, value in _of_model(card).items()):
            return None
        if not 0 < int(values["normaliser"]) <= NORMALISER_VERSION:
            return None
        train, validation = (frozenset(map(bytes.fromhex, values[part])) for part in ("train", "validation"))
        return SeenTexts(train, validation, int(values["normaliser"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _of_model(card: ModelCard) -> dict[str, Any]:
    # A model file may lie in a folder with others: the list says whose it is.
    return {"model": card.name, "created": card.created}
