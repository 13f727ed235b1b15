"""How many errors in a random sample still prove a bound on what is lost of a population: exact, for any sample size.

The question. A job has tweets of which M, a number that nobody knows, would be called related by the model. Tweets
are ranked by how surely a light model sees that they are not, and those ahead of a threshold are settled without the
model. A random sample is looked at by the model all the same; what is settled and not in the sample, though related,
is lost. How far down may the threshold go, so that at most the share x of the M is lost?

The answer is Learn then Test (Angelopoulos, Bates, Candès, Jordan, Lei 2021, https://arxiv.org/abs/2110.01052):
thresholds are tested from strict to loose, each against the hypothesis that more than x is lost at it, and testing
ends with the first that is not rejected. Here the settled sets are nested, and the p-value is exact for a finite job:
let c be the whole part of x·M. More than x is lost from the (c+1)-th related tweet outside the sample on. Of the
related tweets, all orders of sampled and not sampled are equally likely, so the number X of sampled ones ahead of
that tweet follows the negative hypergeometric distribution, and a threshold with e sampled related tweets ahead of
it has the p-value P(X ≤ e) = P(of c+1+e related tweets at most e are among the K sampled of M). A threshold with
more than x lost has e ≥ X: that its p-value is δ or less has a probability of δ or less, whichever threshold is
taken. Where the job is much larger than the sample this is the binomial test of Clopper and Pearson; where the
sample is a good part of the job it needs fewer tweets, because no tweet of the sample can be lost.

M is unknown. It lies below an exact upper bound but for a part of the error probability, and the p-value is the
largest of all M up to there.
"""

import math
from typing import Any

# Of the error probability, the part that M lies above its bound.
_FOR_THE_NUMBER = 0.1
# Numbers of losses for which the exact test is computed; beyond, its binomial bound.
_MOST_COUNTED = 500
_LARGE = 100_000


def least_related(bound: float, delta: float) -> int:
    """Return how many sampled related tweets, none of them ahead of the threshold, prove a bound in a large job."""
    return math.ceil(math.log(delta) / math.log1p(-bound))


def allowed_errors(related: int, drawn: int, population: int, bound: float, delta: float) -> int | None:
    """Return how many of the sampled related tweets may lie ahead of the threshold; None: not even none may.

    `related` of the `drawn` tweets, sampled without replacement from a `population`, are related. With at most so
    many ahead of the threshold, at most the share `bound` of the population's related tweets lies ahead of it and
    outside the sample, with a probability of 1 - `delta` over the drawing.
    """
    if not 0 < bound < 1 or not 0 < delta < 1 or not 0 <= related <= drawn <= population:
        raise ValueError("bound and delta lie in (0, 1), related ≤ drawn ≤ population")
    most = most_related(related, drawn, population, _FOR_THE_NUMBER * delta)
    left = (1 - _FOR_THE_NUMBER) * delta
    if p_value(0, related, most, bound) > left:
        return None
    # The p-value grows with the errors; the expected number at the bound, twice, is always too many.
    low, high = 0, min(related, math.ceil(2 * bound * related / (1 - drawn / (population + 1))) + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if p_value(middle, related, most, bound) <= left else (low, middle - 1)
    return low


def most_related(related: int, drawn: int, population: int, delta: float) -> int:
    """Return the number of related tweets in the population that is exceeded with a probability of `delta` at most."""
    from scipy.stats import beta, hypergeom

    low, high = related, population - (drawn - related)
    if population > _LARGE:
        # The binomial bound lies above the exact one, by little, and takes no sum over all sampled tweets.
        share = float(beta.ppf(1 - delta, related + 1, drawn - related)) if related < drawn else 1.0
        return min(high, math.ceil(share * population))
    while low < high:
        middle = (low + high + 1) // 2
        likely = hypergeom.cdf(related, population, middle, drawn) > delta
        low, high = (middle, high) if likely else (low, middle - 1)
    return low


def p_value(errors: int, related: int, most: int, bound: float) -> float:
    """Return the p-value of a threshold with so many of the sampled `related` tweets ahead of it.

    The hypothesis: of M related tweets, `related` ≤ M ≤ `most`, more than `bound`·M lie ahead of the threshold and
    outside the sample.
    """
    import numpy as np
    from scipy.stats import binom, hypergeom

    first, last = _whole(bound * related), _whole(bound * most)
    of_large_jobs = 0.0
    if last - first > _MOST_COUNTED:
        # Beyond, the hypergeometric tail lies below the binomial one (Hoeffding 1956), this far from the mean.
        of_large_jobs = float(binom.cdf(errors, related, bound)) if errors <= related * bound - 1 else 1.0
        last = first + _MOST_COUNTED
    # For each number of losses that is just too many, the largest M is the one that makes few errors likeliest.
    too_many = np.arange(first, last + 1) + 1
    of = np.minimum(most, np.ceil(too_many / bound - 1e-9).astype(np.int64) - 1)
    # As many can be lost only where they fit beside the sample.
    possible = (of >= related) & (too_many <= of - related)
    if not possible.any():
        return of_large_jobs
    of, too_many = of[possible], too_many[possible]
    return max(of_large_jobs, float(hypergeom.cdf(errors, of, too_many + errors, related).max()))


def threshold(scores: Any, errors: int) -> float:
    """Return the threshold below which `errors` of these scores lie: the next one's. Ties stay above it."""
    import numpy as np

    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    return float(ordered[errors]) if errors < len(ordered) else math.inf


def proportion_interval(found: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return Clopper and Pearson's exact interval of a share."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, found, of - found + 1)) if found else 0.0
    high = float(beta.ppf(1 - tail, found + 1, of - found)) if found < of else 1.0
    return low, high


def _whole(number: float) -> int:
    # 0.005 · 200 is a whole number, whatever its binary form.
    return math.floor(number + 1e-9)
