"""The end of a log, to be shown."""

from pathlib import Path


def tail(path: Path, most: int = 4000) -> str:
    """Return the end of a log, at most so many bytes of it; "" where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - most))
            return file.read().decode("utf-8", errors="replace").strip()
    except OSError:
        return ""
