"""What the user chose, kept between sessions. Only what differs from the default is written."""

import contextlib
import json
import logging
import math
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from app import paths
from app.study.costs import Assumptions

MOST_RECENT = 8
THEMES = ("system", "light", "dark")

_log = logging.getLogger(__name__)


@dataclass
class Settings:
    """The settings; each field's default is what a new user gets."""

    recent_studies: list[str] = field(default_factory=list)
    theme: str = "system"
    coder: str = ""
    blind: bool = True
    geometry: str = ""
    inspector: bool = True
    # What each coder chose to label next, by study: {"study's uuid/coder": QueueChoice.as_dict()}.
    queues: dict[str, Any] = field(default_factory=dict)
    hide_author: bool = False
    label_keys: dict[str, str] = field(default_factory=dict)
    # What a million tweets cost: Assumptions.changed(), and the speed that was measured last (0: none yet).
    costs: dict[str, Any] = field(default_factory=dict)
    tweets_per_second: float = 0.0

    @classmethod
    def load(cls) -> "Settings":
        """Return the settings of the last session; what cannot be read or is not known is left at its default."""
        path = _file()
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            _log.warning("The settings in %s cannot be read: %s", path, error)
            return cls()
        defaults = asdict(cls())
        known: dict[str, Any] = {}
        for name, value in values.items() if isinstance(values, dict) else ():
            if name in defaults and type(value) is type(defaults[name]):
                known[name] = value
            else:
                _log.warning("The setting %r is not known and is dropped.", name)
        settings = cls(**known)
        if settings.theme not in THEMES:
            settings.theme = "system"
        keys = settings.label_keys.items()
        settings.label_keys = {n: k for n, k in keys if isinstance(n, str) and isinstance(k, str) and k}
        settings.costs = Assumptions.from_dict(settings.costs).changed()
        if not 0 <= settings.tweets_per_second < math.inf:
            settings.tweets_per_second = 0.0
        settings.recent_studies = [s for s in settings.recent_studies if isinstance(s, str)][:MOST_RECENT]
        return settings

    def save(self) -> None:
        """Write what differs from the defaults; where that fails it is logged, and nothing else is harmed."""
        default = Settings()
        changed = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if getattr(self, f.name) != getattr(default, f.name)
        }
        path = _file()
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(changed, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            _log.warning("The settings cannot be written: %s", error)
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def remember_study(self, path: Path) -> None:
        """Put a study first among the recent ones."""
        name = str(path.resolve())
        self.recent_studies = [name, *(s for s in self.recent_studies if s != name)][:MOST_RECENT]


def _file() -> Path:
    return paths.config_folder() / "settings.json"
