"""What a part file keeps of a file's cascade: its rule, and what the light model settled of each chunk."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Counts = np.ndarray[Any, np.dtype[np.int64]]

LAYOUT = """
CREATE TABLE cascade (id INTEGER PRIMARY KEY, stage TEXT NOT NULL, facts TEXT NOT NULL, arrays BLOB NOT NULL);
CREATE TABLE settled (
    number INTEGER PRIMARY KEY, probabilities BLOB NOT NULL, outcomes BLOB NOT NULL, audited BLOB NOT NULL,
    languages TEXT NOT NULL, seconds REAL NOT NULL
);
"""


@dataclass(frozen=True)
class KeptCascade:
    """How far a job's cascade is: its stage, its facts as plain values, and arrays by name."""

    stage: str
    facts: dict[str, Any]
    arrays: Mapping[str, Any]

    def packed(self) -> tuple[str, str, bytes]:
        """Return it as a row of the table `cascade`, without its id."""
        import numpy as np

        file = io.BytesIO()
        np.savez_compressed(file, **self.arrays)
        return self.stage, json.dumps(self.facts, ensure_ascii=False), file.getvalue()

    @classmethod
    def unpacked(cls, stage: str, facts: str, arrays: bytes) -> "KeptCascade":
        """Make it of such a row."""
        import numpy as np

        with np.load(io.BytesIO(arrays), allow_pickle=False) as file:
            return cls(stage, json.loads(facts), {name: file[name] for name in file.files})


@dataclass
class SettledCounts:
    """The sums over chunks: rows settled of each leaf, int64 (leaves), and language; what the model said of the audited
    rows, int64 (1 + leaves), nothing first; how long the light model took.
    """

    per_leaf: "Counts"
    audited: "Counts"
    languages: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @classmethod
    def none(cls, leaves: int) -> "SettledCounts":
        """Return the sums over no chunks."""
        import numpy as np

        return cls(np.zeros(leaves, dtype=np.int64), np.zeros(leaves + 1, dtype=np.int64))

    def add(self, outcomes: bytes, audited: bytes, languages: str, seconds: float) -> None:
        """Add a chunk, as those columns of the table `settled` have it."""
        import numpy as np

        self.per_leaf = self.per_leaf + np.frombuffer(outcomes, dtype=np.int64)
        self.audited = self.audited + np.frombuffer(audited, dtype=np.int64)
        self.languages.update(json.loads(languages))
        self.seconds += seconds
