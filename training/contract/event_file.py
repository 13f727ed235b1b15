"""Reading a file of events while another process writes it."""

from pathlib import Path
from typing import Any

from training.contract.events import parse_event


class EventFile:
    """Follows a growing file of JSON lines; lines that are no events (a library's print) are passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """Return the events that were completed since the last call, in order."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._position)
                new = file.read()
        except OSError:
            return []
        self._position += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        events = (parse_event(line.decode("utf-8", errors="replace")) for line in lines)
        return [event for event in events if event is not None]
