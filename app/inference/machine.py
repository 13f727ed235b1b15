"""What llama.cpp computes on here: processor or GPU, and what it was built to use."""

import ctypes
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

# What to tell where `has_unused_gpu`, and the next step.
UNUSED_GPU = "There is a GPU, but llama.cpp was built without it: classification runs on the processor."
UNUSED_GPU_STEP = (
    'Rebuild it: CMAKE_ARGS="-DGGML_CUDA=on" pip install --force-reinstall --no-cache-dir llama-cpp-python.'
)
# The mark that the header leaves: see `has_unsafe_tiles`.
_MARK = "stancedesk_amx_tiles"
_PROCESSOR = Path("/proc/cpuinfo")
_NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")
_ANSWER_SECONDS = 2.0


def load_llama() -> Any:
    """Return the module `llama_cpp`.

    Its threads wait asleep for one another. Left alone they wait by spinning, which takes the processor from whoever
    else works on it, and from the thread that they wait for. On two cores, 60 tweets with Gemma 3 270M: asleep it was a
    tenth faster beside two busy loops, 1.2 to 2.1 times as fast beside tests and a training, as fast when alone.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import llama_cpp

    return llama_cpp


def device() -> str:
    """Return `GPU` where llama.cpp was built for one that is here, else `CPU`."""
    return "GPU" if load_llama().llama_supports_gpu_offload() else "CPU"


def is_amd() -> bool:
    """Tell whether the processor is one of AMD's."""
    try:
        told = _PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = platform.processor()
    return "AuthenticAMD" in told


def has_tiles() -> bool:
    """Tell whether llama.cpp uses the processor's AMX units."""
    return b"AMX_INT8 = 1" in load_llama().llama_print_system_info()


def has_unsafe_tiles() -> bool:
    """Tell whether llama.cpp would use the processor's AMX units and was not built so that it survives that.

    `packaging/llama-cpp-amx.h` tells why, and leaves a mark in what is built with it. Without the mark, weights are not
    laid out for AMX: half as fast on such a processor, and no crash.
    """
    if not has_tiles():
        return False
    try:
        ctypes.c_int.in_dll(load_llama().llama_cpp._lib, _MARK)
    except ValueError:
        return True
    return False


def has_unused_gpu() -> bool:
    """Tell whether an NVIDIA GPU is here that this llama.cpp cannot use; False where there is no llama.cpp."""
    try:
        return device() == "CPU" and _has_nvidia_gpu()
    except ImportError:
        return False


def _has_nvidia_gpu(listed: Path = _NVIDIA_GPUS) -> bool:
    """Tell whether the system lists an NVIDIA GPU, in two seconds at most. `listed`: a folder with one entry each."""
    try:
        if any(listed.iterdir()):
            return True
    except OSError:
        # Other systems than Linux, and containers, have no such folder.
        pass
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    try:
        told = subprocess.run(
            [program, "-L"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ANSWER_SECONDS,
            # On Windows a console would flash up.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return told.returncode == 0 and b"GPU" in told.stdout
