"""A light model in front of the model: what is surely unrelated is settled in microseconds.

1. A random sample of the job's tweets (not of its texts: the bound is about tweets) goes through the model, and the
   light model learns from what that says (`cascade_model`).
2. A second sample, of the size that pays best (`cascade_planning`), tells how far down one may settle
   (`risk_control`): of the tweets that the model would call related, at most the chosen share is lost.
3. What is surer than that is settled, but for a random audit; all else goes through the model.
4. What the model says of the audit estimates what was lost, and is told.

Never settled are labelled and sealed tweets, tweets of languages that the light model has hardly seen, texts that
the model has answered in a sample (equal ones are free), and tweets without text. Each of these can only lessen what
is lost. So does a tweet in a sample, and the exact test counts with that.

Everything that was decided is kept in the study (`cascade_record`): a job that goes on settles the same tweets.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.study import cascade_record, predictions
from app.study.cascade_model import Sample
from app.study.cascade_planning import Terms
from app.study.cascade_record import Record
from app.study.cascade_rule import AUDIT, EMPTY_TEXT, CascadeRule, first_facts, told_terms
from app.study.ngram_regression import NgramRegression
from app.study.sampling import trainable_rows
from app.study.seen_texts import digest
from app.study.study import Study
from db import predictions as prediction_queries
from db import tweets as queries
from training.contract.events import make_event

_CHUNK = 1024
# The study's labels that the light model learns from beside the sample.
_MOST_LABELS = 5000

Events = Callable[[dict[str, Any]], None]
FullPass = Callable[[Sequence[int]], bool]


@dataclass(frozen=True)
class Begun:
    """What a cascade has to do: `keys`. Where it goes on, the others have their outcome of it.

    `predicted`: how many of these have a prediction, `settled` of them the light model's; `failures`: {reason:
    tweets} of the rest.
    """

    keys: list[int]
    predicted: int = 0
    settled: int = 0
    failures: Counter[str] = field(default_factory=Counter)


class Cascade:
    """One job's cascade. `begin` finds or makes it, `settle` does all that comes before the full pass, `end` the rest.

    `full_pass` classifies tweets with the model, writes what it says, and returns False where it was stopped.
    `on_settled` hears how many tweets of which leaf were settled. `start` is what the light model knows before.
    """

    def __init__(
        self,
        study: Study,
        model_id: int,
        leaves: Sequence[str],
        full_pass: FullPass,
        on_settled: Callable[[Counter[str]], None],
        on_event: Events,
        stop: Callable[[], bool],
        start: NgramRegression | None = None,
    ) -> None:
        self._study = study
        self._start = start
        self._model_id = model_id
        self._leaves = tuple(leaves)
        self._aside = study.codebook.aside
        self._full_pass = full_pass
        self._on_settled = on_settled
        self._on_event = on_event
        self._stop = stop
        self._record: Record
        self._rule: CascadeRule

    @property
    def facts(self) -> dict[str, Any]:
        """What was found so far, as plain values (`cascade_text` puts them into words)."""
        return self._record.facts | {"stage": self._record.stage}

    def begin(self, keys: Sequence[int], job: Mapping[str, Any], terms: Terms) -> "Begun":
        """Take up the cascade that these tweets are left of, or begin one; return what is and is not done yet.

        `job` are the choices that selected the tweets: with others it is another job.
        """
        import numpy as np

        told = told_terms(terms, job)
        found = cascade_record.unfinished(self._study, self._model_id, told, keys)
        if found is not None:
            self._take(found, terms)
            return _begun(self._study, self._model_id, found.created, keys)
        seed = secrets.randbelow(2**31) if terms.seed is None else terms.seed
        able = cascade_record.eligible(self._study, keys)
        drawn = np.random.default_rng(seed).permutation(np.asarray([key for key, _ in able], dtype=np.int64))
        learn = terms.learnt(len(able))
        languages = Counter(language for _, language in able)
        facts = first_facts(told, seed, self._aside, len(keys), languages, learn)
        population = np.sort(np.asarray(keys, dtype=np.int64))
        most = max(learn, int(terms.most_share * len(able)))
        self._take(cascade_record.create(self._study, self._model_id, facts, population, drawn[:most]), terms)
        self._declined(self._rule.refuse_small())
        return Begun(list(keys))

    def _take(self, record: Record, terms: Terms) -> None:
        self._record = record
        self._rule = CascadeRule(record.facts, terms, self._leaves, self._aside, record.model)

    def settle(self, keys: Sequence[int]) -> list[int] | None:
        """Draw, learn, calibrate and settle; return the tweets that are left for the full pass, None where stopped."""
        for stage, step in (("learn", self._learn), ("calibrate", self._calibrate)):
            if self._record.stage == stage and not step():
                return None
        if self._record.stage == "settle" and not self._settle(keys):
            return None
        done = predictions.done_since(self._study, self._model_id, self._record.created)
        return [key for key in keys if key not in done]

    def end(self, seconds: float, in_full: int) -> None:
        """Take in what the full pass said of the audit. It took so long for so many tweets, for the time saved."""
        facts, record = self._record.facts, self._record
        if record.stage != "classify":
            return
        said = predictions.said_since(
            self._study, self._model_id, record.audited.tolist(), record.created, len(self._leaves)
        )
        related = sum(bool(self._rule.are_related(row[None])[0]) for row in said.values() if row[0] == row[0])
        with self._study.reading() as session:
            outcomes = prediction_queries.outcomes_since(session, self._model_id, record.created)
        settled: Counter[str] = Counter()
        found = 0
        for language, leaf, was_settled, number in outcomes:
            if was_settled:
                settled[language] += number
            elif leaf is not None and leaf not in self._aside:
                found += number
        # Of texts, not of tweets: an equal one would have cost the model nothing.
        saved = seconds / in_full * facts.get("distinct_settled", 0) if in_full else 0.0
        self._rule.conclude(settled, found, len(said), related, saved)
        record.stage = "done"
        cascade_record.keep(self._study, record)

    # The stages

    def _learn(self) -> bool:
        facts = self._record.facts
        keys = self._record.drawn[: facts["learn"]].tolist()
        self._tell("sample", f"Classifying a random sample of {len(keys):,} tweets for the light model.")
        said = self._answers(keys)
        if said is None:
            return False
        self._tell("learn", "The light model learns from what the model said.")
        if self._declined(self._rule.learn(said, lambda: self._labels(keys), self._start)):
            return True
        self._record.model = self._rule.model
        self._record.drawn = self._record.drawn[: facts["learn"] + facts["calibrate"]]
        self._record.stage = "calibrate"
        cascade_record.keep(self._study, self._record)
        return True

    def _calibrate(self) -> bool:
        import numpy as np

        learnt, keys = np.split(self._record.drawn, [self._record.facts["learn"]])
        self._tell("sample", f"Classifying a random sample of {len(keys):,} tweets to calibrate on.")
        said = self._answers(keys.tolist())
        if said is None:
            return False
        if self._declined(self._rule.calibrate(said, self._digests(learnt.tolist()))):
            return True
        self._record.stage = "settle"
        cascade_record.keep(self._study, self._record)
        return True

    def _settle(self, keys: Sequence[int]) -> bool:
        import numpy as np

        facts, record, rule = self._record.facts, self._record, self._rule
        begin = time.monotonic()
        rate = rule.audit_rate(len(record.drawn))
        # One number for each tweet of the job, whichever of them are left.
        draws = np.random.default_rng([facts["seed"], AUDIT]).random(len(record.population))
        known = self._digests(record.drawn.tolist())
        message = f"The light model settles what is surely unrelated, of {len(keys):,} tweets."
        self._tell("settle", message)
        audited: list[int] = []
        # Of texts, not of tweets: an equal one would have cost the model nothing.
        met: set[int] = set()
        for start in range(0, len(keys), _CHUNK):
            if self._stop():
                return False
            with self._study.reading() as session:
                rows = queries.rows(session, keys[start : start + _CHUNK])
            rows = [row for row in rows if rule.cascades(row.lang) and not row.labelled and not row.sealed]
            marks = [digest(row.text) for row in rows]
            rows = [row for row, mark in zip(rows, marks, strict=True) if mark not in known]
            if rows:
                found, sure = rule.judge([row.text for row in rows], [row.lang for row in rows])
                ids = np.asarray([row.id for row in rows])
                in_audit = draws[np.searchsorted(record.population, ids)] < rate
                audited += ids[sure & in_audit].tolist()
                chosen = np.flatnonzero(sure & ~in_audit)
                met |= {int.from_bytes(digest(rows[i].text)[:8], "big") for i in chosen}
                self._write(ids[chosen].tolist(), found[chosen])
            done = start + len(keys[start : start + _CHUNK])
            speed = done / max(1e-9, time.monotonic() - begin)
            left = (len(keys) - done) / speed
            event = {"stage": "settle", "done": done, "total": len(keys), "unit": "tweets"}
            self._on_event(make_event("progress", **event, rate=speed, seconds_left=left, message=message))
        facts["distinct_settled"] = len(met)
        facts["light_per_second"] = len(keys) / max(1e-9, time.monotonic() - begin)
        facts["seconds"] = facts.get("seconds", 0.0) + time.monotonic() - begin
        record.audited = np.asarray(audited, dtype=np.int64)
        record.stage = "classify"
        cascade_record.keep(self._study, record)
        return True

    def _write(self, ids: list[int], probabilities: Any) -> None:
        if not ids:
            return
        predictions.save(
            self._study, self._model_id, self._leaves, ids, probabilities.astype("float32"), "", settled=True
        )
        self._on_settled(Counter(self._leaves[i] for i in probabilities.argmax(axis=1)))

    # What they need

    def _answers(self, keys: list[int]) -> Sample | None:
        """Return those tweets that have a text, and what the model said of them; None where it was stopped.

        What it has said since the cascade began is not asked again.
        """
        import numpy as np

        since, width = self._record.created, len(self._leaves)
        said = predictions.said_since(self._study, self._model_id, keys, since, width)
        if not self._full_pass([key for key in keys if key not in said]):
            return None
        said = predictions.said_since(self._study, self._model_id, keys, since, width)
        with self._study.reading() as session:
            rows = [row for row in queries.rows(session, keys) if not np.isnan(said[row.id]).any()]
        probabilities = np.asarray([said[row.id] for row in rows], dtype=np.float32).reshape(-1, width)
        return Sample([row.text for row in rows], [row.lang for row in rows], probabilities)

    def _labels(self, sampled: Sequence[int]) -> list[tuple[str, str]]:
        """Return (text, leaf) of labelled tweets that a model may learn from: the fine-tuning's rows among them."""
        import numpy as np

        apart = set(sampled)
        rows = [(row.text, row.label) for key, row in trainable_rows(self._study) if key not in apart]
        if len(rows) > _MOST_LABELS:
            chosen = np.random.default_rng(self._record.facts["seed"]).choice(len(rows), _MOST_LABELS, False)
            rows = [rows[i] for i in sorted(chosen.tolist())]
        return rows

    def _digests(self, keys: Sequence[int]) -> set[bytes]:
        with self._study.reading() as session:
            return {digest(row.text) for row in queries.rows(session, keys)} | {EMPTY_TEXT}

    def _declined(self, why: str) -> bool:
        """Keep why there is no cascade; return False where `why` is empty and there is one."""
        if not why:
            return False
        self._record.stage = "declined"
        self._record.facts["why"] = why
        cascade_record.keep(self._study, self._record)
        self._tell("classify", f"All tweets are classified in full. {why}")
        return True

    def _tell(self, stage: str, message: str) -> None:
        self._on_event(make_event("stage", stage=stage, message=message))


def _begun(study: Study, model_id: int, since: str, keys: Sequence[int]) -> Begun:
    done = predictions.done_since(study, model_id, since).intersection(keys)
    failed = predictions.failed_since(study, model_id, since)
    failures = Counter(reason for key, reason in failed.items() if key in done)
    settled = len(predictions.settled_since(study, model_id, since) & done)
    left = [key for key in keys if key not in done]
    return Begun(left, len(done) - failures.total(), settled, failures)
