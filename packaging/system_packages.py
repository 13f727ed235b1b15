"""Say which system packages are missing, or install them.

Without words: names what is missing and how to get it; exit status 1 where something is. ``--install``
installs the missing ones with apt-get (as root, Debian and Ubuntu). Standard library only: it runs before
anything is installed.
"""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_name("system-packages.txt")


class SystemPackage(NamedTuple):
    """One line of the list."""

    name: str
    probe: str
    purpose: str


def read_list() -> list[SystemPackage]:
    """Return the packages of the list."""
    lines = [
        line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    return [SystemPackage(*(part.strip() for part in line.split("|"))) for line in lines]


def is_there(package: SystemPackage) -> bool:
    """Look for what a package brings, so that another system's package of another name counts, too."""
    kind, _, what = package.probe.partition(":")
    if kind == "command":
        return shutil.which(what) is not None
    if kind == "module":
        return importlib.util.find_spec(what) is not None
    if kind == "library":
        try:
            ctypes.CDLL(what)
        except OSError:
            return False
        return True
    if shutil.which("fc-list") is None:
        return False
    fonts = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=False).stdout
    return what in fonts


def main(words: list[str]) -> int:
    """Name or install what is missing."""
    if sys.platform != "linux":
        return 0
    missing = [package for package in read_list() if not is_there(package)]
    if not missing:
        return 0
    names = [package.name for package in missing]
    if "--install" in words:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=environment)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names],
            check=True,
            env=environment,
        )
        return 0
    print("StanceDesk needs a few packages of your system that are not here yet:\n", file=sys.stderr)
    for package in missing:
        print(f"  {package.name:24} {package.purpose}", file=sys.stderr)
    print(
        f"\nInstall them, then run make again:\n\n  sudo apt-get install {' '.join(names)}\n", file=sys.stderr
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
