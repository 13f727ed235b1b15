"""The light model of a cascade: how probable is it that the model would call a tweet unrelated?

It learns from what the model said of a random sample of the job, and from the study's labels, which cost nothing.
Its scores are then put on one scale: of each sampled tweet, a score by a light model that had not seen it, and a
logistic regression of what the model said on that score and the language. So one threshold on the probability is
another threshold on the score in each language, where the same score means more or less; a language of few tweets is
drawn towards the others. Among all rules that lose a given share of the related tweets, a threshold on the probability
settles the most (Neyman and Pearson), if the probabilities are right; the bound does not depend on that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.study.light_model import LightModel, features, folds, near_duplicate_groups

# Stands for every leaf that is not aside; no leaf has an empty code.
RELATED = ""
_FOLDS = 5
_LEAST, _MOST = 1e-9, 1 - 1e-9


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
    _light: LightModel
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
    ) -> tuple["CascadeModel", Any]:
        """Train on a sample and on `extra` (text, leaf); return it and what it says of the sample unseen.

        The latter is float64 (tweets): the probability of being unrelated, by models that had not seen the tweet.
        The sample has at least five texts that are unrelated and five that are related.
        """
        import numpy as np
        from sklearn.linear_model import LogisticRegression

        said = [leaves[i] for i in sample.probabilities.argmax(axis=1)]
        targets = [leaf if leaf in aside else RELATED for leaf in said]
        known = [leaf if leaf in aside else RELATED for _, leaf in extra]
        counts = features([*sample.texts, *(text for text, _ in extra)])
        names = np.asarray(targets + known)
        number = len(targets)
        scores = np.empty(number)
        groups = near_duplicate_groups(sample.texts, [None] * number)
        sampled = np.asarray(targets)
        beside = np.arange(number, len(names))
        for training, held_out in folds(groups, targets, _FOLDS, 0):
            rows = np.concatenate([training, beside])
            scores[held_out] = _score(LightModel.fit(counts[rows], names[rows].tolist()), counts[held_out])
        languages = sorted(set(sample.languages))
        regression = LogisticRegression(C=1.0)
        regression.fit(_design(scores, sample.languages, languages), sampled != RELATED)
        coefficients = regression.coef_[0]
        is_aside = np.asarray([leaf in aside for leaf in leaves])
        of_unrelated = sample.probabilities[sampled != RELATED]
        rest = np.where(is_aside, 0.0, of_unrelated.mean(axis=0, dtype=np.float64))
        made = cls(
            tuple(leaves),
            tuple(aside),
            LightModel.fit(counts, names.tolist()),
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
        found = self._light.probabilities(counts).astype(np.float64)
        unrelated = self._on_scale(_logit(1 - found[:, self._light.leaves.index(RELATED)]), languages)
        result = np.outer(1 - unrelated, self._rest)
        names = [leaf for leaf in self._light.leaves if leaf != RELATED]
        among = found[:, [self._light.leaves.index(leaf) for leaf in names]]
        among = among / np.maximum(among.sum(axis=1, keepdims=True), _LEAST)
        result[:, [self.leaves.index(leaf) for leaf in names]] = among * unrelated[:, None]
        return result / result.sum(axis=1, keepdims=True)

    def unrelated(self, probabilities: Any) -> Any:
        """Return the probability of being unrelated, float64 (texts), of what `probabilities` returned."""
        return probabilities[:, [self.leaves.index(leaf) for leaf in self.aside]].sum(axis=1)

    def arrays(self) -> dict[str, Any]:
        """Return the model as arrays, from which `from_arrays` makes the same one."""
        import numpy as np

        return {f"light_{name}": array for name, array in self._light.arrays().items()} | {
            "leaves": np.asarray(self.leaves, dtype=np.str_),
            "aside": np.asarray(self.aside, dtype=np.str_),
            "line": np.asarray([self._slope, self._intercept]),
            "languages": np.asarray(list(self._offsets), dtype=np.str_),
            "offsets": np.asarray(list(self._offsets.values()), dtype=np.float64),
            "rest": self._rest,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "CascadeModel":
        """Make a model of its arrays."""
        light = {name[6:]: array for name, array in arrays.items() if name.startswith("light_")}
        slope, intercept = arrays["line"].tolist()
        offsets = dict(zip(arrays["languages"].tolist(), arrays["offsets"].tolist(), strict=True))
        return cls(
            tuple(arrays["leaves"].tolist()),
            tuple(arrays["aside"].tolist()),
            LightModel.from_arrays(light),
            slope,
            intercept,
            offsets,
            arrays["rest"],
        )

    def _on_scale(self, scores: Any, languages: Sequence[str]) -> Any:
        import numpy as np

        offsets = np.asarray([self._offsets.get(language, 0.0) for language in languages])
        return 1 / (1 + np.exp(-(self._slope * scores + self._intercept + offsets)))


def _score(model: LightModel, counts: Any) -> Any:
    found = model.probabilities(counts).astype("float64")
    return _logit(1 - found[:, model.leaves.index(RELATED)])


def _logit(probability: Any) -> Any:
    import numpy as np

    inside = np.clip(probability, _LEAST, _MOST)
    return np.log(inside / (1 - inside))


def _design(scores: Any, languages: Sequence[str], known: Sequence[str]) -> Any:
    import numpy as np

    return np.column_stack([scores, np.asarray(languages)[:, None] == np.asarray(known)[None, :]])
