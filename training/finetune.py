"""The training loop: steps over the training rows, an evaluation each epoch, the best epoch kept."""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from training import adapter, checkpoints
from training.batches import Batch, Example, order, thin
from training.contract.events import EventLog
from training.contract.prompt import EncodedPrompt
from training.contract.spec import TrainingSpec
from training.network import LeafNetwork
from training.processes import ALONE, Processes
from training.scoring import score

# After so many epochs without a better validation score the run ends: more would only learn rows by heart.
PATIENCE = 2
_CHECKPOINT_SECONDS = 120.0
_RATE_STEPS = 20
# Where in the run the average begins: the first steps go far and belong to no average.
_AVERAGED_FROM = 0.3


@dataclass
class Finetuning:
    """One run of the loop. `check` is called at each step and may raise to end it."""

    spec: TrainingSpec
    encoded: EncodedPrompt
    network: LeafNetwork
    train: Sequence[Example]
    validation: Sequence[Example]
    events: EventLog
    checkpoint_folder: Path
    fingerprint: str
    check: Callable[[], None]
    processes: Processes = ALONE

    def run(self) -> checkpoints.Standing:
        """Train and leave the best epoch's adapter on the network.

        Resumes from the checkpoint, if there is one of the same run. Writes one when it is stopped.
        """
        self.network.body.train()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.spec.learning_rate, weight_decay=self.spec.weight_decay
        )
        resumed = checkpoints.read(self.checkpoint_folder, self.fingerprint, self.network, self.optimizer)
        self.standing, self.averaged, self.best = resumed or (checkpoints.Standing(), {}, {})
        self.steps_an_epoch = math.ceil(len(self.train) / self.spec.batch)
        self.steps = self.steps_an_epoch * self.spec.epochs
        if resumed:
            self.events.write(
                "stage",
                stage="train",
                message=f"Continuing after step {self.standing.step} of {self.steps}",
            )
        self._saved = time.monotonic()
        self._recent: list[tuple[float, int]] = [(time.monotonic(), 0)]
        try:
            while True:
                epochs = self.standing.step // self.steps_an_epoch
                # A run may have been stopped between an epoch's last step and its evaluation.
                if len(self.standing.epochs) < epochs:
                    self._evaluate(epochs)
                    self._save()
                elif self.standing.step == self.steps or self._is_over():
                    break
                else:
                    self._train_epoch(epochs)
        except BaseException:
            # Stopped, out of disk, a bug: what was learnt is kept if it can be.
            if self.standing.step:
                self._save()
            raise
        if self.best:
            adapter.load_state(self.network.adapted, self.best)
        return self.standing

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step: a linear rise, then half a cosine down to zero."""
        warm = max(1, round(self.spec.warmup * self.steps))
        if step < warm:
            return self.spec.learning_rate * (step + 1) / warm
        share = (step - warm) / max(1, self.steps - warm)
        return self.spec.learning_rate * (1 + math.cos(math.pi * share)) / 2

    def _train_epoch(self, epoch: int) -> None:
        spec = self.spec
        seen = thin(self.train, self.encoded, spec.text_dropout, spec.seed, epoch)
        batches = order(seen, spec.batch, spec.seed, epoch)
        self.network.body.train()
        for batch in batches[self.standing.step % self.steps_an_epoch :]:
            started = time.monotonic()
            loss = self._step(batch)
            self.standing.seconds += time.monotonic() - started
            self.standing.step += 1
            self._average()
            self.standing.tokens += sum(len(example.ids) for example in batch)
            self._report(loss, len(batch))
            if time.monotonic() - self._saved > _CHECKPOINT_SECONDS:
                self._save()

    def _average(self) -> None:
        if not self.spec.averaging or self.standing.step < _AVERAGED_FROM * self.steps:
            return
        if self.averaged:
            window = max(1.0, self.spec.averaging * self.steps)
            adapter.average(self.averaged, self.network.adapted, window)
        else:
            self.averaged = adapter.state(self.network.adapted)

    def _step(self, batch: list[Example]) -> float:
        rate = self.learning_rate(self.standing.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()

        def learn(piece: Batch) -> float:
            # Dropout depends on the seed, the step and the tweets alone: not on who computes them, nor in what order.
            torch.manual_seed(
                random.Random(f"{self.spec.seed}/{self.standing.step}/{piece.first}").getrandbits(63)
            )
            logits = self.network.logits(piece)
            loss = functional.cross_entropy(logits, piece.leaf, reduction="sum") / len(batch)
            loss.backward()
            return float(loss.detach())

        def learn_share() -> float:
            self.check()
            return sum(self.network.in_pieces(self.processes.share(batch), learn))

        loss = sum(self.processes.gather(learn_share))
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} at step {self.standing.step}")
        self.processes.add_gradients(self.network.parameters())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.spec.max_gradient)
        self.optimizer.step()
        return loss

    def _report(self, loss: float, rows: int) -> None:
        step = self.standing.step
        epochs_done, in_epoch = divmod(step, self.steps_an_epoch)
        done = epochs_done * len(self.train) + min(in_epoch * self.spec.batch, len(self.train))
        total = self.spec.epochs * len(self.train)
        self._recent = [*self._recent[-_RATE_STEPS:], (time.monotonic(), rows)]
        elapsed = self._recent[-1][0] - self._recent[0][0]
        speed = sum(count for _, count in self._recent[1:]) / max(elapsed, 1e-9)
        self.events.write(
            "progress",
            stage="train",
            done=done,
            total=total,
            unit="tweets",
            rate=round(speed, 3),
            seconds_left=round((total - done) / max(speed, 1e-9), 1),
            loss=round(loss, 5),
            learning_rate=self.learning_rate(step - 1),
            step=step,
            steps=self.steps,
        )

    def _evaluate(self, epoch: int) -> None:
        """Score the adapter that would be kept, the averaged one, and go on with the one that is trained."""
        trained = adapter.state(self.network.adapted)
        kept = {name: value.cpu().clone() for name, value in self.averaged.items()} or trained
        adapter.load_state(self.network.adapted, kept)
        try:
            result = {"epoch": epoch} | self._scores()
        finally:
            adapter.load_state(self.network.adapted, trained)
        self.standing.epochs.append(result)
        self.events.write("evaluated", **result)
        before = [e["macro_f1"] for e in self.standing.epochs[:-1]]
        if result["macro_f1"] is None or not before or result["macro_f1"] > max(before):
            self.standing.best_epoch = epoch
            self.best = kept
        # The time of an evaluation is no time of a step.
        self._recent = [(time.monotonic(), 0)]

    def _scores(self) -> dict[str, Any]:
        if not self.validation:
            return {"macro_f1": None, "accuracy": None, "loss": None}
        scores = score(
            self.processes.probabilities(self.network, self.validation, self.check),
            [example.leaf for example in self.validation],
            [example.lang for example in self.validation],
            self.spec.leaves,
        )
        return {name: scores[name] for name in ("macro_f1", "accuracy", "loss")}

    def _is_over(self) -> bool:
        worse = len(self.standing.epochs) - self.standing.best_epoch
        return bool(self.validation) and bool(self.standing.epochs) and worse >= PATIENCE

    def _save(self) -> None:
        if not self.processes.is_first:
            return
        checkpoints.write(
            self.checkpoint_folder,
            self.fingerprint,
            self.standing,
            self.network,
            self.optimizer,
            self.averaged,
            self.best,
        )
        self._saved = time.monotonic()
