"""What is looked at before a training run starts, in plain words: labels, memory, disk, time, energy.

Each check is a small value. Nothing here changes anything; `app.study.trials` tries the machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from app import paths
from app.study import run_plan, trials
from app.study.base_models import Base
from app.study.codebook import Codebook, Leaf
from app.study.machine_room import Weights, disk_of, free_memory, total_memory, weights_of
from app.study.readiness import (
    GOOD_ROWS,
    GOOD_ROWS_A_CLASS,
    Readiness,
    readiness,
    weak_classes,
    weak_languages,
)
from app.study.shelf import Shelf
from app.study.study import Study
from app.study.trials import Estimate
from training.contract.prompt import ANSWER_CANDIDATES
from training.contract.spec import ONE_FILE, SCALABLE
from training.contract.trial import Trial

# More sentences of a kind would not be read.
_MOST = 3
_QUEUE = "A queue on the page Label brings the tweets that are likeliest of it."


class State(StrEnum):
    """Whether a check is in order. A `stop` keeps a run from starting, a warning does not."""

    OK = "ok"
    WARNING = "warning"
    STOP = "stop"


@dataclass(frozen=True)
class LabelWish:
    """Labels that are missing: in a language ("": any), of a class (a leaf's code; "": any)."""

    language: str = ""
    leaf: str = ""


@dataclass(frozen=True)
class Check:
    """What was looked at, and what came of it.

    `what`: labels, classes, languages, answers, split, sealed, base, memory, disk, trial, time. Where labels are
    missing that can still be given, `wish` says which: the page Label has a queue for them.
    """

    what: str
    state: State
    sentence: str
    next_step: str = ""
    wish: LabelWish | None = None

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_step}".strip()

    def as_dict(self) -> dict[str, Any]:
        """Return the check as plain values."""
        return asdict(self) | {"state": self.state.value}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Check":
        """Return the check that `as_dict` gave."""
        wish = values.get("wish")
        return cls(
            values["what"],
            State(values["state"]),
            values["sentence"],
            values["next_step"],
            LabelWish(**wish) if wish else None,
        )


@dataclass(frozen=True)
class Room:
    """A place on a disk: what a run puts there and how much is free, in bytes. `device` is the disk's number."""

    what: str
    device: int
    need: int
    free: int


def stops(checks: Sequence[Check]) -> list[Check]:
    """Return the checks that keep a run from starting."""
    return [check for check in checks if check.state is State.STOP]


# Labels


def label_checks(
    ready: Readiness,
    codebook: Codebook,
    languages: Sequence[str] = (),
    language_name: Callable[[str], str] = str,
) -> list[Check]:
    """Return whether the labels are enough, and what is missing by class and language."""
    left = sum(ready.unlabelled.get(code, 0) for code in languages or ready.unlabelled)
    if ready.missing:
        step = "Label more tweets" if left else "Import more tweets"
        wish = LabelWish(languages[0] if len(languages) == 1 else "") if left else None
        choose = ", or choose more languages." if languages else "."
        return [Check("labels", State.STOP, sentence, step + choose, wish) for sentence in ready.missing]
    told = f"{_tweets(ready.rows)} to learn from: {ready.train:,} to train on, {ready.validation:,} to validate on."
    if ready.rows < GOOD_ROWS:
        found = [Check("labels", State.WARNING, f"Only {told}", "A few hundred are a good start.")]
    else:
        found = [Check("labels", State.OK, told)]
    if ready.disputed:
        are = "is" if ready.disputed == 1 else "are"
        told = f"{_tweets(ready.disputed, 'tweet')} {are} left out, on which coders disagree."
        found.append(Check("labels", State.WARNING, told, "Decide on the page Review."))
    found += _class_checks(ready, codebook, left > 0)
    return found + _language_checks(ready, codebook, languages, language_name)


