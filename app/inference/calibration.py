"""Calibration: one temperature and a bias for each class, so that "80% sure" is right in 80 of 100 cases.

    p = softmax(logits / temperature + bias)

Fitted by the penalised likelihood of the validation rows' labels. A validation set has a few hundred rows
and a class of it perhaps thirty, so the penalty pulls toward temperature 1 and no bias, as strongly as if
those had been guessed beforehand to within `_SPREAD_SLOPE` and `_SPREAD_BIAS`. Temperature scaling: Guo et
al. 2017, https://arxiv.org/abs/1706.04599; with a bias for each class it is Platt's method for several.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[Any]]

_SPREAD_SLOPE = 0.3
_SPREAD_BIAS = 0.25
_LEAST_SLOPE = 0.05
# So narrow that the biases stay at zero.
_NO_SPREAD = 1e-6


def fit(logits: "Floats", gold: Sequence[int], *, with_bias: bool = True) -> dict[str, Any]:
    """Return `{"temperature": float, "bias": [float, …]}` for logits (rows, leaves) and rows' leaf indices.

    Without bias no label changes: only the confidence does. The logarithm of probabilities will do for
    logits. Rows with NaN are left out; without rows it is the identity.
    """
    import numpy as np

    z = np.asarray(logits, dtype=np.float64)
    if z.ndim != 2 or len(z) != len(gold):
        raise ValueError("one row of logits is needed for each label")
    finite = np.isfinite(z).all(axis=1)
    z = z[finite]
    z = z - z.mean(axis=1, keepdims=True)
    y = np.eye(z.shape[1])[np.asarray(gold, dtype=np.intp)[finite]]
    # In the slope 1/temperature and the biases the problem is convex: Newton's method with halved steps ends
    # at its one minimum.
    theta = np.concatenate([[1.0], np.zeros(z.shape[1])])
    spread = _SPREAD_BIAS if with_bias else _NO_SPREAD
    value, gradient, curvature = _objective(theta, z, y, spread)
    for _ in range(100):
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-6:
            trial = theta - size * step
            trial[0] = max(trial[0], _LEAST_SLOPE)
            trial_value, trial_gradient, trial_curvature = _objective(trial, z, y, spread)
            if trial_value <= value:
                break
            size /= 2
        else:
            break
        gain = value - trial_value
        theta, value, gradient, curvature = trial, trial_value, trial_gradient, trial_curvature
        if gain < 1e-12:
            break
    bias = (theta[1:] - theta[1:].mean()) * with_bias
    return {"temperature": float(1 / theta[0]), "bias": [float(b) for b in bias]}


def cross_fitted(logits: "Floats", gold: Sequence[int], folds: int = 5, seed: int = 1) -> "Floats":
    """Return float32 probabilities (rows, leaves), each row's by a temperature fitted without it.

    What is said of the calibration on rows that it was fitted on would be too kind. Rows are dealt into the folds
    at random, seeded; NaN rows stay NaN.
    """
    import numpy as np

    z, labels = np.asarray(logits, dtype=np.float64), np.asarray(gold, dtype=np.intp)
    dealt = np.random.default_rng(seed).permutation(len(z)) % folds
    result = np.empty(z.shape, dtype=np.float32)
    for fold in range(folds):
        here = dealt == fold
        fitted = fit(z[~here], labels[~here].tolist(), with_bias=False)
        result[here] = apply(z[here], fitted)
    return result


def _objective(theta: "Floats", z: "Floats", y: "Floats", spread: float) -> "tuple[float, Floats, Floats]":
    """Return the penalised negative log-likelihood, its gradient and its matrix of second derivatives."""
    import numpy as np

    classes = z.shape[1]
    scores = theta[0] * z + theta[1:]
    scores = scores - scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    precision = np.concatenate([[_SPREAD_SLOPE**-2], np.full(classes, spread**-2)])
    away = theta - np.concatenate([[1.0], np.zeros(classes)])
    value = float(-(y * log_p).sum() + 0.5 * (precision * away**2).sum())
    error = p - y
    gradient = np.concatenate([[(error * z).sum()], error.sum(axis=0)]) + precision * away
    mean = (p * z).sum(axis=1, keepdims=True)
    curvature = np.diag(precision)
    curvature[0, 0] += (p * (z - mean) ** 2).sum()
    cross = (p * (z - mean)).sum(axis=0)
    curvature[0, 1:] += cross
    curvature[1:, 0] += cross
    curvature[1:, 1:] += np.diag(p.sum(axis=0)) - p.T @ p
    return value, gradient, curvature


def apply(logits: "Floats", calibration: dict[str, Any]) -> "Floats":
    """Return float32 probabilities (rows, leaves) from logits; NaN rows stay NaN.

    An empty calibration is the identity.
    """
    import numpy as np

    scores = np.asarray(logits, dtype=np.float64) / float(calibration.get("temperature", 1.0))
    scores = scores + np.asarray(calibration.get("bias") or np.zeros(scores.shape[1]), dtype=np.float64)
    if len(scores) == 0:
        return scores.astype(np.float32)
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
