"""A run that was trained on another machine comes back: looked at, taken home, and made a served model.

The folder comes from outside and is trusted with nothing. Files are taken by the names that training gives them,
links are not followed, and each is checked in our own copy: JSON, GGUF and safetensors, nothing that could run.
Settings, tweets and the base model are those of this machine: what came must only fit them.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.inference.model_file import sha256
from app.study import runs
from app.study.base_models import BaseFile
from app.study.conductor import Conductor, Events, TrainedModel
from app.study.returned_files import Refused, ReturnedFiles
from app.study.run_export import BASE_NAME
from app.study.served_model import FORMS
from app.study.shelf import Shelf, link_or_copy
from app.study.study import Study
from training.contract.events import make_event
from training.contract.fingerprint import fingerprint
from training.contract.run_folder import RunFolder
from training.contract.spec import SpecError, TrainingSpec


def bring_back(
    study: Study, folder: Path, on_event: Events, stop: Callable[[], bool], shelf: Shelf | None = None
) -> TrainedModel | None:
    """Take a trained run folder in and put its model on the shelf, as at the end of a training here.

    The folder itself is left as it is. Returns None where it was stopped: the run can be brought back again then,
    as after each `UserError`: no run of this study, not finished, files missing, broken or not what they should be.
    """
    shelf = shelf or Shelf()
    files = ReturnedFiles(folder)
    on_event(make_event("stage", stage="prepare", message="Looking at the run folder that came back."))
    try:
        run = _run_of(study, files)
        home = RunFolder(Path(run.folder))
        spec = TrainingSpec.read(home.spec)
        _require_same_classes(study, spec)
        _require_finished(files, run.name)
        base = _base_of(run, spec, files, home, shelf)
        _take_home(files, home, spec, base)
    except Refused as reason:
        raise UserError(
            f"The run folder {folder.name} cannot be brought back: {reason}",
            "Copy it anew, or train it again.",
        ) from reason
    except OSError as error:
        raise UserError(
            f"The run folder {folder.name} could not be brought back: {error.strerror or error}.",
            "Free some disk space and check the folder's permissions, then try again.",
        ) from error
    # It was trained; the rest is what follows any training. Where it is cut off it is elsewhere still.
    conductor = Conductor(study, run, base, shelf, on_event, stop, lambda: runs.ELSEWHERE)
    return conductor.conduct(again=True)


def _run_of(study: Study, files: ReturnedFiles) -> runs.Run:
    """Return the run that the folder is of: equal settings and rows."""
    came = files.fingerprint()
    known = runs.list_runs(study)
    # Of two with equal settings and rows the one that is waited for.
    for run in sorted(known, key=lambda run: run.status != runs.ELSEWHERE):
        home = RunFolder(Path(run.folder))
        try:
            same = fingerprint(TrainingSpec.read(home.spec), home) == came
        except (SpecError, OSError):
            continue
        if same and run.status == "finished":
            raise UserError(
                f"This run has come to its end: its model is “{run.name}”.", "There is nothing to bring back."
            )
        if same:
            return run
    raise UserError(
        "This folder is of no training of this study, or its settings or tweets were changed.",
        "Choose the run folder that was exported from this study on this machine.",
    )


def _require_same_classes(study: Study, spec: TrainingSpec) -> None:
    if [leaf.code for leaf in study.codebook.leaves] != spec.leaves:
        raise UserError(
            f"The codebook was changed since: the run was trained on the classes {', '.join(spec.leaves)}.",
            "Train anew on the present classes.",
        )


def _require_finished(files: ReturnedFiles, name: str) -> None:
    outcome, step, steps = files.progress()
    if outcome == "finished":
        return
    far = f" It stands at step {step} of {steps}." if step else ""
    raise UserError(
        f"The training of “{name}” has not come to its end.{far}",
        "Start it again on the other machine, with the same line: it goes on from where it was.",
    )


def _base_of(
    run: runs.Run, spec: TrainingSpec, files: ReturnedFiles, home: RunFolder, shelf: Shelf
) -> BaseFile:
    """Return the very base model that the run was written for, wherever this machine has it."""
    path = str(run.spec.get("base_path") or "")
    wanted = [run.base] if run.base in {base.name for base in shelf.bases()} else []
    for name in [*wanted, path]:
        try:
            found = shelf.base_file(name)
        except UserError:
            continue
        if found.sha256 == spec.base_sha256:
            return found
    own = home.path / BASE_NAME
    for name in (BASE_NAME, f"{home.model.name}/adapter/{BASE_NAME}"):
        if files.has(name):
            files.copy(name, own)
            if sha256(own) == spec.base_sha256:
                return BaseFile(
                    run.base, own, spec.base_sha256, "as given by its publisher", "", "as in its file"
                )
            own.unlink()
    raise UserError(
        f"The base model {run.base} is needed to check the model, and is not on this machine.",
        f"Put its file back at {path}, or leave {BASE_NAME} in the run folder.",
    )


def _take_home(files: ReturnedFiles, home: RunFolder, spec: TrainingSpec, base: BaseFile) -> None:
    """Copy what training left into the run's own folder, checked, the scores last."""
    incoming = RunFolder(home.path / "incoming")
    shutil.rmtree(incoming.path, ignore_errors=True)
    try:
        metrics = files.metrics(spec.leaves)
        probabilities = files.probabilities(home.validation, len(spec.leaves))
        # Trained scales are the base's own: there is one form only.
        for form in FORMS if metrics["method"] != "scales" else ("single",):
            _take_form(files, form, incoming.model / form, base)
        files.take_trained(incoming.adapter)
        for part in (home.model, home.adapter):
            shutil.rmtree(part, ignore_errors=True)
        incoming.model.rename(home.model)
        if incoming.adapter.is_dir():
            incoming.adapter.rename(home.adapter)
        _write(home.environment, files.environment())
        _write(home.validation_probabilities, probabilities)
        # All at once, not appended: it may be brought back a second time.
        lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in files.events()]
        home.events.write_text("".join(lines), encoding="utf-8")
        _write(home.metrics, metrics)
    finally:
        shutil.rmtree(incoming.path, ignore_errors=True)


def _take_form(files: ReturnedFiles, form: str, target: Path, base: BaseFile) -> None:
    name = f"model/{form}"
    target.mkdir(parents=True)
    if files.has(f"{name}/adapter.gguf"):
        files.take_gguf(f"{name}/adapter.gguf", target / "adapter.gguf", base.path)
        # The base that it is served with is this machine's own.
        link_or_copy(base.path, target / BASE_NAME)
    else:
        files.take_gguf(f"{name}/model.gguf", target / "model.gguf", base.path)


def _write(path: Path, values: Any) -> None:
    partial = path.with_name(f".{path.name}.{int(time.time())}.partial")
    partial.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
