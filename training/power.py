"""What computing takes of the mains: measured where the machine has a meter that may be read, else assumed."""

import contextlib
import shutil
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

# Intel's and AMD's counters of energy (RAPL), one a processor package, in microjoules.
_RAPL = Path("/sys/class/powercap")
_SAMPLE_SECONDS = 0.3

# Lannelongue et al. 2021, Green Algorithms, https://doi.org/10.1002/advs.202100707: a core at work where the
# processor is not known, a GPU where it is not known, and memory. The means of their tables.
WATTS_A_CORE = 12.0
WATTS_A_GPU = 200.0
WATTS_A_GB = 0.3725

METER, GPU_METER, ASSUMED = "processor", "gpu", "assumed"


def assumed_watts(device: str, cores: int, memory_bytes: int) -> float:
    """Return the watts of a machine without a meter: its cores and memory at work, or its GPU and memory."""
    memory = WATTS_A_GB * memory_bytes / 1e9
    return (WATTS_A_GPU if device == "cuda" else cores * WATTS_A_CORE) + memory


class Meter:
    """Measures the mean power while it is entered. `watts` is None where nothing can be read.

    `source` tells what was read: the counters of the processors (memory and GPU not counted), or the GPU's.
    """

    def __init__(self, device: str, rapl: Path = _RAPL) -> None:
        self.watts: float | None = None
        self.source = ASSUMED
        self._joules_used = 0.0
        self._device = device
        self._rapl = rapl
        self._samples: list[float] = []
        self._ended = threading.Event()
        self._sampler: threading.Thread | None = None

    def __enter__(self) -> "Meter":
        if self._device == "cuda" and shutil.which("nvidia-smi"):
            self._sampler = threading.Thread(target=self._sample, name="power", daemon=True)
            self._sampler.start()
        self._before = _joules(self._rapl)
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = max(time.monotonic() - self._began, 1e-9)
        after = _joules(self._rapl)
        if self._sampler is not None:
            self._ended.set()
            self._sampler.join()
        if self._samples:
            self.watts, self.source = sum(self._samples) / len(self._samples), GPU_METER
        elif self._device == "cpu" and self._before and after.keys() == self._before.keys():
            # A counter that ran over in between counts from nought again: then nothing is known.
            used = [after[name] - self._before[name] for name in after]
            if min(used) >= 0 and sum(used) > 0:
                self._joules_used = sum(used)
                self.watts, self.source = self._joules_used / seconds, METER

    def _sample(self) -> None:
        query = ["nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
        while True:
            with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
                told = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
                self._samples.append(float(told.splitlines()[0]))
            if self._ended.wait(_SAMPLE_SECONDS):
                return


def _joules(rapl: Path) -> dict[str, float]:
    """Return {package: joules counted so far}; empty where there are none or they are root's alone."""
    try:
        return {
            zone.name: int((zone / "energy_uj").read_text()) / 1e6
            for zone in sorted(rapl.glob("*-rapl:*"))
            # Parts of a package (cores, memory) have a second number: they are counted with it.
            if zone.name.count(":") == 1
        }
    except (OSError, ValueError):
        return {}
