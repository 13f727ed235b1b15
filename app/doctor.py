"""What this machine can do, and what is missing."""

import importlib.metadata
import os
import platform
import shutil
import sys
from typing import Any

import psutil

from app import __version__, paths

_SHOWN = (
    "PySide6-Essentials",
    "sqlalchemy",
    "pandas",
    "llama-cpp-python",
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
)


def examine() -> dict[str, Any]:
    """Return facts about the machine and the installation, and `missing`: what to do, a sentence each."""
    from app.study.shelf import Shelf
    from app.study.training_process import probe

    training = probe()
    inference = _inference()
    data = paths.data_folder()
    report: dict[str, Any] = {
        "stancedesk": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "cores": psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "free_disk_gb": round(shutil.disk_usage(_existing(data)).free / 1e9, 1),
        "data_folder": str(data),
        "packages": {name: _version(name) for name in _SHOWN},
        "inference": inference,
        "training": training,
        "bases": {base.name: base.available for base in Shelf().bases()},
        "display": bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
        or sys.platform in ("win32", "darwin"),
    }
    report["missing"] = _missing(report)
    return report


def in_words(report: dict[str, Any]) -> str:
    """Return the examination as text for people."""
    training = report["training"]
    if training.get("cuda"):
        trains = f"yes, QLoRA on the GPU {training.get('device', '')}".rstrip()
    elif training.get("torch"):
        trains = f"yes, LoRA on the processor ({'bf16' if training.get('bf16') else 'fp32'})"
    else:
        trains = "no"
    inference = report["inference"]
    classifies = f"yes, on the {inference['device']}" if inference["available"] else "no"
    lines = [
        f"StanceDesk {report['stancedesk']}, Python {report['python']}, {report['system']}",
        f"{report['cores']} cores, {report['memory_gb']} GB memory, {report['free_disk_gb']} GB disk free",
        f"Models, runs and reports: {report['data_folder']}",
        "",
        f"Labelling:       {'yes' if report['display'] else 'no display here; commands only'}",
        f"Classification:  {classifies}",
        f"Training:        {trains}",
        "Base models:     "
        + ", ".join(f"{name} ({'ready' if ready else 'missing'})" for name, ready in report["bases"].items()),
    ]
    if report["missing"]:
        lines += ["", "To mend:", *(f"  - {sentence}" for sentence in report["missing"])]
    else:
        lines += ["", "Nothing is missing."]
    return "\n".join(lines)


def _inference() -> dict[str, Any]:
    version = _version("llama-cpp-python")
    if version is None:
        return {"available": False, "device": None, "unused_gpu": False, "unused_amx": False}
    from app.inference.machine import device, has_unsafe_tiles, has_unused_gpu

    return {
        "available": True,
        "device": device(),
        "unused_gpu": has_unused_gpu(),
        "unused_amx": has_unsafe_tiles(),
    }


def _missing(report: dict[str, Any]) -> list[str]:
    from app.inference.machine import UNUSED_GPU, UNUSED_GPU_STEP
    from app.study.conversion import converter
    from app.study.shelf import Shelf

    missing = []
    inference = report["inference"]
    if not inference["available"]:
        missing.append('Classification needs llama.cpp, in the source folder: pip install ".[inference]".')
    if not report["training"].get("torch"):
        told = report["training"].get("message")
        missing.append(told or 'Training needs PyTorch, in the source folder: pip install ".[training]".')
    if inference["device"] == "CPU" and (inference["unused_gpu"] or report["training"].get("cuda")):
        missing.append(f"{UNUSED_GPU} {UNUSED_GPU_STEP}")
    if inference["unused_amx"]:
        missing.append(
            "Classification could be faster with this processor's AMX units. In the source folder: "
            "CXXFLAGS=\"-include '$PWD/packaging/llama-cpp-amx.h'\" pip install --force-reinstall --no-cache-dir "
            "-c constraints.txt llama-cpp-python."
        )
    # A base that is downloaded when somebody wants it is nothing to mend.
    bases = [base for base in Shelf().bases() if base.source != "hub" and not base.available]
    missing += [f"Base model {base.name}: {base.missing}" for base in bases]
    if report["training"].get("torch") and not converter().is_file():
        missing.append(
            "Bases from Hugging Face folders need llama.cpp's converter, in the source folder: "
            "python packaging/llama_converter.py."
        )
    if report["free_disk_gb"] < 5:
        missing.append("Less than 5 GB of disk are free; training a model needs about that much.")
    return missing


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _existing(folder: Any) -> Any:
    while not folder.exists():
        folder = folder.parent
    return folder
