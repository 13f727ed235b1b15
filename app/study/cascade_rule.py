"""What a cascade decides and by which arithmetic, wherever its tweets lie: in a study (`cascade`) or a file.

It is handed what the model said of the samples and answers what may be settled; drawing, asking the model and keeping
what was found is done by whoever has the tweets. Nothing here is kept between jobs.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from app.errors import UserError
from app.study.cascade_model import VERSION, CascadeModel, Sample
from app.study.cascade_planning import Terms, plan_calibration
from app.study.light_model import one_thread
from app.study.ngram_regression import NgramRegression
from app.study.risk_control import allowed_errors, proportion_interval, threshold
from app.study.seen_texts import digest
from training.contract.prompt import NORMALISER_VERSION

Labels = Sequence[tuple[str, str]]

# In the first sample, of either kind: the folds need as many.
_LEAST_OF_EACH = 5
# As good as those that a model was trained on, and better learnt together with the sample than before it.
_MANY_LABELS = 500
_CHUNK = 1024
# Of the seed's streams of numbers: that which draws the audit.
AUDIT = 1
# Tweets without text are for the full pass to fail.
EMPTY_TEXT = digest("")


def check_codebook(aside: Sequence[str]) -> None:
    """Raise `UserError` where a codebook has no leaf that could be settled."""
    if not aside:
        raise UserError(
            "In this codebook no answer to the first question means “unrelated”: all lead to further questions, or "
            "none does. So a light model has nothing to settle.",
            "Classify without the cascade.",
        )


def told_terms(terms: Terms, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cascade keeps to, as plain values; `job` are the choices that selected its tweets."""
    return asdict(terms) | {"normaliser": NORMALISER_VERSION, "light_model": VERSION, "job": dict(job)}


def first_facts(
    told: dict[str, Any],
    seed: int,
    aside: Sequence[str],
    selected: int,
    languages: Mapping[str, int],
    learn: int,
) -> dict[str, Any]:
    """Return what is known of a cascade when it begins: `languages` counts those tweets that may be settled."""
    return {
        "terms": told,
        "seed": seed,
        "aside": list(aside),
        "selected": selected,
        "eligible": sum(languages.values()),
        "learn": learn,
        "languages": {language: {"tweets": n} for language, n in Counter(languages).most_common()},
    }


