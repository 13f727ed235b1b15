"""The training loop: steps over the training rows, an evaluation each epoch, the best epoch kept."""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training import adapter, checkpoints
from training.batches import Batch, Example, order, thin
from training.contract.events import EventLog
from training.contract.prompt import EncodedPrompt
from training.contract.spec import TrainingSpec
from training.errors import TrainingError
from training.machine import memory_now
from training.network import LeafNetwork
from training.processes import ALONE, Processes
from training.scoring import score
from training.space import is_full

# After so many epochs without a better validation score the run ends: more would only learn rows by heart.
PATIENCE = 2
_CHECKPOINT_SECONDS = 120.0
_RATE_STEPS = 20
# Where in the run the average begins: the first steps go far and belong to no average.
_AVERAGED_FROM = 0.3


@dataclass(frozen=True)
class _Done:
    """A step that was done: when, and with how many rows and tokens (without padding)."""

    at: float
    rows: int
    tokens: int


@dataclass
class Finetuning:
    """One run of the loop. `check` is called at each step and may raise to end it, `look` after each step.

    `finish`: nothing more is learned; what was best so far is kept.
    """

    spec: TrainingSpec
    encoded: EncodedPrompt
    network: LeafNetwork
    train: Sequence[Example]
    validation: Sequence[Example]
    events: EventLog
    checkpoint_folder: Path
    fingerprint: str
    check: Callable[[], None]
    look: Callable[[], None] = lambda: None
    finish: bool = False
    processes: Processes = ALONE

    def run(self) -> checkpoints.Standing:
        """Train and leave the best epoch's adapter on the network.

        Resumes from the checkpoint, if there is one of the same run. Writes one when it is stopped.
        """
        self.network.body.train()
        self.optimizer = torch.optim.AdamW(
            self.network.groups(self.spec.weight_decay), lr=self.spec.learning_rate
        )
        # Where each round begins: as the network was made.
        self._beginning = adapter.state(self.network.adapted) if self.spec.rounds > 1 else {}
        resumed = checkpoints.read(self.checkpoint_folder, self.fingerprint, self.network, self.optimizer)
        self.standing, kept = resumed or (checkpoints.Standing(), checkpoints.Kept())
        self.averaged, self.ended, self.best = kept.averaged, kept.ended, kept.best
        # What did not fit into memory before would not fit now, and the pieces are part of a step's course.
        self.network.micro_batch = self.standing.micro_batch or self.network.micro_batch
        self.steps_an_epoch = math.ceil(len(self.train) / self.spec.batch)
        self.steps = self.steps_an_epoch * self.spec.epochs
        self.steps_a_round = self.steps // self.spec.rounds
        if resumed:
            self.events.write(
                "stage",
                stage="train",
                message=f"Continuing after step {self.standing.step} of {self.steps}",
            )
        elif checkpoints.exists(self.checkpoint_folder):
            self.events.write(
                "warning",
                message="The checkpoint is damaged or belongs to other settings: training begins anew.",
            )
        self._saved = time.monotonic()
        self._has_room = True
        self._scoring_seconds: float | None = None
        self._recent = [_Done(time.monotonic(), 0, 0)]
        try:
            while True:
                epochs = self.standing.step // self.steps_an_epoch
                # A run may have been stopped between an epoch's last step and its evaluation.
                if len(self.standing.epochs) < epochs:
                    self._evaluate(epochs)
                    self._save()
                elif self.standing.step == self.steps or self._is_over():
                    break
                elif self.finish:
                    self._finish()
                    break
                else:
                    self._train_epoch(epochs)
        except BaseException:
            # Stopped, out of memory, a bug: what was learnt is kept if it can be.
            if self.standing.step:
                self._save()
            raise
        if self.best:
            adapter.load_state(self.network.adapted, self.best)
        return self.standing

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step: in each round a linear rise, then half a cosine down to zero."""
        step %= self.steps_a_round
        warm = max(1, round(self.spec.warmup * self.steps_a_round))
        if step < warm:
            return self.spec.learning_rate * (step + 1) / warm
        share = (step - warm) / max(1, self.steps_a_round - warm)
        return self.spec.learning_rate * (1 + math.cos(math.pi * share)) / 2

    def _train_epoch(self, epoch: int) -> None:
        spec = self.spec
        if epoch * self.steps_an_epoch // self.steps_a_round > self.standing.rounds:
            self._begin_round()
        seen = thin(self.train, self.encoded, spec.text_dropout, spec.seed, epoch)
        batches = order(seen, spec.batch, spec.seed, epoch)
        self.network.body.train()
        for batch in batches[self.standing.step % self.steps_an_epoch :]:
            started = time.monotonic()
            loss = self._step(batch)
            self.standing.seconds += time.monotonic() - started
            self.standing.step += 1
            self._average()
            tokens = sum(len(example.ids) for example in batch)
            self.standing.tokens += tokens
            self._report(loss, len(batch), tokens)
            self.look()
            if time.monotonic() - self._saved > _CHECKPOINT_SECONDS:
                self._save()

    def _begin_round(self) -> None:
        """Put what the round that ended would keep to the mean of the rounds, and begin anew.

        Runs that begin at the same place and learn from other orders end in one valley, where their average is
        better than each: a "model soup" (Wortsman et al. 2022, arXiv 2203.05482). It is served as one model.
        """
        self.ended = self._with_earlier_rounds(self.averaged or adapter.state(self.network.adapted))
        self.standing.rounds += 1
        self.averaged = {}
        self.optimizer.state.clear()
        adapter.load_state(self.network.adapted, self._beginning)

    def _with_earlier_rounds(self, values: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the mean of what this round has and what each earlier one kept."""
        share = 1 / (self.standing.rounds + 1)
        return {
            name: torch.lerp(self.ended[name], value.cpu(), share) if self.ended else value.cpu().clone()
            for name, value in values.items()
        }

    def _average(self) -> None:
        in_round = self.standing.step - self.standing.rounds * self.steps_a_round
        if not self.spec.averaging or in_round < _AVERAGED_FROM * self.steps_a_round:
            return
        if self.averaged:
            window = max(1.0, self.spec.averaging * self.steps_a_round)
            adapter.average(self.averaged, self.network.adapted, window)
        else:
            self.averaged = adapter.state(self.network.adapted)

    def _step(self, batch: list[Example]) -> float:
        rate = self.learning_rate(self.standing.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self.optimizer.zero_grad()

        def learn(piece: Batch) -> float:
            # Dropout depends on the seed, the step and the tweets alone: not on who computes them, nor in what order.
            torch.manual_seed(
                random.Random(f"{self.spec.seed}/{self.standing.step}/{piece.first}").getrandbits(63)
            )
            leaf, whole = self.network.losses(piece, batch)
            lessened = float(whole.detach())
            if not math.isfinite(lessened):
                raise FloatingPointError(f"the loss is {lessened} at step {self.standing.step}")
            whole.backward()
            return float(leaf.detach())

        def learn_share() -> float:
            self.check()
            return sum(self.network.in_pieces(self.processes.share(batch), learn))

        loss = sum(self.processes.gather(learn_share))
        self.processes.add_gradients(self.network.parameters())
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.spec.max_gradient)
        self.optimizer.step()
        return loss

    def _report(self, loss: float, rows: int, tokens: int) -> None:
        step = self.standing.step
        self._recent = [*self._recent[-_RATE_STEPS:], _Done(time.monotonic(), rows, tokens)]
        elapsed = max(self._recent[-1].at - self._recent[0].at, 1e-9)
        speed = sum(one.rows for one in self._recent[1:]) / elapsed
        done, total = self._rows_done()
        epoch = min(self.spec.epochs, 1 + (step - 1) // self.steps_an_epoch)
        self.events.write(
            "progress",
            stage="train",
            message=f"Epoch {epoch} of {self.spec.epochs}",
            done=done,
            total=total,
            unit="tweets",
            rate=round(speed, 3),
            seconds_left=round((total - done) / max(speed, 1e-9) + self._seconds_of_scoring(speed), 1),
            loss=round(loss, 5),
            learning_rate=self.learning_rate(step - 1),
            step=step,
            steps=self.steps,
            tokens_per_second=round(sum(one.tokens for one in self._recent[1:]) / elapsed, 1),
            memory=memory_now(self.network.plan.device),
            at_once=self.network.micro_batch,
        )

    def _rows_done(self) -> tuple[int, int]:
        epochs, in_epoch = divmod(self.standing.step, self.steps_an_epoch)
        done = epochs * len(self.train) + min(in_epoch * self.spec.batch, len(self.train))
        return done, self.spec.epochs * len(self.train)

    def _seconds_of_scoring(self, speed: float) -> float:
        """Return how long the evaluations to come will take: as the last one, or a third of as many steps."""
        each = self._scoring_seconds
        if each is None:
            each = len(self.validation) / max(speed, 1e-9) / 3
        return each * (self.spec.epochs - len(self.standing.epochs))

    def _finish(self) -> None:
        """End here: where no epoch was scored yet, with what was learned up to now."""
        if not self.standing.step:
            raise TrainingError("Nothing was learned yet that could be kept. Continue the training instead.")
        if not self.standing.epochs:
            self._evaluate(1)

    def _evaluate(self, epoch: int) -> None:
        """Score the adapter that would be kept, the averaged one, and go on with the one that is trained."""
        started = time.monotonic()
        trained = adapter.state(self.network.adapted)
        kept = self._with_earlier_rounds(self.averaged or trained)
        adapter.load_state(self.network.adapted, kept)
        try:
            result = {"epoch": epoch} | self._scores(epoch)
        finally:
            adapter.load_state(self.network.adapted, trained)
        self.standing.epochs.append(result)
        self.events.write("evaluated", **result)
        if self._is_better(result["macro_f1"]):
            self.standing.best_epoch = epoch
            self.best = kept
        # The time of an evaluation is no time of a step.
        self._recent = [_Done(time.monotonic(), 0, 0)]
        self._scoring_seconds = time.monotonic() - started

    def _is_better(self, macro_f1: float | None) -> bool:
        """Return whether what was just scored is kept in place of what was kept before.

        From the end of the first round on, what is kept is the mean of the rounds that ended, whatever it scores: the
        mean of more is steadier, and a few hundred validation rows cannot tell epochs apart that differ by a point.
        """
        if self.spec.rounds > 1 and self.standing.step >= self.steps_a_round:
            return self.standing.step % self.steps_a_round == 0
        before = [e["macro_f1"] for e in self.standing.epochs[:-1]]
        return macro_f1 is None or not before or macro_f1 > max(before)

    def _scores(self, epoch: int) -> dict[str, Any]:
        if not self.validation:
            return {"macro_f1": None, "accuracy": None, "loss": None, "languages": {}, "together": None}
        done, total = self._rows_done()
        scored = 0

        def check() -> None:
            nonlocal scored
            self.check()
            of = len(self.validation)
            message = (
                f"Epoch {epoch} of {self.spec.epochs}: scoring {min(scored, of)} of {of} validation tweets"
            )
            self.events.write(
                "progress", stage="train", message=message, done=done, total=total, unit="tweets"
            )
            scored += self.network.micro_batch

        scores = score(
            self.processes.probabilities(self.network, self.validation, check),
            [example.leaf for example in self.validation],
            [example.lang for example in self.validation],
            self.spec.leaves,
        )
        return {name: scores[name] for name in ("macro_f1", "accuracy", "loss", "languages", "together")}

    def _is_over(self) -> bool:
        if self.spec.rounds > 1:
            # A round's first epochs are worse than what the last one ended with; the end is what counts.
            return False
        worse = len(self.standing.epochs) - self.standing.best_epoch
        return bool(self.validation) and bool(self.standing.epochs) and worse >= PATIENCE

    def _save(self) -> None:
        """Write a checkpoint. Where the disk has no room for it, the one before stays and training goes on."""
        if not self.processes.is_first:
            return
        self.standing.micro_batch = self.network.micro_batch
        self._saved = time.monotonic()
        try:
            checkpoints.write(
                self.checkpoint_folder,
                self.fingerprint,
                self.standing,
                self.network,
                self.optimizer,
                checkpoints.Kept(self.averaged, self.ended, self.best),
            )
        except OSError as error:
            if not is_full(error):
                raise
            if self._has_room:
                self.events.write(
                    "warning",
                    message="The disk is full: where the run stands cannot be kept. Free some space; it is "
                    "tried again.",
                )
            self._has_room = False
        else:
            self._has_room = True
