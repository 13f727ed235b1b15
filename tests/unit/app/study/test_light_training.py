"""Training the light model on a study: what it learns from, looks at and leaves behind; suggestions."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from app.errors import UserError
from app.study import importing, light_scores, locks, models, predictions, queues
from app.study.labelling import Labelling
from app.study.light_scores import LightScores, least_margin
from app.study.light_training import LEAST_LABELS, train_light_model
from app.study.queues import Turn
from app.study.repeats import AGAIN
from app.study.study import Study
from app.study.suggestions import suggest
from app.study.tweets import get
from db.tables import Tweet
from tests.conftest import ROOT
from tests.unit.app.study.conftest import LEAVES
from tests.unit.app.study.test_learning_curve import made_up


@pytest.fixture
def half(study: Study) -> Study:
    """Return a study of 80 tweets, of which the first 40 have labels."""
    texts, leaves = made_up(80, noise=0.0)
    lines = [
        f'{n},"{text}",{"en" if n % 2 else "ko"},{leaf if n <= 40 else ""}'
        for n, (text, leaf) in enumerate(zip(texts, leaves, strict=True), 1)
    ]
    file = study.path.with_name("t.csv")
    file.write_text("\n".join(["id,text,lang,label", *lines]), encoding="utf-8")
    importing.import_file(study, file, coder="Ana")
    return study


def _set(study: Study, tweets: Sequence[int], **values: object) -> None:
    with study.writing() as session:
        session.execute(update(Tweet).where(Tweet.id.in_(tweets)).values(**values))


def _trained(study: Study, **options: object) -> LightScores:
    found = train_light_model(study, with_curve=False, **options)  # type: ignore[arg-type]
    assert found is not None
    return found


def test_the_light_model_keeps_to_one_thread_from_its_first_fit_on() -> None:
    # In a process of its own: the limit must hold for libraries that nothing has loaded before.
    code = """
from threadpoolctl import threadpool_info
from app.study.light_model import LightModel, features, one_thread
with one_thread():
    LightModel.fit(features(["come in", "go home", "come all", "go away"]), ["pro", "anti", "pro", "anti"])
    pools = [pool["num_threads"] for pool in threadpool_info()]
    print(len(pools), max(pools))
