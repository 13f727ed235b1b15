"""What this machine can train with, and what a run uses of it."""

import importlib.metadata
import importlib.util
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.contract.cores import physical_cores
from training.errors import TrainingError

NEEDED = ("torch", "transformers", "safetensors", "gguf", "llama_cpp", "numpy", "psutil")
_PACKAGES = (
    "torch",
    "transformers",
    "safetensors",
    "gguf",
    "llama-cpp-python",
    "bitsandbytes",
    "numpy",
    "psutil",
)


@dataclass(frozen=True)
class Plan:
    """How a run computes: device, method (scales, lora or qlora), precision (bf16 or fp32), attention, threads."""

    device: str
    method: str
    precision: str
    attention: str
    threads: int


def missing_packages() -> list[str]:
    """Return the packages that training needs and that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def probe() -> dict[str, Any]:
    """Return what this machine offers, as plain values. Never raises for what is missing."""
    found: dict[str, Any] = {
        "torch": None,
        "cuda": False,
        "device": processor(),
        "bf16": processor_has_bf16(),
        "cores": physical_cores(),
        "memory": None,
        "bitsandbytes": importlib.util.find_spec("bitsandbytes") is not None,
        "missing": missing_packages(),
    }
    if "psutil" not in found["missing"]:
        import psutil

        found["memory"] = psutil.virtual_memory().total
    if "torch" not in found["missing"]:
        try:
            import torch

            found["torch"] = torch.__version__
            found["cuda"] = torch.cuda.is_available()
            if found["cuda"]:
                found["device"] = torch.cuda.get_device_name()
                found["bf16"] = torch.cuda.is_bf16_supported()
                found["device_memory_free"] = torch.cuda.mem_get_info()[0]
                found["device_memory"] = torch.cuda.get_device_properties(0).total_memory
        except Exception as error:  # a broken driver or library: an answer, not a traceback
            found["error"] = f"{type(error).__name__}: {error}"
    return found


def plan(method: str, precision: str, *, scales: bool = False) -> Plan:
    """Choose how to compute from the settings and from what the machine has.

    Left to itself a CUDA GPU trains by QLoRA (nf4, bitsandbytes), a CPU by LoRA: 4-bit arithmetic saves memory but
    is slower there. `scales`: whether the base has blocks whose scales can be trained, for the method of that
    name. bf16 where the hardware computes in it: on a 2-core EPYC with avx512_bf16 a step of 16 tweets of
    Gemma-3-270M took 1.4 s in bf16 and 2.7 s in fp32. Eager attention was 6% faster than the fused one on the
    CPU (tweets are short).
    """
    import torch

    cuda = torch.cuda.is_available()
    has_bitsandbytes = importlib.util.find_spec("bitsandbytes") is not None
    if method == "qlora" and not has_bitsandbytes:
        raise TrainingError("QLoRA needs the package bitsandbytes. Install it, or choose the method “lora”.")
    if method == "auto":
        method = "qlora" if cuda and has_bitsandbytes else "lora"
    if method == "scales" and not scales:
        raise TrainingError(
            "The base model is not in a 4-bit type whose scales can be trained. Choose the method “lora”."
        )
    if precision == "auto":
        can = torch.cuda.is_bf16_supported() if cuda else processor_has_bf16()
        precision = "bf16" if can else "fp32"
    return Plan("cuda" if cuda else "cpu", method, precision, "sdpa" if cuda else "eager", physical_cores())


def identity() -> str:
    """Return what a measured speed belongs to: the processor or GPU, how much of it, and the library."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else processor()
    return f"{device}, {physical_cores()} cores, PyTorch {torch.__version__}"


def environment() -> dict[str, Any]:
    """Return the versions of the libraries and the kind of machine, for `environment.json`."""
    versions: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "packages": versions,
        **{key: value for key, value in probe().items() if key not in ("missing", "torch")},
    }


def peak_memory() -> int:
    """Return the most memory that this process has held so far, in bytes."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def memory_now(device: str) -> int:
    """Return the memory that this process holds now, in bytes: the GPU's where it computes there."""
    if device == "cuda":
        import torch

        return int(torch.cuda.memory_allocated())
    import psutil

    return int(psutil.Process().memory_info().rss)


def processor() -> str:
    """Return the processor's name."""
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def processor_has_bf16() -> bool:
    """Whether the processor computes in bfloat16 itself; emulated, it would be slower than float32."""
    for line in _cpuinfo():
        if line.startswith(("flags", "Features")):
            flags = line.partition(":")[2].split()
            return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(flags))
    return False


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
