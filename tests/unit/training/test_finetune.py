"""The training loop: it learns, keeps the best epoch, and a run that resumes ends where it would have ended."""

import errno
import io
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.training.conftest import LEAVES, make_rows
from training import adapter
from training.bases import Base
from training.batches import Batch, Example, encode_rows
from training.contract.events import EventLog
from training.contract.prompt import EncodedPrompt
from training.contract.spec import TrainingSpec
from training.errors import Cancelled, TrainingError
from training.finetune import Finetuning
from training.gguf_file import GGUFFile
from training.machine import Plan
from training.network import LeafNetwork
from training.next_token import NextToken


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
        base = Base.open(GGUFFile(small_base))
        train = encode_rows(make_rows(rows), LEAVES, encoded)
        network = LeafNetwork(
            base,
            encoded.leaf_tokens,
            Plan("cpu", "lora", "fp32", "eager", 2),
            rank=8,
            alpha=16,
            dropout=spec.dropout,
            seed=spec.seed,
            micro_batch=spec.micro_batch,
            next_token=NextToken(train, encoded, base, "cpu", spec.next_token),
        )
        return Finetuning(
            spec=spec,
            encoded=encoded,
            network=network,
            train=train,
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
    loop = make_loop(
        epochs=8, learning_rate=1e-2, dropout=0.0, text_dropout=0.0, averaging=0.0, next_token=0.0
    )
    standing = loop.run()
    told = events_of(loop, "progress")
    progress = [event for event in told if "loss" in event]
    assert [event["step"] for event in progress] == list(range(1, standing.step + 1))
    assert all((event["done"], event["total"]) == (8 * event["step"], 192) for event in progress)
    assert progress[-1]["loss"] < 0.5 * progress[0]["loss"]
    assert all(event["rate"] > 0 and event["seconds_left"] >= 0 for event in progress)
    assert all(event["memory"] > 10**7 and event["at_once"] == 8 for event in progress)
    tokens = sum(len(example.ids) for example in loop.train)
    epochs = len(standing.epochs)
    assert loop.standing.tokens == epochs * tokens
    assert progress[-1]["message"] == f"Epoch {epochs} of 8" and progress[-1]["tokens_per_second"] > 0
    # While an epoch is scored, the bar stays where it is and the message says what goes on.
    (scoring,) = [e for e in told if "Epoch 2 of 8: scoring 8 of 12" in e["message"]]
    assert (scoring["done"], scoring["total"]) == (48, 192)
    assert events_of(loop, "evaluated") == [
        {"event": "evaluated", "time": event["time"], **scores}
        for event, scores in zip(events_of(loop, "evaluated"), standing.epochs, strict=True)
    ]
    assert standing.epochs[-1]["accuracy"] > 0.9


def test_the_learning_rate_rises_then_falls_to_zero(make_loop: Callable[..., Finetuning]) -> None:
    loop = make_loop(warmup=0.25, learning_rate=0.1)
    loop.steps_a_round = 8
    rates = [loop.learning_rate(step) for step in range(16)]
    assert rates[:3] == pytest.approx([0.05, 0.1, 0.1])
    assert rates[3:8] == sorted(rates[3:8], reverse=True)
    assert rates[7] < 0.01
    assert rates[8:] == rates[:8], "each round has the whole course"


# After two steps; and after an epoch's last step, before its evaluation; the same of a second round.
@pytest.mark.parametrize(("checks", "steps", "rounds"), [(2, 2, 1), (3, 3, 1), (3, 3, 2), (6, 4, 2)])
def test_a_run_that_was_stopped_and_resumed_ends_where_it_would_have_ended(
    make_loop: Callable[..., Finetuning], tmp_path: Path, checks: int, steps: int, rounds: int
) -> None:
    make_loop = partial(make_loop, rounds=rounds)
    whole = make_loop()
    expected = whole.run()
    (tmp_path / "checkpoints" / "last.safetensors").unlink()
    with pytest.raises(Cancelled):
        make_loop(check=stop_after(checks)).run()
    resumed = make_loop()
    standing = resumed.run()
    assert f"after step {steps} of 6" in events_of(resumed, "stage")[0]["message"]
    assert [scores["epoch"] for scores in standing.epochs] == [1, 2]
    assert (standing.step, standing.best_epoch) == (expected.step, expected.best_epoch)
    assert standing.epochs == expected.epochs
    for name, value in adapter.state(resumed.network.adapted).items():
        assert torch.equal(value, adapter.state(whole.network.adapted)[name]), name


def test_a_checkpoint_of_other_settings_or_a_broken_one_is_not_continued(
    make_loop: Callable[..., Finetuning], tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        make_loop(check=stop_after(2)).run()
    other = make_loop(fingerprint="other", epochs=1)
    assert other.run().step == 3
    assert events_of(other, "stage") == []
    assert "begins anew" in events_of(other, "warning")[0]["message"]
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
        return {"macro_f1": next(scores), "accuracy": 0.5, "loss": 1.0, "languages": {}, "together": None}

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


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_rounds_begin_anew_and_their_mean_is_kept(
    make_loop: Callable[..., Finetuning], averaging: float
) -> None:
    """Three rounds of an epoch: each begins where the network began, and what is kept is the mean of their ends."""
    loop = make_loop(epochs=3, rounds=3, averaging=averaging)
    begun = adapter.state(loop.network.adapted)
    starts: list[dict[str, torch.Tensor]] = []
    ends: list[dict[str, torch.Tensor]] = []
    scored: list[dict[str, torch.Tensor]] = []
    step, evaluate, score = loop._step, loop._evaluate, loop._scores

    def before_a_step(batch: list[Any]) -> float:
        if loop.standing.step % 3 == 0:
            starts.append(adapter.state(loop.network.adapted))
            assert not loop.optimizer.state, "nothing of the round before is left"
        return step(batch)

    def before_a_score(epoch: int) -> None:
        ends.append({n: v.clone() for n, v in (loop.averaged or adapter.state(loop.network.adapted)).items()})
        evaluate(epoch)

    def what_is_scored(epoch: int) -> dict[str, Any]:
        scored.append(adapter.state(loop.network.adapted))
        return score(epoch) | {"macro_f1": epoch / 10}

    loop._step, loop._evaluate, loop._scores = before_a_step, before_a_score, what_is_scored  # type: ignore[method-assign]
    standing = loop.run()
    assert (standing.rounds, standing.best_epoch, len(standing.epochs)) == (2, 3, 3)
    kept = adapter.state(loop.network.adapted)
    for name, value in begun.items():
        for start in starts:
            assert torch.equal(start[name], value)
        for rounds in (1, 2, 3):
            mean = sum(end[name] for end in ends[:rounds]) / rounds
            torch.testing.assert_close(scored[rounds - 1][name], mean)
        assert torch.equal(kept[name], scored[2][name])
    assert any(not torch.equal(ends[0][name], ends[1][name]) for name in begun), "the orders differ"


@pytest.mark.parametrize(("scores", "best"), [((0.2, 0.9, 0.8, 0.1), 4), ((0.9, 0.2, 0.8, 0.1), 4)])
def test_of_rounds_the_end_of_the_last_is_kept_whatever_it_scores(
    make_loop: Callable[..., Finetuning], scores: tuple[float, ...], best: int
) -> None:
    loop = make_loop(epochs=4, rounds=2)
    score, scored = loop._scores, []

    def what_is_scored(epoch: int) -> dict[str, Any]:
        scored.append(adapter.state(loop.network.adapted))
        return score(epoch) | {"macro_f1": scores[epoch - 1]}

    loop._scores = what_is_scored  # type: ignore[method-assign]
    assert loop.run().best_epoch == best
    kept = adapter.state(loop.network.adapted)
    assert all(torch.equal(kept[name], value) for name, value in scored[best - 1].items())


@pytest.mark.parametrize(("scores", "best"), [((0.2, 0.9, 0.8), 2), ((0.9, 0.2, 0.95), 2)])
def test_what_is_stopped_in_a_later_round_keeps_the_rounds_that_ended(
    make_loop: Callable[..., Finetuning], scores: tuple[float, ...], best: int
) -> None:
    loop = make_loop(epochs=4, rounds=2)
    score = loop._scores

    def what_is_scored(epoch: int) -> dict[str, Any]:
        loop.finish = epoch == len(scores)
        return score(epoch) | {"macro_f1": scores[epoch - 1]}

    loop._scores = what_is_scored  # type: ignore[method-assign]
    standing = loop.run()
    assert (len(standing.epochs), standing.best_epoch) == (3, best)


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


def test_finish_learns_nothing_more_and_keeps_the_best_epoch(make_loop: Callable[..., Finetuning]) -> None:
    with pytest.raises(Cancelled):
        make_loop(check=stop_after(6)).run()
    left = make_loop()
    left.finish = True
    standing = left.run()
    assert (standing.step, standing.best_epoch, [e["epoch"] for e in standing.epochs]) == (4, 1, [1])
    # Epoch 1 ended with step 3; the fourth step is not part of what is kept.
    for name, value in adapter.state(left.network.adapted).items():
        assert torch.equal(value, left.best[name])
    assert any(not torch.equal(left.best[name], left.averaged[name]) for name in left.best)


def test_finish_before_an_epoch_was_scored_scores_what_there_is(make_loop: Callable[..., Finetuning]) -> None:
    with pytest.raises(Cancelled):
        make_loop(check=stop_after(2)).run()
    loop = make_loop()
    loop.finish = True
    standing = loop.run()
    assert (standing.step, standing.best_epoch, len(standing.epochs)) == (2, 1, 1)
    nothing = make_loop(fingerprint="nothing")
    nothing.finish = True
    with pytest.raises(TrainingError, match="Nothing was learned yet"):
        nothing.run()


def test_a_full_disk_costs_a_checkpoint_and_not_the_training(
    make_loop: Callable[..., Finetuning], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("training.finetune._CHECKPOINT_SECONDS", 0.0)
    whole = make_loop()
    expected = whole.run()
    kept = (tmp_path / "checkpoints" / "last.safetensors").read_bytes()
    written = 0

    def full(path: Path, content: bytes) -> None:
        nonlocal written
        written += 1
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("training.checkpoints.write_bytes", full)
    loop = make_loop(fingerprint="other")
    assert loop.run().epochs == expected.epochs
    assert written == 8
    told = [event["message"] for event in events_of(loop, "warning")]
    assert sum("disk is full" in message for message in told) == 1
    assert (tmp_path / "checkpoints" / "last.safetensors").read_bytes() == kept


def test_a_run_that_met_too_little_memory_goes_on_as_it_was(
    make_loop: Callable[..., Finetuning], tmp_path: Path
) -> None:
    """Memory runs out at the third step of eight tweets at once: from there on four, also after a break."""

    def short_of_memory(loop: Finetuning) -> Finetuning:
        compute = loop.network.losses

        def losses(piece: Batch, batch: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
            found = compute(piece, batch)
            if loop.standing.step >= 2 and len(piece.leaf) > 4:
                raise RuntimeError(
                    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."
                )
            return found

        loop.network.losses = losses  # type: ignore[method-assign]
        return loop

    whole = short_of_memory(make_loop())
    expected = whole.run()
    assert whole.network.micro_batch == 4
    assert [event["at_once"] for event in events_of(whole, "progress") if "loss" in event] == [
        8,
        8,
        4,
        4,
        4,
        4,
    ]
    (tmp_path / "checkpoints" / "last.safetensors").unlink()
    with pytest.raises(Cancelled):
        short_of_memory(make_loop(check=stop_after(7))).run()
    # After the break there would be memory enough: the run stays what it is.
    resumed = make_loop()
    assert resumed.run().epochs == expected.epochs
    for name, value in adapter.state(resumed.network.adapted).items():
        assert torch.equal(value, adapter.state(whole.network.adapted)[name]), name
