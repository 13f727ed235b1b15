"""One run from its folder to its model: read, train, score, export, write down."""

import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import machine
from training.contract.events import EventLog
from training.contract.fingerprint import fingerprint
from training.contract.prompt import EncodedPrompt, Prompt, PromptError, encode_prompt
from training.contract.run_folder import RunFolder
from training.contract.spec import LEARNING_RATES, Row, SpecError, TrainingSpec, read_rows
from training.errors import TrainingError
from training.processes import ALONE, Processes

if TYPE_CHECKING:
    from training.bases import Base
    from training.batches import Example
    from training.network import LeafNetwork


def run(
    folder: RunFolder,
    base_path: Path | None,
    events: EventLog,
    check: Callable[[], None],
    finish: bool = False,
    processes: Processes = ALONE,
) -> dict[str, Any]:
    """Do the whole run and return its results. `check` is called often and raises to end it.

    Of several `processes` the first writes the model and returns the results, the others return nothing.

    Raises `TrainingError` for what a user can mend. A second call on the same folder continues from the
    checkpoint that the first one left; with `finish` it learns nothing more and makes a model of the best so far.
    """
    started = time.monotonic()
    if processes.is_first:
        # What a process that was killed while it wrote has left: nobody else writes into a locked run.
        for left in folder.path.rglob(".*.partial"):
            left.unlink(missing_ok=True)
    # One of several processes must not leave while the others wait for it: they are asked in each step.
    early = check if processes.size == 1 else lambda: None
    work = read(folder, base_path, events, early)
    spec, base, encoded = work.spec, work.base, work.encoded
    train, validation = work.train, work.validation

    import torch

    from training import adapter, scales
    from training.export import export
    from training.finetune import Finetuning
    from training.scoring import score
    from training.space import Room, run_bytes

    processes.join()
    precision = measured_precision(folder, spec) or spec.precision
    plan = machine.plan(spec.method, precision, scales=scales.can_tune(base))
    plan = replace(plan, threads=max(1, plan.threads // processes.here))
    spec = replace(spec, method=plan.method, learning_rate=spec.learning_rate or LEARNING_RATES[plan.method])
    room = Room(
        folder.path,
        run_bytes(base, plan.method, spec.rank),
        lambda told: events.write("warning", message=told),
    )
    shortage = room.shortage()
    if shortage:
        raise TrainingError(f"{shortage} Free some space, then start it again.")
    events.write(
        "stage",
        stage="prepare",
        message=f"Loading the base model ({plan.method}, {plan.precision}, {plan.device})",
        **asdict(plan),
    )
    if processes.is_first:
        about = {"plan": asdict(plan), "processes": processes.size}
        _write(folder.environment, machine.environment() | about)
    network = work.network(plan, early)
    events.write("stage", stage="train", message=f"Training on {len(train)} rows")
    standing = Finetuning(
        spec=spec,
        encoded=encoded,
        network=network,
        train=train,
        validation=validation,
        events=events,
        checkpoint_folder=folder.checkpoints,
        fingerprint=fingerprint(spec, folder),
        check=check,
        look=room.look,
        finish=finish,
        processes=processes,
    ).run()

    events.write("stage", stage="validate", message=f"Scoring {len(validation)} validation rows")
    probabilities = processes.probabilities(network, validation, check)
    processes.leave()
    if not processes.is_first:
        return {}
    by_row: list[list[float] | None] = [None] * work.validation_rows
    for example, values in zip(validation, probabilities, strict=True):
        by_row[example.row] = [float(value) for value in values]
    _write(folder.validation_probabilities, by_row)
    scores = score(probabilities, [e.leaf for e in validation], [e.lang for e in validation], spec.leaves)
    results: dict[str, Any] = {
        "validation": scores,
        "epochs": standing.epochs,
        "best_epoch": standing.best_epoch,
        "leaf_tokens": list(encoded.leaf_tokens),
        "train_rows": len(train),
        "classes": {
            "train": _count([spec.leaves[e.leaf] for e in train]),
            "validation": _count([spec.leaves[e.leaf] for e in validation]),
        },
        "languages": {
            "train": _count([e.lang for e in train]),
            "validation": _count([e.lang for e in validation]),
        },
        "method": plan.method,
        "precision": plan.precision,
        "device": plan.device,
        "steps": standing.step,
        "training_seconds": round(standing.seconds, 2),
        "tokens_per_second": round(standing.tokens / max(standing.seconds, 1e-9), 1),
    }

    trained = adapter.state(network.adapted)
    adapter.save(
        folder.adapter,
        trained,
        method=plan.method,
        rank=spec.rank,
        alpha=spec.alpha,
        dropout=spec.dropout,
        base=spec.base,
    )
    del network
    if plan.device == "cuda":
        torch.cuda.empty_cache()
    events.write("stage", stage="export", message="Writing the 4-bit model")
    export(
        base,
        {name: value.numpy() for name, value in trained.items()},
        folder.model,
        method=plan.method,
        rank=spec.rank,
        alpha=spec.alpha,
        single_type=spec.single_type,
        progress=lambda done, total: _report_export(events, done, total),
        check=check,
    )
    results["peak_memory_bytes"] = machine.peak_memory()
    if plan.device == "cuda":
        results["peak_device_memory_bytes"] = torch.cuda.max_memory_allocated()
    results["seconds"] = round(time.monotonic() - started, 2)
    _write(folder.metrics, results)
    # The model is written: what was there to resume from would only take space.
    shutil.rmtree(folder.checkpoints, ignore_errors=True)
    return results


def check_base_hash(path: Path, expected: str) -> None:
    """Raise `TrainingError` where the file is not the base that the run was written for."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected and found != expected.lower():
        raise TrainingError(
            f"{path.name} is not the base model that this run was written for (its SHA-256 is {found[:12]}…, "
            f"expected {expected[:12]}…). Choose the right file with --base."
        )


@dataclass(frozen=True)
class Work:
    """What a run folder asks for, read and checked: settings, base, and its rows in tokens.

    `validation_rows` counts the rows of the file, those without text too.
    """

    spec: TrainingSpec
    base: "Base"
    train: list["Example"]
    validation: list["Example"]
    encoded: EncodedPrompt
    validation_rows: int

    def network(self, plan: machine.Plan, check: Callable[[], None]) -> "LeafNetwork":
        """Return the base with a new adapter on it."""
        from training.network import LeafNetwork
        from training.next_token import NextToken

        weight = self.spec.next_token
        next_token = NextToken(self.train, self.encoded, self.base, plan.device, weight) if weight else None
        return LeafNetwork(
            self.base,
            self.encoded.leaf_tokens,
            plan,
            rank=self.spec.rank,
            alpha=self.spec.alpha,
            dropout=self.spec.dropout,
            seed=self.spec.seed,
            micro_batch=self.spec.micro_batch,
            next_token=next_token,
            check=check,
        )


def read(folder: RunFolder, base_path: Path | None, events: EventLog, check: Callable[[], None]) -> Work:
    """Read a run folder; raise `TrainingError` for what a user can mend."""
    missing = machine.missing_packages()
    if missing:
        raise TrainingError(
            f"Training needs packages that are not installed: {', '.join(missing)}. "
            "Install StanceDesk with its “training” extra."
        )
    events.write("stage", stage="prepare", message="Reading the rows and the base model")
    try:
        spec = TrainingSpec.read(folder.spec)
        train_rows, validation_rows = list(read_rows(folder.train)), list(read_rows(folder.validation))
    except SpecError as error:
        raise TrainingError(str(error)) from error
    except FileNotFoundError as error:
        raise TrainingError(f"The run folder has no {Path(error.filename).name}.") from error
    path = find_base(folder, spec, base_path)
    if len(spec.leaves) != len(set(spec.leaves)):
        raise TrainingError("Two classes have the same code. Give each class its own.")

    from training.bases import Base
    from training.export import check_single_type
    from training.gguf_file import GGUFFile

    base = Base.open(GGUFFile(path))
    check_base_hash(path, spec.base_sha256)
    check_single_type(base, spec.single_type)
    check()
    train, validation, encoded = _encode(spec, path, train_rows, validation_rows, events)
    check()
    return Work(spec, base, train, validation, encoded, len(validation_rows))


def measured_precision(folder: RunFolder, spec: TrainingSpec) -> str:
    """Return the precision that a trial on this machine measured to be the better one; "" where none did."""
    if spec.precision != "auto":
        return ""
    try:
        trial = json.loads(folder.trial.read_text(encoding="utf-8"))
        if (trial["machine"], trial["base_sha256"]) == (machine.identity(), spec.base_sha256):
            return str(trial["precision"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return ""


def find_base(folder: RunFolder, spec: TrainingSpec, given: Path | None) -> Path:
    """Return the base model's file: the given one, or the spec's, which may lie in the run folder itself."""
    if given is None and not spec.base_path:
        raise TrainingError(
            f"The base model {spec.base} did not come with the run folder. Say where it is: --base FILE.gguf "
            f"(its SHA-256 begins with {spec.base_sha256[:12]})."
        )
    return given or folder.path / spec.base_path


def _encode(
    spec: TrainingSpec, base: Path, train_rows: list[Row], validation_rows: list[Row], events: EventLog
) -> tuple[list["Example"], list["Example"], EncodedPrompt]:
    from training.batches import encode_rows
    from training.tokenizer import Tokenizer

    with Tokenizer(base) as tokenizer:
        try:
            prompt = Prompt.from_dict(spec.prompt)
            encoded = encode_prompt(prompt, tokenizer.tokenize, tokenizer.begin_of_sequence)
        except PromptError as error:
            raise TrainingError(str(error)) from error
        except (TypeError, KeyError) as error:
            raise TrainingError(f"The run's prompt is incomplete: {error}.") from error
        if len(encoded.leaf_tokens) != len(spec.leaves):
            raise TrainingError(
                f"The prompt has {len(encoded.leaf_tokens)} answers for {len(spec.leaves)} classes."
            )
        train = encode_rows(train_rows, spec.leaves, encoded)
        validation = encode_rows(validation_rows, spec.leaves, encoded)
    empty = len(train_rows) + len(validation_rows) - len(train) - len(validation)
    if empty:
        events.write("warning", message=f"{empty} rows have no text and are left out.")
    if not train:
        raise TrainingError("There are no rows to train on. Label some tweets first.")
    if len({example.leaf for example in train}) < 2:
        only = spec.leaves[train[0].leaf]
        raise TrainingError(
            f"All rows to train on are labelled “{only}”. A model needs tweets of at least two classes."
        )
    if not validation:
        events.write("warning", message="There are no validation rows: the last epoch is kept, unmeasured.")
    return train, validation, encoded


def _report_export(events: EventLog, done: int, total: int) -> None:
    if done == total or done % 10 == 0:
        events.write("progress", stage="export", done=done, total=total, unit="tensors")


def _count(values: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _write(path: Path, values: Any) -> None:
    from training.atomic import write_json

    write_json(path, values)
