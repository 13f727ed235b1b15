"""How large the samples of a cascade are, and whether it pays at all.

The sample that the light model learns from is a fixed share of the job. How many tweets the threshold is then
calibrated on is decided from that first sample alone, before any of them is looked at: so the size depends on
nothing that is tested, and the test needs no correction for it. That is also why one sample is not used for both, by
cross-fitting: what is tested must be fixed before it meets the tweets that test it. A calibration of few related
tweets allows no error, and a strict threshold; one of many costs more than it saves. Taken is the size with which
the whole job is expected to cost least.
"""

import math
from dataclasses import dataclass
from typing import Any

from app.errors import UserError
from app.study.risk_control import allowed_errors, least_related, proportion_interval

# In per cent. With less, the samples would be larger than most jobs; with more, it is no longer "surely".
LEAST_BOUND, USUAL_BOUND, MOST_BOUND = 0.1, 0.5, 10.0


@dataclass(frozen=True)
class Terms:
    """What a cascade keeps to. `bound`: the share of the related tweets that may be lost, with this `confidence`.

    `learn`: the sample to learn from, as a share of the job, within `least_learn` and `most_learn` tweets.
    `most_share`: of the job, in both samples together, and no more than `most_calibrate` tweets in the second. The
    cascade is taken up where the job is expected to cost less than `pays` of a full pass. A smaller job than
    `least_job`, and a language of less than `least_language` tweets in the first sample, are classified in full. The
    `audit` share of what is settled, within `least_audit` and `most_audit` tweets, goes through the model as well.
    Tweets are drawn with the `seed`, None for a new one.
    """

    bound: float = 0.005
    confidence: float = 0.9
    least_job: int = 3000
    learn: float = 0.05
    least_learn: int = 400
    most_learn: int = 2000
    most_share: float = 0.5
    most_calibrate: int = 60_000
    pays: float = 0.9
    least_language: int = 20
    audit: float = 0.01
    least_audit: int = 100
    most_audit: int = 500
    seed: int | None = None

    @classmethod
    def of_per_cent(cls, bound: float) -> "Terms":
        """Return the terms with a bound in per cent; raise `UserError` where it is none that can be kept."""
        if not LEAST_BOUND <= bound <= MOST_BOUND:
            raise UserError(
                f"{bound:g} % is no bound that a cascade can keep.",
                f"Choose one from {LEAST_BOUND:g} to {MOST_BOUND:g} per cent.",
            )
        return cls(bound=bound / 100)

    @property
    def delta(self) -> float:
        """The error probability."""
        return 1 - self.confidence

    def learnt(self, tweets: int) -> int:
        """Return the size of the first sample of a job of so many tweets."""
        return min(tweets, max(self.least_learn, min(self.most_learn, round(self.learn * tweets))))

    def audited(self, settled: float) -> float:
        """Return how many of so many settled tweets are to be audited."""
        return min(settled, max(self.least_audit, min(self.most_audit, self.audit * settled)))


@dataclass(frozen=True)
class Plan:
    """So many tweets to calibrate on, and what the job is then expected to cost, as a share of a full pass.

    `why` says in a sentence why there is no cascade; `tweets` is 0 then.
    """

    tweets: int
    cost: float = 1.0
    why: str = ""


def plan_calibration(unrelated: Any, is_related: Any, is_single: Any, left: int, terms: Terms) -> Plan:
    """Return how many of the `left` tweets to calibrate on.

    `unrelated`: of each tweet in the first sample that has a text, the probability of being unrelated by a light
    model that had not seen it; `is_related`: whether the model called it related; `is_single`: whether its text is
    there once. A text that comes again in the second sample proves nothing, and of a stream with retweets much does.
    """
    import numpy as np

    learnt, found = len(is_related), int(is_related.sum())
    job = learnt + left
    # The share of related tweets may be less than in the sample; too few of them would prove nothing.
    share = proportion_interval(int((is_related & is_single).sum()), learnt, 0.8)[0] if learnt else 0.0
    new = float(is_single.mean()) if learnt else 0.0
    most = min(left, int(terms.most_share * job) - learnt, terms.most_calibrate)
    needed = least_related(terms.bound, terms.delta)
    best = Plan(0)
    if share > 0 and most > 0:
        order = np.argsort(-unrelated, kind="stable")
        related = 1 - unrelated[order]
        lost = np.cumsum(related) / related.sum()
        # In a small job half of the related tweets that a large one needs can be enough.
        first = max(50, min(most, math.ceil(needed / share / 3)))
        for tweets in sorted({*np.geomspace(first, most, 16).astype(int).tolist(), most}):
            errors = allowed_errors(int(share * tweets), int(new * tweets), left, terms.bound, terms.delta)
            if errors is None:
                continue
            # Of so many related tweets, the next after the errors lies about here among all.
            settled = np.searchsorted(lost, (errors + 0.7) / max(1, int(share * tweets))) / learnt
            rest = (left - tweets) * (1 - settled) + terms.audited((left - tweets) * settled)
            cost = (learnt + tweets + rest) / job
            if best.tweets == 0 or cost < best.cost:
                best = Plan(tweets, float(cost))
    if best.tweets == 0:
        return Plan(
            0,
            why=f"{found:,} of {learnt:,} tweets in a random sample were related: to prove a bound of "
            f"{terms.bound:.2%} takes a sample with about {needed:,} related tweets, which would be more than "
            f"{terms.most_share:.0%} of this job.",
        )
    if best.cost > terms.pays:
        return Plan(
            0,
            best.cost,
            f"Sample and full pass of the rest would take about {best.cost:.0%} of what classifying every tweet "
            "in full takes: the light model tells too few tweets surely enough.",
        )
    return best
