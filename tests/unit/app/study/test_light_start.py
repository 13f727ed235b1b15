"""What a light model knows before a job lies beside the model, and goes where the model goes."""

from pathlib import Path

import pytest

from app.study import light_start
from app.study.cascade_model import CascadeModel
from app.study.light_model import features
from training.contract.spec import Row

from .test_cascade_model import ABOUT, ASIDE, LEAVES, sample


def _rows(leaves: tuple[str, ...]) -> list[Row]:
    return [
        Row(str(n), f"{text} {n}", "en", leaf) for n in range(20) for leaf in leaves for text in ABOUT[leaf]
    ]


def test_what_was_written_is_read_and_taken_along(tmp_path: Path) -> None:
    for folder in ("model", "shelf"):
        (tmp_path / folder).mkdir()
    assert light_start.read(tmp_path / "model") is None
    light_start.write(tmp_path / "model", _rows(LEAVES), ASIDE)
    light_start.copy(tmp_path / "model", tmp_path / "shelf")
    start = light_start.read(tmp_path / "shelf")
    assert start is not None
    found = start.predict(features(["what a goal tonight 999", "close the border now 999"]))
    # The logit of being unrelated.
    assert found[0, 0] > 1 > -1 > found[1, 0]


def test_where_nothing_can_be_settled_there_is_none(tmp_path: Path) -> None:
    light_start.write(tmp_path, _rows(LEAVES), ())
    light_start.write(tmp_path, [], ASIDE)
    assert list(tmp_path.iterdir()) == []
    light_start.copy(tmp_path, tmp_path / "nowhere")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_a_damaged_one_is_none(tmp_path: Path, content: bytes) -> None:
    light_start.write(tmp_path, _rows(LEAVES), ASIDE)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert light_start.read(tmp_path) is None


def test_a_cascade_learns_less_on_its_own_than_with_it(tmp_path: Path) -> None:
    """Of what is in no sampled tweet, it knows what the training rows said."""
    light_start.write(tmp_path, _rows(("unclear", "pro")), ASIDE)
    start = light_start.read(tmp_path)
    whole = sample(300, 5)
    kept = [n for n, text in enumerate(whole.texts) if "hmm" not in text]
    learnt = type(whole)(
        [whole.texts[n] for n in kept], [whole.languages[n] for n in kept], whole.probabilities[kept]
    )
    fresh = ["hmm what is this 77", "hmm well then 88"]
    unrelated = []
    for begun in (None, start):
        model, _ = CascadeModel.fit(learnt, LEAVES, ASIDE, start=begun)
        again = CascadeModel.from_arrays(model.arrays())
        assert again is not None
        found = again.probabilities(fresh, ["en", "de"])
        assert (found == model.probabilities(fresh, ["en", "de"])).all()
        unrelated.append(model.unrelated(found).min())
    assert unrelated[1] > unrelated[0]
