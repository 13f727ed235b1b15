"""The training loop: it learns, keeps the best epoch, and a run that resumes ends where it would have ended."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.training.conftest import LEAVES, make_rows
from training import adapter
from training.bases import Base
from training.batches import encode_rows
from training.contract.events import EventLog
from training.contract.prompt import EncodedPrompt
from training.contract.spec import TrainingSpec
from training.errors import Cancelled
from training.finetune import Finetuning
from training.gguf_file import GGUFFile
from training.machine import Plan
from training.network import LeafNetwork


@pytest.fixture
def make_loop(small_base: Path, encoded: EncodedPrompt, tmp_path: Path) -> Callable[..., Finetuning]:
    def make(
        check: Callable[[], None] = lambda: None, fingerprint: str = "same", rows: int = 24, **settings: Any
    ) -> Finetuning:
        spec = TrainingSpec(
            base="small",
            base_path=str(small_base),
            base_sha256="",
            leaves=LEAVES,
            prompt={},
            **({"epochs": 2, "batch": 8, "micro_batch": 8, "learning_rate": 3e-3} | settings),
        )
        network = LeafNetwork(
            Base.open(GGUFFile(small_base)),
            encoded.leaf_tokens,
            Plan("cpu", "lora", "fp32", "eager", 2),
            rank=8,
            alpha=16,
            dropout=spec.dropout,
            seed=spec.seed,
            micro_batch=spec.micro_batch,
        )
        return Finetuning(
            spec=spec,
            encoded=encoded,
            network=network,
            train=encode_rows(make_rows(rows), LEAVES, encoded),
            validation=encode_rows(make_rows(12), LEAVES, encoded),
            events=EventLog(None, io.StringIO()),
            checkpoint_folder=tmp_path / "checkpoints",
            fingerprint=fingerprint,
            check=check,
        )

    return make


def events_of(loop: Finetuning, kind: str) -> list[dict[str, Any]]:
    assert isinstance(loop.events.stream, io.StringIO)
    events = [json.loads(line) for line in loop.events.stream.getvalue().splitlines()]
    return [event for event in events if event["event"] == kind]


def stop_after(steps: int) -> Callable[[], None]:
    left = [steps]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Cancelled("stop")

    return check


def test_it_learns_what_the_words_tell(make_loop: Callable[..., Finetuning]) -> None:
    loop = make_loop(epochs=8, learning_rate=1e-2, dropout=0.0, text_dropout=0.0, averaging=0.0)
    standing = loop.run()
    progress = events_of(loop, "progress")
    assert [event["step"] for event in progress] == list(range(1, standing.step + 1))
    assert all((event["done"], event["total"]) == (8 * event["step"], 192) for event in progress)
    assert progress[-1]["loss"] < 0.5 * progress[0]["loss"]
    assert all(event["rate"] > 0 and event["seconds_left"] >= 0 for event in progress)
    assert events_of(loop, "evaluated") == [
        {"event": "evaluated", "time": event["time"], **scores}
        for event, scores in zip(events_of(loop, "evaluated"), standing.epochs, strict=True)
    ]
    assert standing.epochs[-1]["accuracy"] > 0.9


def test_the_learning_rate_rises_then_falls_to_zero(make_loop: Callable[..., Finetuning]) -> None:
    loop = make_loop(warmup=0.25, learning_rate=0.1)
    loop.steps = 8
    rates = [loop.learning_rate(step) for step in range(9)]
    assert rates[:3] == pytest.approx([0.05, 0.1, 0.1])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[8] == pytest.approx(0.0)


# After two steps; and after an epoch's last step, before its evaluation.
@pytest.mark.parametrize("steps", [2, 3])
def test_a_run_that_was_stopped_and_resumed_ends_where_it_would_have_ended(
    make_loop: Callable[..., Finetuning], tmp_path: Path, steps: int
) -> None:
    whole = make_loop()
    expected = whole.run()
    (tmp_path / "checkpoints" / "last.safetensors").unlink()
    with pytest.raises(Cancelled):
        make_loop(check=stop_after(steps)).run()
    resumed = make_loop()
    standing = resumed.run()
    assert f"after step {min(steps, 3)} of 6" in events_of(resumed, "stage")[0]["message"]
    assert [scores["epoch"] for scores in standing.epochs] == [1, 2]
    assert (standing.step, standing.best_epoch) == (expected.step, expected.best_epoch)
    for name, value in adapter.state(resumed.network.adapted).items():
        torch.testing.assert_close(value, adapter.state(whole.network.adapted)[name], atol=1e-5, rtol=1e-4)


def test_a_checkpoint_of_other_settings_or_a_broken_one_is_not_continued(
    make_loop: Callable[..., Finetuning], tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        make_loop(check=stop_after(2)).run()
    other = make_loop(fingerprint="other", epochs=1)
    assert other.run().step == 3
    assert events_of(other, "stage") == []
    path = tmp_path / "checkpoints" / "last.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    broken = make_loop(fingerprint="other", epochs=1)
    assert broken.run().step == 3
    assert events_of(broken, "stage") == []


def test_the_best_epoch_is_kept_and_a_run_that_only_gets_worse_ends(
    make_loop: Callable[..., Finetuning], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.4, 0.6, 0.5, 0.3, 0.9])
    states = []

    def fake_score(*_: object) -> dict[str, float]:
        states.append(adapter.state(loop.network.adapted))
        return {"macro_f1": next(scores), "accuracy": 0.5, "loss": 1.0}

    loop = make_loop(epochs=5, rows=8)
    monkeypatch.setattr("training.finetune.score", fake_score)
    standing = loop.run()
    assert (standing.best_epoch, len(standing.epochs)) == (2, 4)
    for name, value in adapter.state(loop.network.adapted).items():
        np.testing.assert_array_equal(value, states[1][name])
    assert any(not torch.equal(states[1][name], states[3][name]) for name in states[1])


def test_what_is_kept_is_the_average_of_the_last_steps(make_loop: Callable[..., Finetuning]) -> None:
    """With a window of half the run; the average is worked out by hand from the steps themselves."""
    loop = make_loop(epochs=2, averaging=0.5)
    states: list[dict[str, torch.Tensor]] = []
    taken = loop._average

    def after_a_step() -> None:
        states.append(adapter.state(loop.network.adapted))
        taken()

    loop._average = after_a_step  # type: ignore[method-assign]
    loop.run()
    assert len(states) == 6
    # Steps 2 to 6 of 6 lie behind the first three tenths; the window is three steps long.
    for name, value in loop.averaged.items():
        expected = states[1][name]
        for state in states[2:]:
            expected = expected + (state[name] - expected) / 3
        torch.testing.assert_close(value, expected)
    if loop.standing.best_epoch == 2:
        for name, value in adapter.state(loop.network.adapted).items():
            torch.testing.assert_close(value, loop.averaged[name])
    plain = make_loop(fingerprint="plain", averaging=0.0)
    plain.run()
    assert plain.averaged == {}


def test_a_stop_while_an_epoch_is_scored_leaves_what_is_trained(make_loop: Callable[..., Finetuning]) -> None:
    loop = make_loop(epochs=1)
    before_scores: list[dict[str, torch.Tensor]] = []

    def stop() -> None:
        if loop.standing.step == 3:
            raise Cancelled("stop")

    taken = loop._average

    def after_a_step() -> None:
        taken()
        before_scores.append(adapter.state(loop.network.adapted))

    loop.check = stop
    loop._average = after_a_step  # type: ignore[method-assign]
    with pytest.raises(Cancelled):
        loop.run()
    for name, value in adapter.state(loop.network.adapted).items():
        torch.testing.assert_close(value, before_scores[-1][name], atol=0, rtol=0)
