"""The cascade of a file: a light model settles rows that are surely unrelated, by a rule calibrated on the file itself.

As in a study (`cascade`), by the same code (`cascade_rule`), with what a file needs otherwise. Its rows are drawn by
number, for a sample of rows is what a bound on rows is about: a text that is repeated a thousand times counts a
thousand times, but is computed once. What the model says of the samples goes into the part file, where the pass over
all rows finds it. A chunk is settled when its turn comes, by the rule alone. The seed follows from the job, so that a
job begun anew draws the same rows; rule and samples stand in the part file, so that one that was cut off goes on with
them. In memory are the samples' texts, no more than `Terms` allow, and one chunk.
"""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from app.study.cascade_model import CascadeModel, Sample
from app.study.cascade_planning import Terms
from app.study.cascade_rule import AUDIT, EMPTY_TEXT, CascadeRule, first_facts, told_terms
from app.study.chunked_classification import SettledRows, TextClassifier, classify_unknown
from app.study.kept_cascade import KeptCascade
from app.study.ngram_regression import NgramRegression
from app.study.part_file import PartFile
from app.study.seen_texts import digest
from training.contract.events import make_event

_CHUNK = 1024
_MODEL, _KNOWN, _DIGEST_BYTES = "model_", "known", 16
# A column with more different values is none of languages.
_MOST_LANGUAGES = 300

Row = tuple[str, str]
Events = Callable[[dict[str, Any]], None]


class TextsOfRows(list[str]):
    """The texts of a chunk of rows, and the languages of the same rows."""

    def __init__(self, texts: Sequence[str], languages: Sequence[str]) -> None:
        super().__init__(texts)
        self.languages = languages


Chunks = Callable[[], Iterator[TextsOfRows]]


def seed_of(job: str) -> int:
    """Return the seed of a job's drawing: the same job draws the same rows."""
    return int.from_bytes(hashlib.blake2b(job.encode(), digest_size=4).digest(), "big") % 2**31


