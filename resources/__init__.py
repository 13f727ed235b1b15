"""The one door to the files that come with the program: codebooks, base models, icons, the sample study.

Everything is read through `importlib.resources`, so that it works from source, installed and frozen alike.
A name that does not exist is a bug and raises `LookupError`.
"""

from contextlib import AbstractContextManager
from functools import cache
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

INK = "#000"
"""The one colour of the monochrome icons, which `icon_bytes` replaces."""

APP_ICON = "stancedesk"
"""The name of the program's own icon: the only one with colours of its own."""


def default_codebook_text() -> str:
    """Return the default codebook (immigration: pro, anti, neutral, unrelated) as TOML."""
    return _file("codebooks", "immigration.toml").read_text(encoding="utf-8")


def models_toml_text() -> str:
    """Return the list of known base models as TOML."""
    return _file("models.toml").read_text(encoding="utf-8")


def elsewhere_text(name: str) -> str:
    """Return a file that goes with a run to another machine: README.txt, requirements.txt or train.slurm.

    What stands between two @ in it is to be filled in.
    """
    return _file("elsewhere", name).read_text(encoding="utf-8")


def sample_study_bytes() -> bytes:
    """Return the sample study: a UTF-8 CSV of invented tweets with their labels."""
    return _file("sample_study", "tweets.csv").read_bytes()


def second_coder_bytes() -> bytes:
    """Return what a second, invented coder says of some of the sample tweets: a UTF-8 CSV of id and label."""
    return _file("sample_study", "second_coder.csv").read_bytes()


def sample_study_file() -> AbstractContextManager[Path]:
    """Return a context whose value is the path of the sample study's CSV, for those who read files.

    The path is promised within the context only: in an archive it is a temporary copy.
    """
    return as_file(_file("sample_study", "tweets.csv"))


@cache
def icon_names() -> tuple[str, ...]:
    """Return the names of all icons, in alphabetical order."""
    icons = files(__name__).joinpath("icons").iterdir()
    return tuple(sorted(icon.name.removesuffix(".svg") for icon in icons if icon.name.endswith(".svg")))


@cache
def icon_bytes(name: str, colour: str = INK) -> bytes:
    """Return an icon as SVG (24 by 24 units), its lines in the given `#rgb` or `#rrggbb` colour.

    The program's own icon keeps its colours.
    """
    if name not in icon_names():
        raise LookupError(f"There is no icon named {name!r}.")
    svg = _file("icons", f"{name}.svg").read_text(encoding="utf-8")
    if name != APP_ICON:
        svg = svg.replace(f'"{INK}"', f'"{colour}"')
    return svg.encode("utf-8")


def _file(*parts: str) -> Traversable:
    found = files(__name__).joinpath(*parts)
    if not found.is_file():
        raise LookupError(f"The program lacks its own file {'/'.join(parts)}.")
    return found
