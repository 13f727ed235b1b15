"""A Hugging Face folder (config.json, safetensors, tokenizer) as a GGUF base.

llama.cpp's own converter writes the weights in 16 bits; llama.cpp then rounds them to the base's 4-bit type, so that
this base is what the embedded ones are: four bits from which training starts, beside which an adapter is served, and
whose embeddings the single file takes over. Nothing in the folder is run: pickled weights and code are refused, and
the converter sees no file but the safetensors and the tokenizer's, and no network.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from training.bases import Base
from training.contract.events import EventLog
from training.errors import TrainingError
from training.export import link_or_copy
from training.gguf_file import GGUFFile

# What transformers calls the kinds of model that can be trained here.
KINDS = ("LlamaForCausalLM", "Gemma3ForCausalLM")
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_TOKENIZER = ("tokenizer.json", "tokenizer.model")
_READ = (".json", ".safetensors", ".model", ".jinja")
_INDEX = "model.safetensors.index.json"
_LOG = "converter.log"
_LOOK_SECONDS = 0.5


def weights_of(folder: Path) -> list[Path]:
    """Check that a folder is a base that can be converted and return its safetensors.

    Raises `TrainingError` for what is missing, pickled, asks to run code or is of another kind.
    """
    name = folder.name
    config = _json(folder / "config.json")
    if config is None:
        raise TrainingError(
            f"The folder {name} holds no model: it has no config.json that can be read. Choose the folder with "
            "config.json, the safetensors and the tokenizer."
        )
    if any("auto_map" in (_json(folder / one) or {}) for one in ("config.json", "tokenizer_config.json")):
        raise TrainingError(
            f"The model in {name} brings program code of its own, which is never run here. Choose another base."
        )
    kinds = [str(kind) for kind in config.get("architectures") or []]
    if not set(kinds) & set(KINDS):
        raise TrainingError(
            f"The model in {name} is of the kind “{', '.join(kinds) or 'unknown'}”; StanceDesk trains "
            f"{' and '.join(KINDS)}. Choose another base."
        )
    if "quantization_config" in config:
        raise TrainingError(
            f"The weights in {name} are quantised already. Choose the model as its publisher trained it, in 16 bits."
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickled = [file for file in folder.iterdir() if file.suffix in _PICKLED]
        if pickled:
            raise TrainingError(
                f"The weights in {name} are pickled ({pickled[0].name}): opening such a file can run any code. "
                "Choose a folder with safetensors, which hold numbers only."
            )
        raise TrainingError(f"The folder {name} holds no weights (.safetensors). Fetch it again, whole.")
    index = _json(folder / _INDEX) or {}
    missing = sorted(
        {str(part) for part in (index.get("weight_map") or {}).values()} - {w.name for w in weights}
    )
    if missing:
        raise TrainingError(f"The folder {name} lacks {missing[0]}. Fetch it again, whole.")
    if not any((folder / one).is_file() for one in _TOKENIZER):
        raise TrainingError(f"The folder {name} holds no tokenizer ({' or '.join(_TOKENIZER)}).")
    return weights


def convert(
    folder: Path, target: Path, converter: Path, quantisation: str, events: EventLog
) -> dict[str, Any]:
    """Write the base in `folder` as the GGUF `target`; return its kind, layers, parameters and size in bytes.

    Files on the way there lie beside the target; they are deleted however it ends.
    """
    weights = weights_of(folder)
    size = sum(file.stat().st_size for file in weights)
    staged = target.with_name("folder")
    wide = target.with_name("wide.gguf")
    partial = target.with_name("rounded.gguf")
    try:
        _stage(folder, staged)
        events.write("stage", stage="convert", message="Converting the base to llama.cpp's format")
        _run_converter(converter, staged, wide, size, events)
        shutil.rmtree(staged)
        events.write("stage", stage="quantise", message=f"Rounding the base to four bits ({quantisation})")
        _quantise(wide, partial, quantisation, events)
        base = Base.open(GGUFFile(partial))
        partial.replace(target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        for file in (wide, partial, target.with_name(_LOG)):
            file.unlink(missing_ok=True)
    return {
        "architecture": base.architecture,
        "layers": base.layers,
        "parameters": sum(_numbers(tensor.shape) for tensor in base.file.tensors.values()),
        "size": target.stat().st_size,
        "quantisation": quantisation,
    }


def _stage(folder: Path, staged: Path) -> None:
    """Make a folder of links to what the converter may read."""
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    for file in folder.iterdir():
        if file.is_file() and file.suffix in _READ:
            link_or_copy(file, staged / file.name)


def _run_converter(converter: Path, folder: Path, out: Path, expected: int, events: EventLog) -> None:
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    environment.pop("NO_LOCAL_GGUF", None)
    log = out.with_name(_LOG)
    with open(log, "wb") as written:
        child = subprocess.Popen(
            [sys.executable, str(converter), str(folder), "--outfile", str(out), "--outtype", "auto"],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            while child.poll() is None:
                _tell_size(out, expected, "convert", events)
                time.sleep(_LOOK_SECONDS)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    said = log.read_text(encoding="utf-8", errors="replace")
    sys.stderr.write(said)
    if child.returncode or not out.is_file():
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "it ended without a word")
        raise TrainingError(
            f"llama.cpp's converter cannot convert this model ({last.strip()}). Choose another base, or a GGUF file "
            "of this one."
        )


def _quantise(wide: Path, out: Path, quantisation: str, events: EventLog) -> None:
    import llama_cpp

    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{quantisation}")
    status: list[int] = []
    # A thread, as the call comes back at its end only.
    work = threading.Thread(
        target=lambda: status.append(
            llama_cpp.llama_model_quantize(os.fsencode(wide), os.fsencode(out), parameters)
        ),
        daemon=True,
    )
    work.start()
    # From 16 bits to four and a half, the embeddings to six and a half.
    expected = round(wide.stat().st_size * 0.33)
    while work.is_alive():
        _tell_size(out, expected, "quantise", events)
        work.join(_LOOK_SECONDS)
    if status != [0]:
        raise TrainingError(
            f"llama.cpp cannot round this model to {quantisation}. Free some disk space, or choose another base."
        )


def _tell_size(out: Path, expected: int, stage: str, events: EventLog) -> None:
    with contextlib.suppress(OSError):
        done = out.stat().st_size // 1_000_000
        total = max(1, expected // 1_000_000)
        events.write("progress", stage=stage, done=min(done, total), total=total, unit="MB")


def _json(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _numbers(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product