def _class_checks(ready: Readiness, codebook: Codebook, can_label: bool) -> list[Check]:
    weak = weak_classes(ready, codebook)
    if not weak:
        return [Check("classes", State.OK, f"Each class has at least {GOOD_ROWS_A_CLASS} labelled tweets.")]
    found = []
    for leaf in weak[:_MOST]:
        number = ready.of_class(leaf.code)
        has = f"has {_tweets(number)}" if number else "has no labelled tweet"
        found.append(
            Check(
                "classes",
                State.WARNING,
                f"The class “{leaf.name}” {has}; with fewer than {GOOD_ROWS_A_CLASS} it is hardly learnt.",
                _QUEUE if can_label else "Import more tweets.",
                LabelWish("", leaf.code) if can_label else None,
            )
        )
    if len(weak) > _MOST:
        names = ", ".join(f"“{leaf.name}”" for leaf in weak[_MOST:])
        found.append(Check("classes", State.WARNING, f"So it is with {names}."))
    return found


def _language_checks(
    ready: Readiness, codebook: Codebook, languages: Sequence[str], language_name: Callable[[str], str]
) -> list[Check]:
    weak = weak_languages(ready, codebook, languages)
    found = []
    for code, leaves in list(weak.items())[:_MOST]:
        counts, name = ready.per_language.get(code, {}), language_name(code)
        can_label = ready.unlabelled.get(code, 0) > 0
        step = f"Label more in {name}." if can_label else f"Import more tweets in {name}."
        if not sum(counts.values()):
            sentence = f"No tweet in {name} is labelled: a model would have to guess from other languages."
            wish = LabelWish(code)
        else:
            sentence = f"In {name} there are few labels of {_few(leaves, counts)}."
            wish = LabelWish(code, leaves[0].code)
        found.append(Check("languages", State.WARNING, sentence, step, wish if can_label else None))
    if len(weak) > _MOST:
        names = ", ".join(language_name(code) for code in list(weak)[_MOST:])
        found.append(Check("languages", State.WARNING, f"Labels are missing in {names}, too."))
    if not weak and len(ready.per_language) > 1:
        found.append(Check("languages", State.OK, "Each language has labels of each class."))
    return found


def answer_checks(codebook: Codebook) -> list[Check]:
    """Return what a model will answer in where that is letters, for want of words in the codebook.

    No warning: what words gain differs from study to study, and may be nothing (docs/recipe.md).
    """
    if run_plan.prompt_of(codebook).answers[0] != ANSWER_CANDIDATES[0]:
        return []
    told = "The codebook has no words for a model to answer with, so that it will learn letters."
    step = (
        "Words can make it better: File, “Change the codebook …” (Ctrl+B) saves it as a file; give it a “cue”, such as "
        "“This tweet is”, and each class an “answer”, such as “positive”, and choose that file."
    )
    return [Check("answers", State.OK, told, step)]


def _few(leaves: Sequence[Leaf], counts: dict[str, int]) -> str:
    return ", ".join(f"“{leaf.name}” ({counts.get(leaf.code, 0) or 'none'})" for leaf in leaves)


# What must not leak


def split_checks(ready: Readiness) -> list[Check]:
    """Return how near-duplicates and the sealed test set are kept apart."""
    if not ready.are_grouped:
        found = [
            Check(
                "split",
                State.WARNING,
                "Near-duplicates were not looked for since tweets were last imported: a tweet and its copy could be "
                "trained on and validated on.",
                "Let them be found: stancedesk duplicates STUDY.",
            )
        ]
    elif ready.groups:
        groups = "1 group" if ready.groups == 1 else f"{ready.groups:,} groups"
        told = (
            f"{groups} of near-duplicates ({_tweets(ready.grouped)}) stay whole, on one side of training and "
            "validation."
        )
        found = [Check("split", State.OK, told)]
    else:
        found = [Check("split", State.OK, "No near-duplicates among the labelled tweets.")]
    if ready.sealed:
        copies = f" and {ready.copies:,} near-duplicates of them" if ready.copies else ""
        labelled = f", {ready.left_out:,} of them labelled" if ready.left_out else ""
        told = f"The sealed test set is left out: {_tweets(ready.sealed, 'tweet')}{copies}{labelled}."
    else:
        told = (
            "No test set is sealed: the model is scored on its validation tweets, which flatters it a little."
        )
    return [*found, Check("sealed", State.OK, told)]


# The machine