class FileCascade:
    """One file's cascade, whose state is the part file's. `prepare`, then `settle` for each chunk, then `end`.

    `rows` is the number of rows, `chunks` reads them all anew; `leaves` are the model's, `aside` those that may be
    settled; `start` is what the light model knows before.
    """

    def __init__(
        self,
        part: PartFile,
        terms: Terms,
        leaves: Sequence[str],
        aside: Sequence[str],
        rows: int,
        chunks: Chunks,
        on_event: Events = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        start: NgramRegression | None = None,
    ) -> None:
        self._part, self._terms, self._start = part, terms, start
        self._leaves, self._aside = tuple(leaves), tuple(aside)
        self._rows, self._chunks = rows, chunks
        self._on_event, self._stop = on_event, stop
        self._stage = ""
        self._known: frozenset[bytes] = frozenset()
        self._rule: CascadeRule
        kept = part.cascade
        if kept is not None:
            self._take(kept)

    @property
    def facts(self) -> dict[str, Any] | None:
        """What was found so far, as plain values (`cascade_text` puts them into words); None before it began."""
        return self._rule.facts | {"stage": self._stage} if self._stage else None

    def prepare(self, classifier: TextClassifier, seed: int, language_column: str) -> bool:
        """Draw the samples and calibrate the rule, from where an earlier start came to; return False where stopped.

        `language_column` is the one that the languages of the chunks are from, "" where there is none.
        """
        drawn: list[Row] | None = None
        if not self._stage:
            drawn = self._begin(seed, language_column)
            if drawn is None:
                return False
        if self._stage in ("learn", "calibrate"):
            if drawn is None:
                read = self._read(draw_rows(self._rule.facts["seed"], self._rows, self._rule.facts["most"]))
                if read is None:
                    return False
                drawn = read[0]
            if self._stage == "learn" and not self._learn(drawn, classifier):
                return False
            if self._stage == "calibrate" and not self._calibrate(drawn, classifier):
                return False
        return True

    def settle(self, number: int, texts: TextsOfRows, digests: Sequence[bytes]) -> SettledRows | None:
        """Return what the light model settles of a chunk, which follows from rule, number and chunk alone."""
        import numpy as np

        if self._stage != "classify":
            return None
        begin = time.monotonic()
        rule, languages = self._rule, self._pooled(texts.languages)
        able = [
            place
            for place, language in enumerate(languages)
            if rule.cascades(language) and digests[place] not in self._known
        ]
        if not able:
            return None
        # Copies, of which a stream is full, are looked at once.
        first: dict[tuple[bytes, str], int] = {}
        for place in able:
            first.setdefault((digests[place], languages[place]), place)
        found, sure = rule.judge(
            [texts[place] for place in first.values()], [languages[place] for place in first.values()]
        )
        at = {key: n for n, key in enumerate(first)}
        copies = [at[digests[place], languages[place]] for place in able]
        found, sure = found[copies], sure[copies]
        # A number for each row of the chunk, whichever of them are for the light model.
        draws = np.random.default_rng([rule.facts["seed"], AUDIT, number]).random(len(texts))
        in_audit = draws[able] < rule.audit_rate(rule.facts["drawn"])
        chosen = np.flatnonzero(sure & ~in_audit)
        rows = [able[place] for place in chosen]
        return SettledRows(
            rows,
            found[chosen].astype(np.float32),
            [able[place] for place in np.flatnonzero(sure & in_audit)],
            Counter(languages[row] for row in rows),
            time.monotonic() - begin,
        )

    def end(self) -> None:
        """Take in what the model said of the audit, once all chunks are kept."""
        if self._stage != "classify":
            return
        part, counts = self._part, self._part.settled
        of_leaf = dict(zip(self._leaves, part.per_leaf, strict=True))
        audited = dict(zip(self._leaves, counts.audited[1:].tolist(), strict=True))
        asked = sum(of_leaf.values()) + part.failed
        facts = self._rule.facts
        facts["seconds"] = facts.get("seconds", 0.0) + counts.seconds
        # A settled row would have taken as long as the others did on average, copies among them in both.
        per_row = max(0.0, part.seconds - facts["seconds"]) / asked if asked else 0.0
        self._rule.conclude(
            counts.languages,
            self._related(of_leaf),
            sum(audited.values()),
            self._related(audited),
            per_row * counts.languages.total(),
        )
        self._keep("done")

    # The stages

    def _begin(self, seed: int, language_column: str) -> list[Row] | None:
        """Draw the rows and count the languages; return the rows, None where it was stopped."""
        terms = self._terms
        learn = terms.learnt(self._rows)
        most = max(learn, min(int(terms.most_share * self._rows), learn + terms.most_calibrate))
        self._tell("draw", f"Drawing a random sample of {self._rows:,} rows.")
        read = self._read(draw_rows(seed, self._rows, most))
        if read is None:
            return None
        drawn, languages = read
        if len(languages) > _MOST_LANGUAGES:
            language_column = ""
        if not language_column:
            languages = Counter({"": self._rows})
        facts = first_facts(told_terms(terms, {}), seed, self._aside, self._rows, languages, learn)
        facts |= {"language_column": language_column, "most": most, "drawn": most}
        self._rule = CascadeRule(facts, terms, self._leaves, self._aside)
        if not self._declined(self._rule.refuse_small()):
            self._keep("learn")
        return drawn

    def _learn(self, drawn: Sequence[Row], classifier: TextClassifier) -> bool:
        facts = self._rule.facts
        rows = drawn[: facts["learn"]]
        self._tell("sample", f"Classifying a random sample of {len(rows):,} tweets for the light model.")
        said = self._answers(rows, classifier)
        if said is None:
            return False
        self._tell("learn", "The light model learns from what the model said.")
        if not self._declined(self._rule.learn(said, list, self._start)):
            facts["drawn"] = facts["learn"] + facts["calibrate"]
            self._keep("calibrate")
        return True

    def _calibrate(self, drawn: Sequence[Row], classifier: TextClassifier) -> bool:
        facts = self._rule.facts
        learnt = frozenset(digest(text) for text, _ in drawn[: facts["learn"]]) | {EMPTY_TEXT}
        rows = drawn[facts["learn"] : facts["drawn"]]
        self._tell("sample", f"Classifying a random sample of {len(rows):,} tweets to calibrate on.")
        said = self._answers(rows, classifier)
        if said is None:
            return False
        if not self._declined(self._rule.calibrate(said, learnt)):
            self._known = learnt | {digest(text) for text, _ in rows}
            self._keep("classify")
        return True

    # What they need

    def _read(self, numbers: Sequence[int]) -> tuple[list[Row], Counter[str]] | None:
        """Return (text, language) of the rows with these numbers, in their order, and how many rows a language has.

        Of languages no more are counted than tell that the column is none of languages. None: it was stopped.
        """
        place = {number: at for at, number in enumerate(numbers)}
        rows: list[Row] = [("", "")] * len(numbers)
        counts: Counter[str] = Counter()
        start = 0
        for texts in self._chunks():
            if self._stop():
                return None
            if len(counts) <= _MOST_LANGUAGES:
                counts.update(texts.languages)
            for offset in range(len(texts)):
                at = place.get(start + offset)
                if at is not None:
                    rows[at] = (texts[offset], texts.languages[offset])
            start += len(texts)
            self._tell_progress("draw", start, self._rows)
        return rows, counts

    def _answers(self, rows: Sequence[Row], classifier: TextClassifier) -> Sample | None:
        """Return those rows that have a text, and what the model says of them; None where it was stopped.

        What it has said before is not asked again.
        """
        import numpy as np

        from app.inference.classifier import ClassificationStopped

        for start in range(0, len(rows), _CHUNK):
            texts = [text for text, _ in rows[start : start + _CHUNK]]
            digests = [digest(text) for text in texts]

            def tell(done: int, _: int, start: int = start) -> None:
                self._tell_progress("sample", start + done, len(rows))

            try:
                known = self._part.known(set(digests))
                computed = classify_unknown(texts, digests, known, classifier, tell, self._stop)
            except ClassificationStopped:
                return None
            self._part.keep_texts(computed)
        probabilities = self._part.probabilities([digest(text) for text, _ in rows])
        whole = np.flatnonzero(~np.isnan(probabilities).any(axis=1)).tolist()
        languages = self._pooled([rows[place][1] for place in whole])
        return Sample([rows[place][0] for place in whole], languages, probabilities[whole])

    def _pooled(self, languages: Sequence[str]) -> Sequence[str]:
        """Return the languages, "" for each where the file has no column of them."""
        return languages if self._rule.facts["language_column"] else [""] * len(languages)

    def _related(self, per_leaf: dict[str, int]) -> int:
        return sum(number for leaf, number in per_leaf.items() if leaf not in self._aside)

    def _declined(self, why: str) -> bool:
        """Keep why there is no cascade; return False where `why` is empty and there is one."""
        if not why:
            return False
        self._rule.facts["why"] = why
        self._keep("declined")
        self._tell("classify", f"All tweets are classified in full. {why}")
        return True

    def _keep(self, stage: str) -> None:
        import numpy as np

        self._stage, rule = stage, self._rule
        known = b"".join(sorted(self._known))
        arrays: dict[str, Any] = {_KNOWN: np.frombuffer(known, dtype=np.uint8)}
        if rule.model is not None:
            arrays |= {_MODEL + name: array for name, array in rule.model.arrays().items()}
        self._part.keep_cascade(KeptCascade(stage, rule.facts, arrays))

    def _take(self, kept: KeptCascade) -> None:
        known = kept.arrays[_KNOWN].tobytes()
        self._known = frozenset(
            known[start : start + _DIGEST_BYTES] for start in range(0, len(known), _DIGEST_BYTES)
        )
        arrays = {
            name[len(_MODEL) :]: array for name, array in kept.arrays.items() if name.startswith(_MODEL)
        }
        model = CascadeModel.from_arrays(arrays) if arrays else None
        self._stage = kept.stage
        self._rule = CascadeRule(kept.facts, self._terms, self._leaves, self._aside, model)

    def _tell(self, stage: str, message: str) -> None:
        self._on_event(make_event("stage", stage=stage, message=message))

    def _tell_progress(self, stage: str, done: int, total: int) -> None:
        self._on_event(make_event("progress", stage=stage, done=done, total=total, unit="tweets"))


def draw_rows(seed: int, rows: int, number: int) -> list[int]:
    """Return so many row numbers in random order: the first of them are a random sample as well."""
    # A permutation of all rows would take memory with the file.
    return random.Random(seed).sample(range(rows), number)
