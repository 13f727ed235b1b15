"""The light model of a cascade: how probable is it that the model would call a tweet unrelated?

It learns how sure the model was of each tweet in a random sample of the job, and from labels, which cost nothing: the
study's, or those that the model was trained on (`light_start`). Its scores are then put on one scale: of each sampled
tweet, a score by a light model that had not seen it, and a logistic regression of what the model said on that score and
the language. So one threshold on the probability is another threshold on the score in each language, where the same
score means more or less; a language of few tweets is drawn towards the others. Among all rules that lose a given share
of the related tweets, a threshold on the probability settles the most (Neyman and Pearson), if the probabilities are
right; the bound does not depend on that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.study.light_model import features, folds, near_duplicate_groups
from app.study.ngram_regression import NgramRegression

# What another version learnt is not gone on with.
VERSION = 2
_FOLDS = 5
# How sure the model may seem at most, and how sure a label is, as logits: measured on one stream, docs/speed.md.
_MOST_LOGIT, _LABEL_LOGIT = 6.0, 2.0
_LEAST = 1e-9


@dataclass(frozen=True)
class Sample:
    """Tweets and what the model said of them: float32 (tweets, leaves), without rows of NaN."""

    texts: Sequence[str]
    languages: Sequence[str]
    probabilities: Any


@dataclass
class CascadeModel:
    """A trained light model. `leaves` are the model's, `aside` those of them that are unrelated."""

    leaves: tuple[str, ...]
    aside: tuple[str, ...]
    _light: NgramRegression
    # What was known before the sample was looked at.
    _start: NgramRegression | None
    _slope: float
    _intercept: float
    _offsets: dict[str, float]
    # How the probability of being related is shared among the other leaves, in the order of `leaves`.
    _rest: Any

    @classmethod
    def fit(
        cls,
        sample: Sample,
        leaves: Sequence[str],
        aside: Sequence[str],
        extra: Sequence[tuple[str, str]] = (),
        start: NgramRegression | None = None,
    ) -> tuple["CascadeModel", Any]:
        """Train on a sample and on `extra` (text, leaf); return it and what it says of the sample unseen.

        With a `start` (`fit_labels`) it learns only what that does not know already.
        The latter is float64 (tweets): the probability of being unrelated, by models that had not seen the tweet.
        The sample has at least five texts that are unrelated and five that are related.
        """
        import numpy as np
        from sklearn.linear_model import LogisticRegression

        is_aside = np.asarray([leaf in aside for leaf in leaves])
        is_related = ~is_aside[sample.probabilities.argmax(axis=1)]
        counts = features([*sample.texts, *(text for text, _ in extra)])
        targets = np.concatenate(
            [_said(sample.probabilities, leaves, aside), _labelled([leaf for _, leaf in extra], aside)]
        )
        if start is not None:
            targets = targets - start.predict(counts)
        number = len(is_related)
        scores = np.empty(number)
        groups = near_duplicate_groups(sample.texts, [None] * number)
        beside = np.arange(number, len(targets))
        known = 0.0 if start is None else start.predict(counts[:number])[:, 0]
        for training, held_out in folds(groups, is_related.tolist(), _FOLDS, 0):
            rows = np.concatenate([training, beside])
            scores[held_out] = NgramRegression.fit(counts[rows], targets[rows]).predict(counts[held_out])[
                :, 0
            ]
        scores += known
        languages = sorted(set(sample.languages))
        regression = LogisticRegression(C=1.0)
        regression.fit(_design(scores, sample.languages, languages), ~is_related)
        coefficients = regression.coef_[0]
        rest = np.where(is_aside, 0.0, sample.probabilities[is_related].mean(axis=0, dtype=np.float64))
        made = cls(
            tuple(leaves),
            tuple(aside),
            NgramRegression.fit(counts, targets),
            start,
            float(coefficients[0]),
            float(regression.intercept_[0]),
            dict(zip(languages, map(float, coefficients[1:]), strict=True)),
            rest / rest.sum(),
        )
        return made, made._on_scale(scores, sample.languages)

    def probabilities(self, texts: Sequence[str], languages: Sequence[str]) -> Any:
        """Return the probability of each leaf, float64 (texts, leaves); rows sum to 1.

        How the related leaves share theirs is the same for all tweets: the light model does not tell them apart.
        """
        import numpy as np

        counts = features(texts)
        scores = self._light.predict(counts)
        if self._start is not None:
            scores = scores + self._start.predict(counts)
        unrelated = self._on_scale(scores[:, 0], languages)
        result = np.outer(1 - unrelated, self._rest)
        among = 1 / (1 + np.exp(-scores[:, 1:]))
        among = among / np.maximum(among.sum(axis=1, keepdims=True), _LEAST)
        result[:, [self.leaves.index(leaf) for leaf in self.aside]] = among * unrelated[:, None]
        return result / result.sum(axis=1, keepdims=True)

    def unrelated(self, probabilities: Any) -> Any:
        """Return the probability of being unrelated, float64 (texts), of what `probabilities` returned."""
        return probabilities[:, [self.leaves.index(leaf) for leaf in self.aside]].sum(axis=1)

    def arrays(self) -> dict[str, Any]:
        """Return the model as arrays, from which `from_arrays` makes the same one."""
        import numpy as np

        parts = {"light": self._light} | ({} if self._start is None else {"start": self._start})
        return {
            f"{part}_{name}": array for part, model in parts.items() for name, array in model.arrays().items()
        } | {
            "version": np.asarray(VERSION),
            "leaves": np.asarray(self.leaves, dtype=np.str_),
            "aside": np.asarray(self.aside, dtype=np.str_),
            "line": np.asarray([self._slope, self._intercept]),
            "languages": np.asarray(list(self._offsets), dtype=np.str_),
            "offsets": np.asarray(list(self._offsets.values()), dtype=np.float64),
            "rest": self._rest,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "CascadeModel | None":
        """Make a model of its arrays; None where an earlier version made them."""
        if "version" not in arrays or int(arrays["version"]) != VERSION:
            return None

        def part(prefix: str) -> dict[str, Any]:
            return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}

        start = part("start_")
        slope, intercept = arrays["line"].tolist()
        offsets = dict(zip(arrays["languages"].tolist(), arrays["offsets"].tolist(), strict=True))
        return cls(
            tuple(arrays["leaves"].tolist()),
            tuple(arrays["aside"].tolist()),
            NgramRegression.from_arrays(part("light_")),
            NgramRegression.from_arrays(start) if start else None,
            slope,
            intercept,
            offsets,
            arrays["rest"],
        )

    def _on_scale(self, scores: Any, languages: Sequence[str]) -> Any:
        import numpy as np

        offsets = np.asarray([self._offsets.get(language, 0.0) for language in languages])
        return 1 / (1 + np.exp(-(self._slope * scores + self._intercept + offsets)))