def memory_check(need: int, free: int, total: int, *, measured: bool = False, what: str = "memory") -> Check:
    """Return whether the main memory, or a GPU's, suffices; all in bytes. An estimate alone does not stop a run.

    A run that was `measured` here to need more than there is cannot succeed; an estimate is of the worst case.
    """
    about = "needs" if measured else "needs about"
    told = f"Training this base {about} {_gb(need)} of {what}; this machine has {_gb(total)}"
    smaller = "Choose a smaller base, or train on a larger machine."
    if need > total * (1 if measured else 2):
        return Check("memory", State.STOP, f"{told}.", smaller)
    if need > total:
        return Check("memory", State.WARNING, f"{told}.", f"It may not get through. {smaller}")
    if need > free:
        return Check(
            "memory", State.WARNING, f"{told}, {_gb(free)} of it free now.", "Close other programs first."
        )
    return Check("memory", State.OK, f"{told}, {_gb(free)} of it free now.")


def disk_check(rooms: Sequence[Room]) -> Check:
    """Return whether the disks have room for what a run writes; places on one disk share it."""
    by_disk: dict[int, list[Room]] = {}
    for room in rooms:
        by_disk.setdefault(room.device, []).append(room)
    short, sums = [], 0
    for there in by_disk.values():
        need, free = sum(room.need for room in there), min(room.free for room in there)
        sums += need
        if need > free:
            names = " and ".join(dict.fromkeys(room.what for room in there))
            short.append(f"The disk of {names} has {_gb(free)} left; training needs about {_gb(need)} there.")
    if short:
        return Check(
            "disk", State.STOP, " ".join(short), "Free some space, or set STANCEDESK_HOME to a larger disk."
        )
    free = min(room.free for room in rooms)
    return Check("disk", State.OK, f"About {_gb(sums)} of disk are needed; {_gb(free)} are free.")


def trial_check(trial: Trial) -> Check:
    """Return what came of a trial."""
    at_once = "" if trial.at_once >= trial.rows else f", {trial.at_once} at a time for want of memory"
    told = (
        f"The longest tweets ({trial.longest} tokens, {trial.rows} in a step{at_once}) went through training, "
        f"evaluation and export: {trial.step_seconds:.1f} s a step, {trial.training:,.0f} tokens a second, "
        f"{_gb(trial.peak_memory)} of memory at most"
    )
    if trial.peak_device_memory is not None:
        told += f" and {_gb(trial.peak_device_memory)} on the graphics card"
    return Check("trial", State.WARNING if at_once else State.OK, f"{told}. {_precision(trial)}")


def time_check(estimate: Estimate) -> Check:
    """Return how long a run will take and what energy."""
    return Check("time", State.OK, f"It will take {estimate.told()}. {estimate.power_told()}")


def _precision(trial: Trial) -> str:
    names = {"bf16": "16 bits (bf16)", "fp32": "32 bits (fp32)"}
    chosen = names.get(trial.precision, trial.precision)
    others = {name: speed for name, speed in trial.compared.items() if name != trial.precision}
    if not others:
        return f"It computes in {chosen}."
    name, speed = max(others.items(), key=lambda one: one[1])
    times = trial.compared[trial.precision] / speed
    if times < 1:
        return f"It computes in {chosen}: {names.get(name, name)} would be no faster by more than a tenth."
    return f"It computes in {chosen}, measured {times:.1f} times as fast as {names.get(name, name)}."


def _tweets(number: int, what: str = "labelled tweet") -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


def _gb(number_of_bytes: int) -> str:
    gigabytes = number_of_bytes / 1e9
    return f"{gigabytes:.0f} GB" if gigabytes >= 10 else f"{gigabytes:.1f} GB"


# All together


_ONE_FILE_CHECK = Check(
    "base",
    State.STOP,
    "This base model is not in a 4-bit type whose scales can be trained: no single file can be made of it.",
    "Choose another base model, or the kind “Base and adapter”.",
)


@dataclass(frozen=True)
class Preflight:
    """All that can be seen without trying. `estimate` is None where nothing was tried on this machine yet."""

    checks: tuple[Check, ...]
    readiness: Readiness
    estimate: Estimate | None


