"""Put llama.cpp's own converter of Hugging Face folders into the environment: `python packaging/llama_converter.py`.

It is part of llama.cpp's source and of no wheel. The package on PyPI that is named like the script is somebody
else's: it is never used. What is taken is the folder vendor/llama.cpp of the source distribution of
llama-cpp-python in the pinned version, which pip fetches (from its cache, where llama.cpp was just built from it)
and compares with the pinned hash. It lies in the environment, outside the source tree:
`<environment>/share/stancedesk/llama.cpp`. Where it is there already, nothing is fetched. Standard library only.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

PINNED = Path(__file__).with_name("llama-cpp-source.txt")
TARGET = Path(sys.prefix) / "share" / "stancedesk" / "llama.cpp"
# Beside the converter it needs the package of its kinds of model, and gguf as it was at that commit.
TAKEN = ("convert_hf_to_gguf.py", "conversion", "gguf-py/gguf", "LICENSE")
INSIDE = ("vendor", "llama.cpp")
MARK = "SOURCE"
PACKAGE = "llama_cpp_python"


def main() -> int:
    """Fetch the converter unless it is there; return the exit status."""
    pinned = _pinned()
    mark = TARGET / MARK
    if mark.is_file() and mark.read_text(encoding="utf-8") == pinned:
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="stancedesk-") as folder:
            take(_fetch(Path(folder)), TARGET, pinned)
    except (subprocess.CalledProcessError, OSError, tarfile.TarError, LookupError) as error:
        # Everything else works without it.
        print(
            f"llama.cpp's converter could not be fetched: {error}\nWithout it no base model can be made from a "
            "Hugging Face folder. Run `make setup` again, or: python packaging/llama_converter.py",
            file=sys.stderr,
        )
        return 1
    return 0


def take(archive: Path, target: Path, pinned: str) -> None:
    """Unpack the converter from the source distribution; the target is whole or as it was."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with tarfile.open(archive) as source:
        for member in source:
            inner = _wanted(member.name)
            data = source.extractfile(member) if inner is not None and member.isfile() else None
            if inner is None or data is None:
                continue
            out = partial.joinpath(*inner.parts)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(data.read())
    missing = [name for name in TAKEN if not (partial / name).exists()]
    if missing:
        raise LookupError(f"{archive.name} holds no {missing[0]}")
    (partial / MARK).write_text(pinned, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _wanted(name: str) -> PurePosixPath | None:
    """Return where a member of the archive goes, relative to the target; None for what is not taken."""
    parts = PurePosixPath(name).parts
    if parts[1:3] != INSIDE or ".." in parts:
        return None
    inner = PurePosixPath(*parts[3:])
    return inner if any(inner.is_relative_to(taken) for taken in TAKEN) else None


def _fetch(folder: Path) -> Path:
    words = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", PACKAGE]
    words += ["--require-hashes", "--dest", str(folder), "--requirement", str(PINNED)]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    return next(folder.glob(f"{PACKAGE}-*.tar.gz"))


def _pinned() -> str:
    lines = PINNED.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    raise SystemExit(main())
