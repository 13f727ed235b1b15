"""What a classification came to: counts that sum up, of tweets that each have one outcome."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

# Why a tweet fails: the model is not asked about nothing.
EMPTY = "no text is left after links and white space are normalised"


@dataclass
class ClassificationReport:
    """What a classification did: `selected` = `before` + `predicted` + `settled` + `failed` + `left`.

    `selected`: the tweets that the choices of the job are about. `before`: they had a prediction when it began and
    keep it, `before_settled` of them a light model's. `predicted`: by the model itself, now; `were_settled` of them by
    a light model before. `settled`: now, by the light model of a cascade, whose `cascade` tells the facts. `failed`:
    for the reasons in `failures`; `failed_before` of them where the cascade that goes on here had tried them. `left`:
    those that a job that was stopped has not come to.
    """

    model: str
    selected: int = 0
    before: int = 0
    before_settled: int = 0
    predicted: int = 0
    were_settled: int = 0
    settled: int = 0
    failed: int = 0
    failed_before: int = 0
    seconds: float = 0.0
    per_leaf: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    device: str = ""
    output: str = ""
    stopped: bool = False
    cascade: dict[str, Any] | None = None

    @property
    def asked(self) -> int:
        """Tweets that had no outcome when the job began."""
        return self.selected - self.before - self.failed_before

    @property
    def done(self) -> int:
        """Tweets that have their outcome from this job."""
        return self.predicted + self.settled + self.failed - self.failed_before

    @property
    def left(self) -> int:
        """Tweets without an outcome: none, unless the job was stopped."""
        return self.asked - self.done

    @property
    def per_second(self) -> float:
        """Tweets a second from the first tweet to the last; loading the model is not counted."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self) | {"left": self.left, "per_second": self.per_second}

    def count(self, leaves: Sequence[str], probabilities: Any) -> None:
        """Add what the model says of a chunk: float32 (tweets, leaves), NaN where it failed."""
        import numpy as np

        empty = np.isnan(probabilities[:, 0])
        counts = Counter(probabilities[~empty].argmax(axis=1).tolist())
        for index, leaf in enumerate(leaves):
            self.per_leaf[leaf] = self.per_leaf.get(leaf, 0) + counts[index]
        self.predicted += int((~empty).sum())
        self.fail(Counter({EMPTY: int(empty.sum())}))

    def count_settled(self, leaves: "Counter[str]") -> None:
        """Add what a light model settled: tweets by leaf."""
        for leaf, number in leaves.items():
            self.per_leaf[leaf] = self.per_leaf.get(leaf, 0) + number
        self.settled += leaves.total()

    def fail(self, reasons: "Counter[str]", *, before: bool = False) -> None:
        """Add tweets that failed, by reason; `before`: they had when the job began."""
        self.failed += reasons.total()
        self.failed_before += reasons.total() if before else 0
        for reason, number in reasons.items():
            if number:
                self.failures[reason] = self.failures.get(reason, 0) + number

    def summary(self) -> str:
        """Return the counts in sentences."""
        shares = ", ".join(f"{leaf} {n:,}" for leaf, n in self.per_leaf.items())
        counts = f"“{self.model}”: {self._sum()}."
        if self.stopped:
            return f"Stopped. {counts} What is done is kept; start again to go on."
        told = [counts]
        if shares and self.done:
            told.append(f"New: {shares}.")
        told += [f"{n:,} failed: {why}." for why, n in self.failures.items()]
        if self.output:
            told.append(f"Written to {self.output}.")
        return " ".join(told)

    def _sum(self) -> str:
        parts = []
        if self.before:
            settled = f" ({self.before_settled:,} of them settled)" if self.before_settled else ""
            parts.append(f"{self.before:,} classified before{settled}")
        settled = f" ({self.were_settled:,} of them settled before)" if self.were_settled else ""
        parts.append(f"{self.predicted:,} classified now{settled}")
        if self.settled or self.cascade is not None:
            parts.append(f"{self.settled:,} settled now by the light model")
        parts.append(f"{self.failed:,} failed")
        if self.left:
            parts.append(f"{self.left:,} left")
        return f"{self.selected:,} selected = {' + '.join(parts)}"
