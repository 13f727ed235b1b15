"""How models are run fastest on this machine: measured once for each kind of model, then remembered.

What counts is the model's size and form and the machine, not what the model learnt: every fine-tuning of one base is
as fast as the last.
"""

import contextlib
import json
import logging
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import paths
from app.inference.engine import InferenceError
from app.inference.tuning import Tuning

if TYPE_CHECKING:
    from app.inference.classifier import Classifier
    from app.inference.model_file import ModelFile

# Fewer texts than these are classified sooner than it takes to find out how they would be fastest.
LEAST_TEXTS = 2000
# Of what is tried: what was measured with less is measured anew.
_VERSION = 6
# Of so many kinds of models; the oldest are forgotten.
_MOST = 100

_log = logging.getLogger(__name__)


def tuned(
    classifier: "Classifier",
    model: "ModelFile",
    texts: int,
    tell: Callable[[], None],
    stop: Callable[[], bool] = lambda: False,
) -> Tuning:
    """Let a classifier run as it is fastest here, and return how that is.

    What is not known is measured first, after `tell` was called, where there are so many `texts` that it pays.
    """
    key = _key(classifier, model)
    known = _read()
    if key in known:
        with contextlib.suppress(ValueError):
            found = Tuning.from_dict(known[key])
            try:
                classifier.use(found)
            except InferenceError as error:
                _log.warning("The model is run as it is stored: %s", error)
                classifier.use(replace(found, weights=""))
            return classifier.tuning
    if texts >= LEAST_TEXTS:
        tell()
        found = classifier.tune(stop)
        if not stop():
            _write({**known, key: asdict(found)})
    return classifier.tuning


def unfolded_folder() -> Path:
    """Return the folder of weights that are unfolded for llama.cpp (`app.inference.unfolding`)."""
    return paths.cache_folder() / "unfolded"


def _key(classifier: "Classifier", model: "ModelFile") -> str:
    """Return what the speed depends on: model, beginning that all texts share, libraries, machine."""
    parts = (
        _VERSION,
        model.gguf.stat().st_size,
        model.adapter.stat().st_size if model.adapter else 0,
        len(classifier.encoded.before),
        classifier.device,
        *(_version(package) for package in ("llama-cpp-python", "torch")),
        platform.machine(),
        platform.processor(),
        classifier.engine.threads,
        os.cpu_count(),
    )
    return "/".join(str(part) for part in parts)


def _version(package: str) -> str:
    """Return the version of a package; of PyTorch, which classification can do without, perhaps none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _file() -> Path:
    return paths.cache_folder() / "tunings.json"


def _read() -> dict[str, Any]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(known: dict[str, Any]) -> None:
    path = _file()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    kept = dict(list(known.items())[-_MOST:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        _log.warning("How the model is run fastest cannot be remembered: %s", error)