class CascadeRule:
    """The decisions of one job. `facts`, begun by `first_facts`, grow with each of them; `model` is the light model.

    `leaves` are the model's, `aside` those of them that are unrelated. Steps return in a sentence why there is no
    cascade, "" where there is one.
    """

    def __init__(
        self,
        facts: dict[str, Any],
        terms: Terms,
        leaves: Sequence[str],
        aside: Sequence[str],
        model: CascadeModel | None = None,
    ) -> None:
        self.facts = facts
        self.model = model
        self._terms = terms
        self._leaves, self._aside = tuple(leaves), tuple(aside)

    def refuse_small(self) -> str:
        """Return why the job is too small, or ""."""
        facts, least = self.facts, self._terms.least_job
        if facts["eligible"] >= least:
            return ""
        apart = " (neither labelled nor sealed)" if facts["eligible"] < facts["selected"] else ""
        able = f"{facts['eligible']:,} tweets that could be settled{apart}"
        return f"The job has {able}; a sample pays from {least:,} on."

    def learn(
        self, sample: Sample, labels: Callable[[], Labels], start: NgramRegression | None = None
    ) -> str:
        """Let the light model learn from the first sample and from labels (text, leaf), and plan the second.

        Where there are few labels, it begins with the `start` that lies beside the model.
        """
        import numpy as np

        facts, terms = self.facts, self._terms
        related = self.are_related(sample.probabilities)
        counted = Counter(sample.languages)
        for language, of in facts["languages"].items():
            of["learn"] = counted[language]
            of["cascaded"] = counted[language] >= terms.least_language
        found = int(related.sum())
        facts["learn_related"] = found
        if min(found, len(related) - found) < _LEAST_OF_EACH:
            return (
                f"In a random sample of {len(related):,} tweets {found:,} were related: the light model cannot learn "
                "to tell them apart from so one-sided a sample."
            )
        known = labels()
        facts["labels"] = len(known)
        with one_thread():
            begin = time.monotonic()
            self.model, unseen = CascadeModel.fit(
                sample, self._leaves, self._aside, known, None if len(known) >= _MANY_LABELS else start
            )
            facts["seconds"] = time.monotonic() - begin
        able = [facts["languages"][language]["cascaded"] for language in sample.languages]
        left = facts["eligible"] - facts["learn"]
        times = Counter(map(digest, sample.texts))
        single = np.asarray([times[digest(text)] == 1 for text in sample.texts])
        plan = plan_calibration(np.where(able, unseen, 0.0), related, single, left, terms)
        if not plan.tweets:
            return plan.why
        facts["calibrate"] = plan.tweets
        facts["expected_cost"] = plan.cost
        return ""

    def calibrate(self, sample: Sample, learnt: Collection[bytes]) -> str:
        """Find the threshold on the second sample. `learnt`: the digests of the first one's texts."""
        import numpy as np

        facts, terms = self.facts, self._terms
        # Equal texts are answered by the model already: the test is about the others, in sample and job alike.
        rows = [i for i, text in enumerate(sample.texts) if digest(text) not in learnt]
        texts, languages = [sample.texts[i] for i in rows], [sample.languages[i] for i in rows]
        related = self.are_related(sample.probabilities[rows])
        unrelated = self._sureness(texts, languages)
        left = facts["eligible"] - facts["learn"]
        number, found = len(rows), int(related.sum())
        errors = allowed_errors(found, number, left, terms.bound, terms.delta)
        facts |= {"calibrated": number, "calibrated_related": found, "allowed": errors}
        if errors is None:
            return (
                f"Of {number:,} tweets in the second sample {found:,} were related: too few to prove a bound of "
                f"{terms.bound:.2%}."
            )
        # Never one that the light model itself does not call unrelated.
        surest = max(0.5, -threshold(-unrelated[related], errors))
        ahead = unrelated > surest
        facts |= {
            "threshold": surest,
            "ahead": int((ahead & related).sum()),
            "settles": float(ahead.mean()),
        }
        self._by_language(np.asarray(languages), related, ahead)
        return ""

    def judge(self, texts: Sequence[str], languages: Sequence[str]) -> tuple[Any, Any]:
        """Return the light model's probabilities, float64 (texts, leaves), and which texts are surely unrelated.

        Texts in languages that `cascades` refuses are not for it, nor those that the model answered in a sample.
        """
        assert self.model is not None
        found = self.model.probabilities(texts, languages)
        return found, self.model.unrelated(found) > self.facts["threshold"]

    def cascades(self, language: str) -> bool:
        """Say whether tweets of a language may be settled."""
        return bool(self.facts["languages"].get(language, {}).get("cascaded", False))

    def audit_rate(self, drawn: int) -> float:
        """Return which share of what is to be settled is audited; so many tweets were drawn for the samples."""
        expected = max(1.0, self.facts["settles"] * (self.facts["eligible"] - drawn))
        return self._terms.audited(expected) / expected

    def conclude(
        self, settled: Mapping[str, int], related: int, audited: int, audited_related: int, saved: float
    ) -> None:
        """Take in how it ended: `settled` by language, `related` found by the model, the audit, the seconds saved."""
        facts = self.facts
        for language, of in facts["languages"].items():
            of["settled"] = settled.get(language, 0)
        number = sum(settled.values())
        facts["settled"] = number
        facts["related"] = related
        facts["audit"] = _audited(audited, audited_related, number, related)
        facts["seconds_saved"] = max(0.0, saved - facts.get("seconds", 0.0))

    def are_related(self, probabilities: Any) -> Any:
        """Return of each row of probabilities, (tweets, leaves), whether the model called the tweet related."""
        import numpy as np

        related = np.asarray([leaf not in self._aside for leaf in self._leaves])
        return related[probabilities.argmax(axis=1)]

    def _sureness(self, texts: Sequence[str], languages: Sequence[str]) -> Any:
        """Return the probability of being unrelated, 0 in languages that are not cascaded."""
        import numpy as np

        assert self.model is not None
        able = np.asarray([self.cascades(language) for language in languages], dtype=bool)
        found = [np.zeros(0)]
        for start in range(0, len(texts), _CHUNK):
            part = slice(start, start + _CHUNK)
            found.append(self.model.unrelated(self.model.probabilities(texts[part], languages[part])))
        return np.where(able, np.concatenate(found), 0.0)

    def _by_language(self, languages: Any, related: Any, ahead: Any) -> None:
        """Note of each language whether the bound holds in it alone. A language with few related tweets cannot tell."""
        terms = self._terms
        for language, of in self.facts["languages"].items():
            here = languages == language
            found, errors = int((here & related).sum()), int((here & related & ahead).sum())
            left = max(int(here.sum()), of["tweets"] - of["learn"])
            allowed = allowed_errors(found, int(here.sum()), left, terms.bound, terms.delta)
            of["calibrated"], of["related"], of["ahead"] = int(here.sum()), found, errors
            of["holds"] = bool(of["cascaded"] and allowed is not None and errors <= allowed)


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
