"""A light model of the labels so far: character n-grams and logistic regression, trained within seconds.

It orders what is labelled next and shows whether more labels would help; it is no model to classify a study with,
but can settle in front of one what is surely unrelated (`cascade`).
Chosen by five-fold cross-validation on 2,625 labelled tweets in 13 languages (macro-F1 of four classes): n-grams of
3 to 5 characters within words 0.54, of 2 to 4 0.53, across words 0.52; classes weighted alike 0.52, unweighted 0.50.
Hashed, because hashing needs no pass over the texts: one matrix serves every fold and every size of a curve.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from training.contract.prompt import normalise

_NGRAMS = (3, 5)
_BUCKETS = 2**18
# An n-gram of one tweet alone says nothing about others; without them, fitting takes a third of the time.
_LEAST_TWEETS = 2
_C = 1.0
_TOLERANCE, _MOST_STEPS = 1e-3, 200


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which linear algebra keeps to one thread.

    More make a light model slower (fifteen times, on two busy cores: they wait for one another), and the window needs
    the other cores.
    """
    # The limit holds for libraries that are loaded: what fits the models has to be, with its own linear algebra.
    import sklearn.linear_model  # noqa: F401
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def features(texts: Sequence[str]) -> Any:
    """Return how often each n-gram is in each text: sparse float32 (texts, buckets)."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=_NGRAMS,
        n_features=_BUCKETS,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    return hashing.transform([normalise(text) for text in texts])


@dataclass
class LightModel:
    """A trained model; `leaves` is the order of its probabilities."""

    leaves: tuple[str, ...]
    _columns: Any
    _weights: Any
    _classifier: Any

    @classmethod
    def fit(cls, counts: Any, leaves: Sequence[str]) -> "LightModel":
        """Train on the `features` of texts and their leaves, of which there are at least two.

        The same rows in the same order give the same model.
        """
        import numpy as np
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import LogisticRegression

        tweets = np.bincount(counts.indices, minlength=counts.shape[1])
        columns = np.flatnonzero(tweets >= min(_LEAST_TWEETS, counts.shape[0]))
        if not len(columns):
            columns = np.flatnonzero(tweets)
        weights = TfidfTransformer(sublinear_tf=True).fit(counts[:, columns])
        classifier = LogisticRegression(
            C=_C, class_weight="balanced", tol=_TOLERANCE, max_iter=_MOST_STEPS, random_state=0
        )
        classifier.fit(weights.transform(counts[:, columns]), np.asarray(leaves))
        return cls(tuple(str(leaf) for leaf in classifier.classes_), columns, weights, classifier)

    def probabilities(self, counts: Any) -> Any:
        """Return float32 (texts, leaves) for the `features` of texts; each row sums to 1."""
        found = self._classifier.predict_proba(self._weights.transform(counts[:, self._columns]))
        return found.astype("float32")


def folds(groups: Sequence[int], leaves: Sequence[str], number: int, seed: int) -> list[tuple[Any, Any]]:
    """Return (training, held out) row numbers of so many folds; tweets of one group are never divided."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    divided = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
    return list(divided.split(np.zeros(len(leaves)), np.asarray(leaves), np.asarray(groups)))


def near_duplicate_groups(texts: Sequence[str], groups: Sequence[int | None]) -> list[int]:
    """Return a group's number for each text: of the near-duplicates it is known to be in, else of equal texts."""
    found: list[int] = []
    of_text: dict[str, int] = {}
    for place, (text, group) in enumerate(zip(texts, groups, strict=True)):
        found.append(group if group is not None else -1 - of_text.setdefault(normalise(text), place))
    return found