def look(
    study: Study,
    base: str,
    languages: Sequence[str],
    settings: dict[str, Any],
    shelf: Shelf,
    *,
    machine: dict[str, Any] | None = None,
    language_name: Callable[[str], str] = str,
) -> Preflight:
    """Look at what a run would need and what there is, in some tenths of a second.

    `base` is a name or a path, `machine` what `training_process.probe` told, where it was asked: of a graphics card
    nothing is known without it. Raises `UserError` for settings that cannot work.
    """
    ready = readiness(study, languages, int(settings.get("seed", 1)), language_name)
    checks = label_checks(ready, study.codebook, languages, language_name)
    checks += [*answer_checks(study.codebook), *split_checks(ready)]
    known = {one.name: one for one in shelf.bases()}.get(base)
    file = shelf.ready_file(base)
    weights = weights_of(file.path) if file is not None else None
    trial = estimated = None
    if file is not None:
        spec = run_plan.spec_of(study.codebook, file, settings)
        trial = trials.remembered(file.sha256, spec)
        method, rank, epochs = spec.method, spec.rank, spec.epochs
        if trial is not None and not ready.missing:
            estimated = trials.estimate(trial, ready.train, ready.validation, epochs)
    else:
        method, rank = str(settings.get("method", "auto")), int(settings.get("rank", 16))
    if settings.get("method") == ONE_FILE and weights is not None and not weights.kinds <= SCALABLE:
        checks.append(_ONE_FILE_CHECK)
    checks += _memory_checks(known, weights, trial, machine or {})
    if weights is not None or known is not None:
        checks.append(disk_check(_rooms(shelf, known, weights, method, rank, is_ready=file is not None)))
    if estimated is not None:
        checks.append(time_check(estimated))
    return Preflight(tuple(checks), ready, estimated)


def measured_checks(trial: Trial, estimated: Estimate) -> list[Check]:
    """Return what a trial adds, and what it knows better: memory, the trial itself, time."""
    memory = memory_check(trial.peak_memory, free_memory(), total_memory(), measured=True)
    # It did get through: what was free then need not be free any more.
    return [memory, trial_check(trial), time_check(estimated)]


def _memory_checks(
    base: Base | None, weights: Weights | None, trial: Trial | None, machine: dict[str, Any]
) -> list[Check]:
    on_gpu = trial.device == "cuda" if trial is not None else bool(machine.get("cuda"))
    found = []
    need = None
    if trial is not None:
        need = trial.peak_memory
    elif on_gpu:
        need = weights.memory_beside_gpu() if weights is not None else None
    elif base is not None:
        need = round(base.train_memory_gb * 1e9)
    elif weights is not None:
        need = weights.memory()
    if need is not None:
        found.append(memory_check(need, free_memory(), total_memory(), measured=trial is not None))
    total = int(machine.get("device_memory") or 0)
    if on_gpu and total and weights is not None:
        there = trial.peak_device_memory if trial is not None else None
        found.append(
            memory_check(
                there or weights.gpu_memory(),
                int(machine.get("device_memory_free") or total),
                total,
                measured=there is not None,
                what="memory on the graphics card",
            )
        )
    return found


def _rooms(
    shelf: Shelf, base: Base | None, weights: Weights | None, method: str, rank: int, *, is_ready: bool
) -> list[Room]:
    """Return what goes to which disk: the run folder, the shelf, and the base where it is still to be put together."""
    runs = paths.data_folder() / "runs"
    device, free = disk_of(runs)
    # Of a base that is not here yet only the size is known.
    size = base.size if base is not None else 0
    rooms = [Room("the run folders", device, weights.run_bytes(method, rank) if weights else 4 * size, free)]
    shelf_device, shelf_free = disk_of(shelf.folder)
    # On one disk the model on the shelf is another name of the run's files.
    if shelf_device != device:
        need = weights.shelf_bytes(method, rank) if weights else 2 * size
        rooms.append(Room("the models", shelf_device, need, shelf_free))
    if not is_ready:
        cache_device, cache_free = disk_of(paths.cache_folder())
        rooms.append(Room("the base model", cache_device, size, cache_free))
    return rooms
