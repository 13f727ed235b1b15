"""A model on disk, in one of its forms, and its card.

Single form: one 4-bit GGUF. Adapter form: the 4-bit base as `base.gguf` and the trained `adapter.gguf`
beside it. The file that was trained holds the card in its metadata: the whole of it as JSON under
`stancedesk.card`, and its main points under `stancedesk.*` for people who look with other programs.

Prompted form: an untrained model that is asked with a codebook. Nothing was trained, so there is no file to hold the
card: it lies by itself as `prompt.json`, and beside it `base.json` says where the model's own file lies. The
card's bytes tell such a model from every other, as a trained file's bytes do.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.inference.gguf_file import rewrite
from training.contract.gguf_head import GGUFError, GGUFHead, read_head

SINGLE, BASE, ADAPTER = "model.gguf", "base.gguf", "adapter.gguf"
PROMPT, BASE_PLACE = "prompt.json", "base.json"
FORMS = ("single", "adapter", "prompted")
_PREFIX = "stancedesk."
_CARD = _PREFIX + "card"


class ModelFileError(Exception):
    """A model cannot be opened or written; the message is a sentence for the user."""


@dataclass
class ModelCard:
    """What a fine-tuned model must be known by: what it answers, how it is asked, what it was made of.

    `data` is the fingerprint of its rows: `sha256` of the run's training and validation rows, `train` and
    `validation` how many there were.
    """

    name: str
    created: str
    codebook: str
    leaves: list[str]
    leaf_tokens: list[int]
    prompt: dict[str, Any]
    calibration: dict[str, Any] = field(default_factory=dict)
    base: dict[str, str] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    parity: dict[str, Any] = field(default_factory=dict)
    form: str = "single"
    quantisation: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the card as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "ModelCard":
        """Read what `as_dict` gave; raise `ModelFileError` where a field is missing.

        Fields of a later version are passed over.
        """
        try:
            known = {f.name for f in fields(cls)}
            card = cls(**{name: value for name, value in values.items() if name in known})
            if len(card.leaves) < 2 or len(card.leaf_tokens) != len(card.leaves) or card.form not in FORMS:
                raise ValueError("leaves")
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(
                "The model's card is incomplete. Train the model again, or fetch it anew."
            ) from error
        return card


@dataclass(frozen=True)
class ModelFile:
    """A model to load: `gguf` is the whole model or the base, `adapter` what was trained over it.

    `prompt` is the file with the card of an untrained model.
    """

    gguf: Path
    adapter: Path | None
    card: ModelCard | None
    size: int
    prompt: Path | None = None

    @property
    def form(self) -> str:
        """`single`, `adapter` or `prompted`."""
        if self.prompt is not None:
            return "prompted"
        return "single" if self.adapter is None else "adapter"

    @property
    def trained(self) -> Path:
        """The file that holds the card: the trained one, of an untrained model its prompt."""
        return self.prompt or self.adapter or self.gguf

    @classmethod
    def open(cls, path: Path) -> "ModelFile":
        """Find and check the model at `path`, a folder or a .gguf file; raise `ModelFileError` where none is.

        The files' heads are read and compared with their sizes (a fraction of a second); no weights are read.
        """
        path = Path(path)
        if (path / PROMPT).is_file():
            return _open_prompted(path)
        gguf, adapter = _find(path)
        head = _read(gguf)
        if head.value("general.type") == "adapter":
            if adapter is None and gguf.with_name(BASE).is_file():
                gguf, adapter = gguf.with_name(BASE), gguf
                head = _read(gguf)
            else:
                raise ModelFileError(
                    f"{gguf.name} is an adapter. It needs the base model that it was trained on beside it, "
                    f"as {BASE}."
                )
        if not head.tensors or head.value("general.architecture") is None:
            raise ModelFileError(f"{gguf.name} holds no language model. Choose another file.")
        adapter_head = None if adapter is None else _read(adapter)
        if adapter_head is not None and adapter_head.value("general.type") != "adapter":
            raise ModelFileError(
                f"{adapter_head.path.name} is no adapter. Choose the folder that training wrote."
            )
        trained = adapter_head or head
        return cls(gguf, adapter, _card(trained), head.size + (adapter_head.size if adapter_head else 0))


def read_card(path: Path) -> ModelCard | None:
    """Return the card in a GGUF file, or None where it holds none."""
    return _card(_read(Path(path)))


def write_card(path: Path, card: ModelCard) -> None:
    """Write the card into a GGUF file, in place of an older one; everything else in it stays as it is.

    The file is replaced in one step: whoever opens it meanwhile sees the old or the new one, never a half.
    """
    path = Path(path)
    readable: dict[str, str | Sequence[str]] = {
        "name": card.name,
        "created": card.created,
        "leaves": list(card.leaves),
        "languages": sorted(card.languages),
        "base": card.base.get("name", ""),
        "base_sha256": card.base.get("sha256", ""),
        "licence": card.base.get("licence", ""),
        "prompt_version": str(card.prompt.get("version", "")),
        "form": card.form,
        "quantisation": card.quantisation,
        "codebook": card.codebook,
        "metrics": json.dumps(card.metrics, ensure_ascii=False),
        "parity": json.dumps(card.parity, ensure_ascii=False),
        "card": json.dumps(card.as_dict(), ensure_ascii=False, allow_nan=False),
    }
    try:
        rewrite(path, {_PREFIX + name: value for name, value in readable.items()}, _PREFIX)
    except GGUFError as error:
        raise ModelFileError(f"{path.name} {error}. The model's card cannot be written.") from error
    except OSError as error:
        raise ModelFileError(
            f"The model's card cannot be written into {path.name}: {error.strerror}."
        ) from error


def write_prompted(folder: Path, gguf: Path, card: ModelCard) -> None:
    """Write an untrained model into a folder: its card, and where its file lies. Raises `OSError`."""
    place = {"gguf": str(gguf.resolve())}
    (folder / BASE_PLACE).write_text(json.dumps(place, ensure_ascii=False) + "\n", encoding="utf-8")
    text = json.dumps(card.as_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    (folder / PROMPT).write_text(text + "\n", encoding="utf-8")


def read_prompted(folder: Path) -> tuple[ModelCard, Path]:
    """Return an untrained model's card, and where its file lay; raise `ModelFileError` where these are damaged."""
    try:
        card = ModelCard.from_dict(json.loads((folder / PROMPT).read_text(encoding="utf-8")))
        return card, Path(json.loads((folder / BASE_PLACE).read_text(encoding="utf-8"))["gguf"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(
            f"The files of the untrained model in {folder.name} are damaged. Remove it and try the model anew."
        ) from error


def sha256(path: Path) -> str:
    """Return a file's SHA-256 as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """Return a file's SHA-256, computed once in this process as long as its size and time stay the same."""
    found = path.stat()
    return _sha256_as_of(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256_as_of(path: Path, size: int, changed: int) -> str:
    return sha256(path)


def _open_prompted(folder: Path) -> ModelFile:
    card, gguf = read_prompted(folder)
    if not gguf.is_file():
        raise ModelFileError(
            f"The file of this untrained model is no longer at {gguf}. Put it back there, or try the model anew."
        )
    return ModelFile(gguf, None, card, _read(gguf).size, folder / PROMPT)


def _find(path: Path) -> tuple[Path, Path | None]:
    if not path.is_dir():
        return path, None
    if (path / SINGLE).is_file():
        return path / SINGLE, None
    if (path / ADAPTER).is_file():
        if not (path / BASE).is_file():
            raise ModelFileError(f"The folder {path.name} has an adapter but not its base model, {BASE}.")
        return path / BASE, path / ADAPTER
    found = sorted(path.glob("*.gguf"))
    if len(found) != 1:
        what = "no model file (.gguf)" if not found else f"{len(found)} model files; choose one of them"
        raise ModelFileError(f"The folder {path.name} holds {what}.")
    return found[0], None


def _read(path: Path) -> GGUFHead:
    try:
        return read_head(path)
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no model at {path}.") from error
    except OSError as error:
        raise ModelFileError(f"{path.name} cannot be read: {error.strerror}.") from error
    except GGUFError as error:
        raise ModelFileError(f"{path.name} {error}. Choose another file, or fetch it anew.") from error


def _card(head: GGUFHead) -> ModelCard | None:
    text = head.value(_CARD)
    if text is None:
        return None
    try:
        values = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ModelFileError(
            f"The model card in {head.path.name} is damaged. Fetch or train the model anew."
        ) from error
    return ModelCard.from_dict(values)
