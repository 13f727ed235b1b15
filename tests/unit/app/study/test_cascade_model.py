"""The light model of a cascade, the size of its samples, and the codebooks that it can be used with."""

import random
from dataclasses import replace

import numpy as np
import pytest

from app.errors import UserError
from app.study.cascade_model import CascadeModel, Sample
from app.study.cascade_planning import Terms, plan_calibration
from app.study.cascade_rule import check_codebook
from app.study.codebook import Codebook

LEAVES = ("pro", "anti", "unrelated", "unclear")
ASIDE = ("unrelated", "unclear")
ABOUT = {
    "pro": ["welcome refugees here", "migrants enrich us"],
    "anti": ["close the border now", "migrants must leave"],
    "unrelated": ["what a goal tonight", "my cat sleeps a lot"],
    "unclear": ["hmm what is this", "hmm well then"],
}


def sample(number: int, seed: int) -> Sample:
    draw = random.Random(seed)
    leaves = draw.choices(LEAVES, weights=[2, 2, 5, 1], k=number)
    texts = [f"{draw.choice(ABOUT[leaf])} {draw.randrange(10**6)}" for leaf in leaves]
    said = np.full((number, len(LEAVES)), 0.04, dtype=np.float32)
    said[range(number), [LEAVES.index(leaf) for leaf in leaves]] = 0.88
    return Sample(texts, draw.choices(["en", "de"], k=number), said)


def test_probabilities_sum_to_one_and_put_unrelated_first_where_the_words_say_so() -> None:
    model, unseen = CascadeModel.fit(sample(300, 1), LEAVES, ASIDE, [("migrants are here", "pro")])
    learnt = sample(300, 1).probabilities.argmax(axis=1)
    assert unseen[learnt >= 2].mean() > 0.9 > 0.2 > unseen[learnt < 2].mean()
    fresh = sample(200, 2)
    found = model.probabilities(fresh.texts, ["en"] * 100 + ["no such language"] * 100)
    assert found.shape == (200, 4) and (found >= 0).all()
    assert found.sum(axis=1) == pytest.approx(np.ones(200))
    said = fresh.probabilities.argmax(axis=1)
    sure = model.unrelated(found) > 0.5
    assert (sure == (said >= 2)).mean() > 0.95
    # Of two leaves that are aside, it says which; how the others share what is left, it does not know.
    assert (found[sure].argmax(axis=1) == said[sure]).mean() > 0.95
    assert found[:, 0] / found[:, 1] == pytest.approx(np.full(200, found[0, 0] / found[0, 1]))


def test_a_model_made_of_its_arrays_says_the_very_same() -> None:
    model, _ = CascadeModel.fit(sample(120, 3), LEAVES, ASIDE)
    again = CascadeModel.from_arrays(model.arrays())
    assert again is not None
    fresh = sample(50, 4)
    one, other = (m.probabilities(fresh.texts, fresh.languages) for m in (model, again))
    assert (one == other).all() and again.aside == ASIDE


def test_what_another_version_learnt_is_not_taken_up() -> None:
    model, _ = CascadeModel.fit(sample(120, 3), LEAVES, ASIDE)
    arrays = model.arrays()
    assert CascadeModel.from_arrays(arrays | {"version": np.asarray(1)}) is None
    del arrays["version"]
    assert CascadeModel.from_arrays(arrays) is None


def test_a_sample_is_as_large_as_pays_and_none_where_it_cannot() -> None:
    draw = np.random.default_rng(1)
    related = draw.random(2000) < 0.2
    single = np.ones(2000, dtype=bool)
    unrelated = np.clip(np.where(related, draw.beta(1, 30, 2000), draw.beta(90, 1, 2000)), 1e-6, 1 - 1e-6)
    plan = plan_calibration(unrelated, related, single, 98_000, Terms())
    # About a fifth are related, 460 of them are needed at the least.
    assert plan.tweets > 2300 and plan.cost < 0.9 and not plan.why
    small = plan_calibration(unrelated[:400], related[:400], single[:400], 2600, Terms())
    assert small.tweets == 0 and "to prove a bound of 0.50%" in small.why
    knows_nothing = np.full(2000, 0.8)
    dull = plan_calibration(knows_nothing, related, single, 98_000, Terms())
    assert dull.tweets == 0 and "too few tweets surely enough" in dull.why
    easier = plan_calibration(unrelated, related, single, 98_000, replace(Terms(), bound=0.02))
    assert easier.cost < plan.cost
    # Where every other text was in the first sample, twice as many tweets have as many that prove something.
    repeated = plan_calibration(unrelated, related, np.arange(2000) % 2 == 0, 98_000, Terms())
    assert repeated.tweets > 4600


@pytest.mark.parametrize("bound", [0.0, 0.05, 11.0, float("nan")])
def test_a_bound_that_cannot_be_kept_is_refused(bound: float) -> None:
    with pytest.raises(UserError, match="no bound"):
        Terms.of_per_cent(bound)
    assert Terms.of_per_cent(0.5) == Terms()


def test_what_ends_at_the_first_question_is_aside() -> None:
    assert Codebook.default().aside == ("unrelated",)
    options = "".join(
        f'[[questions.options]]\ncode = "{code}"\nkey = "{key}"\n' for key, code in enumerate("abc", 1)
    )
    flat = Codebook.from_toml(f'[[questions]]\ncode = "one"\n{options}')
    assert flat.aside == ()
    check_codebook(Codebook.default().aside)
    with pytest.raises(UserError, match="nothing to settle"):
        check_codebook(flat.aside)
