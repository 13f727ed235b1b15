"""A light model that learns numbers: ridge regression on character n-grams.

It learns what a large model says, as logits, not only which leaf it chose: how sure the model is of each tweet tells a
small one more than its decision does (Hinton et al. 2015, arXiv 1503.02531; logits as in Ba and Caruana 2014, arXiv
1312.6184). docs/speed.md has what that gains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# An n-gram of one tweet alone says nothing about others.
_LEAST_TWEETS = 2
_PENALTY, _TOLERANCE = 1.0, 1e-3


@dataclass
class NgramRegression:
    """A trained model of one number or several."""

    _columns: Any
    _idf: Any
    # (numbers, columns) and (numbers)
    _coefficients: Any
    _intercepts: Any

    @classmethod
    def fit(cls, counts: Any, targets: Any) -> "NgramRegression":
        """Train on the `light_model.features` of texts and on their numbers, float64 (texts, numbers).

        The same rows in the same order give the same model.
        """
        import numpy as np
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.linear_model import Ridge

        tweets = np.bincount(counts.indices, minlength=counts.shape[1])
        columns = np.flatnonzero(tweets >= _LEAST_TWEETS)
        if not len(columns):
            columns = np.flatnonzero(tweets)
        weights = TfidfTransformer(sublinear_tf=True).fit(counts[:, columns])
        ridge = Ridge(alpha=_PENALTY, solver="sparse_cg", tol=_TOLERANCE)
        ridge.fit(weights.transform(counts[:, columns]), np.asarray(targets))
        return cls(columns, weights.idf_, np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_))

    def predict(self, counts: Any) -> Any:
        """Return the numbers of texts by their `light_model.features`, float64 (texts, numbers)."""
        from sklearn.feature_extraction.text import TfidfTransformer

        weights = TfidfTransformer(sublinear_tf=True)
        weights.idf_ = self._idf
        return weights.transform(counts[:, self._columns]) @ self._coefficients.T + self._intercepts

    def arrays(self) -> dict[str, Any]:
        """Return the model as arrays, from which `from_arrays` makes the same one."""
        import numpy as np

        return {
            "columns": self._columns.astype(np.int32),
            "idf": self._idf,
            "coefficients": self._coefficients,
            "intercepts": self._intercepts,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "NgramRegression":
        """Make a model of its arrays."""
        return cls(arrays["columns"], arrays["idf"], arrays["coefficients"], arrays["intercepts"])
