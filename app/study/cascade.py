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
from dataclasses import asdict, dataclass, field
from typing import Any

from app.errors import UserError
from app.study import cascade_record, predictions
from app.study.cascade_model import CascadeModel, Sample
from app.study.cascade_planning import Terms, plan_calibration
from app.study.cascade_record import Record
from app.study.risk_control import allowed_errors, proportion_interval, threshold
from app.study.sampling import trainable_rows
from app.study.seen_texts import digest
from app.study.study import Study
from db import predictions as prediction_queries
from db import tweets as queries
from training.contract.events import make_event
from training.contract.prompt import NORMALISER_VERSION

_CHUNK = 1024
# The study's labels that the light model learns from beside the sample.
_MOST_LABELS = 5000
# In the first sample, of either kind: the folds need as many.
_LEAST_OF_EACH = 5
_AUDIT = 1

Events = Callable[[dict[str, Any]], None]
FullPass = Callable[[Sequence[int]], bool]


def check_codebook(aside: Sequence[str]) -> None:
    """Raise `UserError` where a codebook has no leaf that could be settled."""
    if not aside:
        raise UserError(
            "In this study's codebook no answer to the first question means “unrelated”: all lead to further "
            "questions, or none does. So a light model has nothing to settle.",
            "Classify without the cascade.",
        )


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
    `on_settled` hears how many tweets of which leaf were settled.
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
    ) -> None:
        self._study = study
        self._model_id = model_id
        self._leaves = tuple(leaves)
        self._aside = study.codebook.aside
        self._full_pass = full_pass
        self._on_settled = on_settled
        self._on_event = on_event
        self._stop = stop
        self._terms = Terms()
        self._record: Record

    @property
    def facts(self) -> dict[str, Any]:
        """What was found so far, as plain values (`cascade_text` puts them into words)."""
        return self._record.facts | {"stage": self._record.stage}

    def begin(self, keys: Sequence[int], job: Mapping[str, Any], terms: Terms) -> "Begun":
        """Take up the cascade that these tweets are left of, or begin one; return what is and is not done yet.

        `job` are the choices that selected the tweets: with others it is another job.
        """
        import numpy as np

        self._terms = terms
        told = asdict(terms) | {"normaliser": NORMALISER_VERSION, "job": dict(job)}
        found = cascade_record.unfinished(self._study, self._model_id, told, keys)
        if found is not None:
            self._record = found
            return _begun(self._study, self._model_id, found.created, keys)
        seed = secrets.randbelow(2**31) if terms.seed is None else terms.seed
        able = cascade_record.eligible(self._study, keys)
        drawn = np.random.default_rng(seed).permutation(np.asarray([key for key, _ in able], dtype=np.int64))
        learn = terms.learnt(len(able))
        facts = {
            "terms": told,
            "seed": seed,
            "aside": list(self._aside),
            "selected": len(keys),
            "eligible": len(able),
            "learn": learn,
            "languages": {lang: {"tweets": n} for lang, n in Counter(lang for _, lang in able).most_common()},
        }
        population = np.sort(np.asarray(keys, dtype=np.int64))
        most = max(learn, int(terms.most_share * len(able)))
        self._record = cascade_record.create(self._study, self._model_id, facts, population, drawn[:most])
        if len(able) < terms.least_job:
            self._decline(
                f"The job has {len(able):,} tweets that could be settled (neither labelled nor sealed); a sample "
                f"pays from {terms.least_job:,} on."
            )
        return Begun(list(keys))

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
        related = sum(self._is_related(row) for row in said.values() if row[0] == row[0])
        with self._study.reading() as session:
            outcomes = prediction_queries.outcomes_since(session, self._model_id, record.created)
        settled = sum(number for _, _, was_settled, number in outcomes if was_settled)
        found = sum(
            number
            for _, leaf, was_settled, number in outcomes
            if leaf is not None and leaf not in self._aside and not was_settled
        )
        for language, of in facts["languages"].items():
            of["settled"] = sum(n for lang, _, was, n in outcomes if was and lang == language)
        facts["settled"] = settled
        facts["related"] = found
        facts["audit"] = _audited(len(said), related, settled, found)
        if in_full:
            per_tweet = seconds / in_full
            facts["seconds_saved"] = max(
                0.0, per_tweet * facts.get("distinct_settled", 0) - facts.get("seconds", 0.0)
            )
        record.stage = "done"
        cascade_record.keep(self._study, record)

    # The stages

    def _learn(self) -> bool:
        import numpy as np

        facts, terms = self._record.facts, self._terms
        keys = self._record.drawn[: facts["learn"]].tolist()
        self._tell("sample", f"Classifying a random sample of {len(keys):,} tweets for the light model.")
        said = self._answers(keys)
        if said is None:
            return False
        texts, languages, probabilities = said
        related = np.asarray([self._is_related(row) for row in probabilities], dtype=bool)
        counted = Counter(languages)
        for language, of in facts["languages"].items():
            of["learn"] = counted[language]
            of["cascaded"] = counted[language] >= terms.least_language
        facts["learn_related"] = int(related.sum())
        if min(int(related.sum()), int((~related).sum())) < _LEAST_OF_EACH:
            self._decline(
                f"In a random sample of {len(texts):,} tweets {int(related.sum()):,} were related: the light model "
                "cannot learn to tell them apart from so one-sided a sample."
            )
            return True
        self._tell("learn", "The light model learns from what the model said.")
        from threadpoolctl import threadpool_limits

        labels = self._labels(keys)
        facts["labels"] = len(labels)
        # As for the light model of the labels: more threads make it slower.
        with threadpool_limits(1):
            begin = time.monotonic()
            model, unseen = CascadeModel.fit(
                Sample(texts, languages, probabilities), self._leaves, self._aside, labels
            )
            facts["seconds"] = time.monotonic() - begin
        able = [facts["languages"][language]["cascaded"] for language in languages]
        left = facts["eligible"] - facts["learn"]
        plan = plan_calibration(np.where(able, unseen, 0.0), related, left, terms)
        if not plan.tweets:
            self._decline(plan.why)
            return True
        facts["calibrate"] = plan.tweets
        facts["expected_cost"] = plan.cost
        self._record.model = model
        self._record.drawn = self._record.drawn[: facts["learn"] + plan.tweets]
        self._record.stage = "calibrate"
        cascade_record.keep(self._study, self._record)
        return True

    def _calibrate(self) -> bool:
        import numpy as np

        facts, terms, model = self._record.facts, self._terms, self._record.model
        assert model is not None
        learnt, keys = np.split(self._record.drawn, [facts["learn"]])
        self._tell("sample", f"Classifying a random sample of {len(keys):,} tweets to calibrate on.")
        said = self._answers(keys.tolist())
        if said is None:
            return False
        # Equal texts are answered by the model already: the test is about the others, in sample and job alike.
        known = self._digests(learnt.tolist())
        rows = [i for i, text in enumerate(said[0]) if digest(text) not in known]
        texts, languages = [said[0][i] for i in rows], [said[1][i] for i in rows]
        related = np.asarray([self._is_related(said[2][i]) for i in rows], dtype=bool)
        unrelated = self._sureness(model, texts, languages)
        left = facts["eligible"] - facts["learn"]
        number, found = len(rows), int(related.sum())
        errors = allowed_errors(found, number, left, terms.bound, terms.delta)
        facts |= {"calibrated": number, "calibrated_related": found, "allowed": errors}
        if errors is None:
            self._decline(
                f"Of {number:,} tweets in the second sample {found:,} were related: too few to prove a bound of "
                f"{terms.bound:.2%}."
            )
            return True
        # Never one that the light model itself does not call unrelated.
        surest = max(0.5, -threshold(-unrelated[related], errors))
        ahead = unrelated > surest
        facts |= {
            "threshold": surest,
            "ahead": int((ahead & related).sum()),
            "settles": float(ahead.mean()),
        }
        self._by_language(np.asarray(languages), related, ahead)
        self._record.stage = "settle"
        cascade_record.keep(self._study, self._record)
        return True

    def _by_language(self, languages: Any, related: Any, ahead: Any) -> None:
        """Note of each language whether the bound holds in it alone. A language with few related tweets cannot tell."""
        terms = self._terms
        for language, of in self._record.facts["languages"].items():
            here = languages == language
            found, errors = int((here & related).sum()), int((here & related & ahead).sum())
            left = max(int(here.sum()), of["tweets"] - of["learn"])
            allowed = allowed_errors(found, int(here.sum()), left, terms.bound, terms.delta)
            of["calibrated"], of["related"], of["ahead"] = int(here.sum()), found, errors
            of["holds"] = bool(of["cascaded"] and allowed is not None and errors <= allowed)

    def _settle(self, keys: Sequence[int]) -> bool:
        import numpy as np

        facts, record, model = self._record.facts, self._record, self._record.model
        assert model is not None
        begin = time.monotonic()
        rest = facts["eligible"] - len(record.drawn)
        expected = max(1.0, facts["settles"] * rest)
        rate = self._terms.audited(expected) / expected
        # One number for each tweet of the job, whichever of them are left.
        draws = np.random.default_rng([facts["seed"], _AUDIT]).random(len(record.population))
        known = self._digests(record.drawn.tolist())
        able = {language for language, of in facts["languages"].items() if of["cascaded"]}
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
            rows = [row for row in rows if row.lang in able and not row.labelled and not row.sealed]
            marks = [digest(row.text) for row in rows]
            rows = [row for row, mark in zip(rows, marks, strict=True) if mark not in known]
            if rows:
                languages = [row.lang for row in rows]
                found = model.probabilities([row.text for row in rows], languages)
                sure = model.unrelated(found) > facts["threshold"]
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

    def _answers(self, keys: list[int]) -> tuple[list[str], list[str], Any] | None:
        """Return text, language and the model's probabilities of those tweets that have a text; None where stopped.

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
        return [row.text for row in rows], [row.lang for row in rows], probabilities

    def _labels(self, sampled: Sequence[int]) -> list[tuple[str, str]]:
        """Return (text, leaf) of labelled tweets that a model may learn from: the fine-tuning's rows among them."""
        import numpy as np

        apart = set(sampled)
        rows = [(row.text, row.label) for key, row in trainable_rows(self._study) if key not in apart]
        if len(rows) > _MOST_LABELS:
            chosen = np.random.default_rng(self._record.facts["seed"]).choice(len(rows), _MOST_LABELS, False)
            rows = [rows[i] for i in sorted(chosen.tolist())]
        return rows

    def _sureness(self, model: CascadeModel, texts: Sequence[str], languages: Sequence[str]) -> Any:
        """Return the probability of being unrelated, 0 in languages that are not cascaded."""
        import numpy as np

        known = self._record.facts["languages"]
        able = np.asarray([known.get(language, {}).get("cascaded", False) for language in languages], bool)
        found = [np.zeros(0)]
        for start in range(0, len(texts), _CHUNK):
            part = slice(start, start + _CHUNK)
            found.append(model.unrelated(model.probabilities(texts[part], languages[part])))
        return np.where(able, np.concatenate(found), 0.0)

    def _digests(self, keys: Sequence[int]) -> set[bytes]:
        with self._study.reading() as session:
            return {digest(row.text) for row in queries.rows(session, keys)} | {_EMPTY}

    def _is_related(self, probabilities: Any) -> bool:
        return self._leaves[int(probabilities.argmax())] not in self._aside

    def _decline(self, why: str) -> None:
        self._record.stage = "declined"
        self._record.facts["why"] = why
        cascade_record.keep(self._study, self._record)
        self._tell("classify", f"All tweets are classified in full. {why}")

    def _tell(self, stage: str, message: str) -> None:
        self._on_event(make_event("stage", stage=stage, message=message))


# A tweet without text is for the full pass to fail.
_EMPTY = digest("")


def _begun(study: Study, model_id: int, since: str, keys: Sequence[int]) -> Begun:
    done = predictions.done_since(study, model_id, since).intersection(keys)
    failed = predictions.failed_since(study, model_id, since)
    failures = Counter(reason for key, reason in failed.items() if key in done)
    settled = len(predictions.settled_since(study, model_id, since) & done)
    left = [key for key in keys if key not in done]
    return Begun(left, len(done) - failures.total(), settled, failures)


def _audited(number: int, related: int, settled: int, found: int) -> dict[str, Any]:
    """Return what the audit says of the tweets that were settled: how many related ones are lost, of all of them."""
    if not number:
        return {"tweets": 0, "related": 0}
    low, high = proportion_interval(related, number)

    def share(rate: float) -> float:
        lost = rate * settled
        return lost / (found + lost) if found + lost else 0.0

    return {
        "tweets": number,
        "related": related,
        "interval": [low, high],
        "lost": related / number * settled,
        "lost_share": share(related / number),
        "lost_interval": [share(low), share(high)],
    }