def fit_labels(labels: Sequence[tuple[str, str]], aside: Sequence[str]) -> NgramRegression:
    """Return what labels (text, leaf) alone teach, of which there is at least one: a `start` for `CascadeModel.fit`."""
    return NgramRegression.fit(
        features([text for text, _ in labels]), _labelled([leaf for _, leaf in labels], aside)
    )


def _said(probabilities: Any, leaves: Sequence[str], aside: Sequence[str]) -> Any:
    """Return how sure the model was: logits of being unrelated at all, then of each leaf that is aside."""
    import numpy as np

    each = probabilities[:, [leaves.index(leaf) for leaf in aside]].astype(np.float64)
    inside = np.clip(np.column_stack([each.sum(axis=1), each]), _LEAST, 1 - _LEAST)
    return np.clip(np.log(inside / (1 - inside)), -_MOST_LOGIT, _MOST_LOGIT)


def _labelled(labels: Sequence[str], aside: Sequence[str]) -> Any:
    """Return the same of labels."""
    import numpy as np

    of_each = np.asarray([[label == leaf for leaf in aside] for label in labels], dtype=bool).reshape(
        -1, len(aside)
    )
    return np.where(np.column_stack([of_each.any(axis=1), of_each]), _LABEL_LOGIT, -_LABEL_LOGIT)


def _design(scores: Any, languages: Sequence[str], known: Sequence[str]) -> Any:
    import numpy as np

    return np.column_stack([scores, np.asarray(languages)[:, None] == np.asarray(known)[None, :]])