"""
    free = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    free["OMP_NUM_THREADS"] = free["OPENBLAS_NUM_THREADS"] = "2"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=free, capture_output=True, text=True, check=True
    )
    pools, most = map(int, done.stdout.split())
    assert pools >= 2 and most == 1


def test_it_learns_from_what_stands_and_looks_at_what_nobody_labelled(half: Study) -> None:
    scores = _trained(half)
    assert scores.labels == 40 and scores.ids.tolist() == list(range(41, 81))
    assert scores.probabilities.shape == (40, 3)
    _texts, leaves = made_up(80, noise=0.0)
    said = [scores.leaves[place] for place in scores.probabilities.argmax(axis=1)]
    assert np.mean([a == b for a, b in zip(said, leaves[40:], strict=True)]) > 0.5
    assert scores.macro_f1 is not None and scores.macro_f1 > 0.4


def test_sealed_locked_and_doubles_are_left_out(half: Study) -> None:
    _set(half, [1, 2, 41], sealed=True)
    _set(half, [3, 42], group_id=3)
    locks.lock(half, "done", "Ana", [43])
    scores = _trained(half)
    assert scores.labels == 38
    assert set(range(41, 81)) - set(scores.ids.tolist()) == {41, 42, 43}


def test_a_language_narrows_what_it_looks_at_and_not_what_it_learns_from(half: Study) -> None:
    scores = _trained(half, languages=["ko"])
    assert scores.labels == 40 and scores.ids.tolist() == list(range(42, 81, 2))


def test_what_it_leaves_is_read_as_it_was_written(half: Study) -> None:
    scores = train_light_model(half)
    path = light_scores.file_of(half)
    found = light_scores.read(path, LEAVES)
    assert scores is not None and found is not None
    assert np.array_equal(found.ids, scores.ids) and np.array_equal(found.probabilities, scores.probabilities)
    assert (found.labels, found.leaves, found.rarest, found.said) == (
        scores.labels, scores.leaves, scores.rarest, scores.said,
    )  # fmt: skip
    assert found.curve == scores.curve and found.curve is not None and found.curve.points == ()
    assert light_scores.read(path, ("other", "classes")) is None
    path.write_bytes(path.read_bytes()[:100])
    assert light_scores.read(path, LEAVES) is None
    path.unlink()
    assert light_scores.read(path, LEAVES) is None


def test_the_same_labels_give_the_same_orders(half: Study) -> None:
    one, other = _trained(half), _trained(half)
    assert one.uncertain() == other.uncertain() and one.contradictions() == other.contradictions()


def test_orders_follow_the_probabilities() -> None:
    scores = LightScores(
        9, ("a", "b", "c"), "c", None, np.asarray([4, 6, 9]),
        np.asarray([[0.5, 0.3, 0.2], [0.4, 0.35, 0.25], [0.9, 0.06, 0.04]]), np.zeros(0, dtype=int), (),
    )  # fmt: skip
    assert scores.uncertain().tolist() == [6, 4, 9] and scores.rare_first().tolist() == [6, 4, 9]
    assert (
        scores.suggestion(9) == ("a", 0.9) and scores.suggestion(5) is None and scores.suggestion(10) is None
    )
    assert least_margin(np.asarray([[0.5, 0.5], [0.6, 0.4]])).tolist() == [0, 1]


def test_a_label_against_all_others_is_contradicted(half: Study) -> None:
    _texts, leaves = made_up(80, noise=0.0)
    wrong = dict(zip(("pro", "anti", "unrelated"), ("anti", "pro", "pro"), strict=True))
    work = Labelling(half, "Ana")
    work.show(5)
    work.label(wrong[leaves[4]])
    said = _trained(half).contradictions()
    assert said.get(5) == leaves[4]


def test_too_few_labels_are_told_with_what_to_do(study: Study, half: Study) -> None:
    _set(half, list(range(LEAST_LABELS, 41)), agreed_leaf=None)
    with pytest.raises(UserError, match="too few labels") as told:
        train_light_model(half)
    assert str(LEAST_LABELS) in told.value.next_step


def test_it_stops_when_asked(half: Study) -> None:
    assert train_light_model(half, stop=lambda: True) is None
    assert not light_scores.file_of(half).exists()


def test_the_command_tells_its_events_and_results(half: Study, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "app", "light-model", str(half.path), "--json", "--no-curve", "--coder=Mia"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert [e["stage"] for e in events if e["event"] == "stage"] == ["learn", "look", "curve"]
    assert events[-1]["event"] == "finished" and events[-1]["looked_at"] == 40
    plain = subprocess.run(
        [sys.executable, "-m", "app", "light-model", str(half.path)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "too early to say" in plain.stdout and "learnt from 40 labels" in plain.stdout


def test_a_suggestion_names_its_model_and_is_never_for_sealed_or_repeated_tweets(half: Study) -> None:
    scores = _trained(half)
    row = get(half, [50])[0]
    found = suggest(half, row, Turn(50, queues.RANDOM), scores)
    assert found is not None and found.shown == f"{found.leaf} (light model of 40 labels)"
    assert suggest(half, row, Turn(50, AGAIN, repeat=True), scores) is None
    assert suggest(half, row, Turn(50, queues.CODERS_DISAGREE), scores) is None
    assert suggest(half, row, Turn(50, queues.MODEL_DISAGREES), scores) is None
    assert suggest(half, get(half, [3])[0], Turn(3, queues.RANDOM), scores) is None
    assert suggest(half, row, Turn(50, queues.RANDOM), None) is None
    model = models.register(half, "fine", str(half.path), "0" * 64, LEAVES).id
    predictions.save(half, model, LEAVES, [50], np.asarray([[0.1, 0.7, 0.1, 0.1]], dtype=np.float32), "")
    found = suggest(half, get(half, [50])[0], Turn(50, queues.RANDOM), scores)
    assert found is not None and (found.shown, round(found.probability, 3)) == ("anti (fine)", 0.7)
    _set(half, [50], sealed=True)
    assert suggest(half, get(half, [50])[0], Turn(50, queues.RANDOM), scores) is None
