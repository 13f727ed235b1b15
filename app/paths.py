"""Where StanceDesk keeps what is not a study: settings, the shelf, run folders, caches.

`STANCEDESK_HOME` in the environment puts all of it under one folder: for tests, portable installations
and clusters.
"""

import os
from pathlib import Path

_NAME = "stancedesk"


def data_folder() -> Path:
    """Return the folder of what cannot be made again: models and run folders."""
    return _folder("data")


def cache_folder() -> Path:
    """Return the folder of what can be made again."""
    return _folder("cache")


def config_folder() -> Path:
    """Return the folder of the settings."""
    return _folder("config")


def shelf_folder() -> Path:
    """Return the folder of the fine-tuned models."""
    return data_folder() / "models"


def _folder(kind: str) -> Path:
    home = os.environ.get("STANCEDESK_HOME")
    if home:
        return Path(home).expanduser() / kind
    import platformdirs

    folders = {
        "data": platformdirs.user_data_path,
        "cache": platformdirs.user_cache_path,
        "config": platformdirs.user_config_path,
    }
    return folders[kind](_NAME, appauthor=False)
