"""A model on disk: found, checked before llama.cpp sees it, its card written and read."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.inference.engine import Engine
from app.inference.gguf_file import rewrite
from app.inference.model_file import ModelCard, ModelFile, ModelFileError, read_card, sha256, write_card
from training.contract.gguf_head import GGUFError, read_head

from .conftest import REPOSITORY, make_card, write_adapter


@pytest.fixture
def model(tiny_llama: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    folder.mkdir()
    return Path(shutil.copy(tiny_llama, folder / "model.gguf"))


@pytest.fixture
def with_adapter(tiny_llama: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "adapter form"
    folder.mkdir()
    shutil.copy(tiny_llama, folder / "base.gguf")
    write_adapter(folder / "adapter.gguf", tiny_llama)
    return folder


def test_a_folder_and_its_file_are_the_same_model(model: Path) -> None:
    assert ModelFile.open(model) == ModelFile.open(model.parent)
    assert ModelFile.open(model) == ModelFile(model, None, None, model.stat().st_size)


def test_an_adapter_is_found_with_the_base_beside_it(with_adapter: Path) -> None:
    opened = ModelFile.open(with_adapter)
    assert opened == ModelFile.open(with_adapter / "adapter.gguf")
    assert (opened.gguf.name, opened.adapter, opened.form) == (
        "base.gguf",
        with_adapter / "adapter.gguf",
        "adapter",
    )
    assert opened.trained == with_adapter / "adapter.gguf"
    assert opened.size == sum(file.stat().st_size for file in with_adapter.iterdir())


def test_any_single_gguf_in_a_folder_will_do(model: Path) -> None:
    model.rename(model.with_name("other name.gguf"))
    assert ModelFile.open(model.parent).gguf.name == "other name.gguf"


def test_folders_that_hold_no_model_say_so(with_adapter: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelFileError, match=r"The folder empty holds no model file"):
        ModelFile.open(empty)
    with pytest.raises(ModelFileError, match="There is no model at"):
        ModelFile.open(tmp_path / "nowhere.gguf")
    (with_adapter / "base.gguf").rename(with_adapter / "elsewhere.gguf")
    with pytest.raises(ModelFileError, match=r"not its base model, base\.gguf"):
        ModelFile.open(with_adapter)
    with pytest.raises(ModelFileError, match=r"is an adapter\. It needs the base model"):
        ModelFile.open(with_adapter / "adapter.gguf")
    for name in ("one.gguf", "two.gguf"):
        (empty / name).write_bytes(b"GGUF")
    with pytest.raises(ModelFileError, match="holds 2 model files"):
        ModelFile.open(empty)


def test_two_models_do_not_make_an_adapter(model: Path, with_adapter: Path) -> None:
    shutil.copy(model, with_adapter / "adapter.gguf")
    with pytest.raises(ModelFileError, match=r"adapter\.gguf is no adapter"):
        ModelFile.open(with_adapter)


@pytest.mark.parametrize("form", ["single", "adapter"])
def test_a_card_comes_back_as_it_was_written(form: str, model: Path, with_adapter: Path) -> None:
    opened = ModelFile.open(model if form == "single" else with_adapter)
    head = read_head(opened.trained)
    tensors, data = head.tensors, opened.trained.read_bytes()[head.data :]
    before = {name: head.value(name) for name in head.keys}
    card = make_card(
        opened.gguf,
        name="estudio “uno” 🌍",
        form=form,
        calibration={"temperature": 1.5, "bias": [0.1, -0.1, 0.0, 0.0]},
        base={"name": "tiny", "sha256": "0" * 64, "licence": "Apache-2.0"},
        languages={"es": 3, "ar": 12},
        parity={"flips": 1},
    )
    for name in ("first", "second and longer, in place of the first"):
        card.name = name
        write_card(opened.trained, card)
    assert read_card(opened.trained) == card
    assert ModelFile.open(opened.trained.parent).card == card

    after = read_head(opened.trained)
    assert after.value("stancedesk.leaves") == ["pro", "anti", "neutral", "unrelated"]
    assert after.value("stancedesk.languages") == ["ar", "es"]
    assert after.value("stancedesk.licence") == "Apache-2.0"
    assert after.value("stancedesk.name") == card.name
    assert {n: after.value(n) for n in after.keys if not n.startswith("stancedesk.")} == before
    assert after.tensors == tensors
    assert opened.trained.read_bytes()[after.data :] == data
    assert not list(opened.trained.parent.glob("*.partial"))
    with Engine(opened.gguf, opened.adapter) as engine:
        assert engine.vocabulary_size == len(read_head(opened.gguf).value("tokenizer.ggml.tokens"))


def test_the_rewritten_file_is_one_for_other_readers_too(with_adapter: Path) -> None:
    from gguf import GGUFReader

    adapter = with_adapter / "adapter.gguf"
    write_card(adapter, make_card(with_adapter / "base.gguf"))
    reader = GGUFReader(adapter)
    assert reader.get_field("adapter.type").contents() == "lora"
    assert reader.get_field("stancedesk.leaves").contents()[0] == "pro"
    assert [t.name for t in reader.tensors] == [t.name for t in read_head(adapter).tensors]


def test_a_failed_rewrite_leaves_the_file_whole(model: Path) -> None:
    before = model.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        rewrite(model, {"stancedesk.name": "\ud800"}, "stancedesk.")
    assert model.read_bytes() == before
    assert [file.name for file in model.parent.iterdir()] == ["model.gguf"]


def test_a_card_of_a_later_version_is_read_and_a_broken_one_told(model: Path) -> None:
    card = make_card(model).as_dict()
    assert ModelCard.from_dict(card | {"invented_later": 1}).as_dict() == card
    for broken in (
        {},
        [],
        card | {"leaf_tokens": [1]},
        card | {"form": "triple"},
        card | {"leaves": ["one"]},
    ):
        with pytest.raises(ModelFileError, match="card is incomplete"):
            ModelCard.from_dict(broken)
    rewrite(model, {"stancedesk.card": "{half"}, "stancedesk.")
    with pytest.raises(ModelFileError, match=r"The model card in model\.gguf is damaged"):
        ModelFile.open(model)


def test_hashing_a_file(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def _break(kind: str, whole: bytes, head_size: int) -> bytes:
    noise = random.Random(3)
    match kind:
        case "empty":
            return b""
        case "text":
            return b"id,text,lang\n1,hola,es\n" * 100
        case "magic alone":
            return b"GGUF"
        case "magic and noise":
            return b"GGUF" + noise.randbytes(100_000)
        case "version, then noise":
            return whole[:24] + noise.randbytes(100_000)
        case "endless counts":
            return whole[:8] + b"\xff" * 16 + whole[24:]
        case "a head cut short":
            return whole[: head_size // 2]
        case "half of it":
            return whole[: len(whole) // 2]
        case "its last byte missing":
            return whole[:-1]
        case "version 9":
            return whole[:4] + b"\x09\0\0\0" + whole[8:]
        case _:
            raise AssertionError(kind)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("empty", "is empty"),
        ("text", "is not a GGUF model file"),
        ("magic alone", "is too short to be a GGUF"),
        ("magic and noise", "GGUF file of version"),
        ("version, then noise", "damaged or was only copied in part"),
        ("endless counts", "damaged or was only copied in part"),
        ("a head cut short", "damaged or was only copied in part"),
        ("half of it", "damaged or was only copied in part"),
        ("its last byte missing", "damaged or was only copied in part"),
        ("version 9", "of version 9"),
    ],
)
def test_a_gguf_that_is_none_is_told_in_a_sentence(
    kind: str, sentence: str, tiny_llama: Path, tmp_path: Path
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(_break(kind, tiny_llama.read_bytes(), read_head(tiny_llama).data))
    with pytest.raises(ModelFileError, match=sentence) as caught:
        ModelFile.open(path)
    assert str(caught.value).startswith("broken.gguf ")
    with pytest.raises(GGUFError):
        rewrite(path, {"stancedesk.name": "x"}, "stancedesk.")


def test_a_real_file_cut_short_is_told(smollm: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    with open(smollm, "rb") as file:
        path.write_bytes(file.read(50_000_000))
    with pytest.raises(ModelFileError, match="damaged or was only copied in part"):
        ModelFile.open(path)


_LOAD = """
import sys
from pathlib import Path
from app.inference.engine import Engine, InferenceError
from app.inference.model_file import ModelFile, ModelFileError
for path in map(Path, sys.argv[1:]):
    try:
        model = ModelFile.open(path)
        with Engine(model.gguf, model.adapter):
            print("loaded")
    except (ModelFileError, InferenceError) as error:
        print(type(error).__name__)
"""


def test_flipped_bytes_never_end_the_process(tiny_llama: Path, tmp_path: Path) -> None:
    """Damage anywhere in the head or the weights: an error or a model, in a process that ends by itself."""
    whole = tiny_llama.read_bytes()
    keys = read_head(tiny_llama).keys
    noise = random.Random(5)
    # Where damage hurts most: the hyper-parameters first, then the tensors' names, shapes and types.
    small = [
        k for name, k in keys.items() if not name.startswith("tokenizer.ggml.to") and "merges" not in name
    ]
    infos = read_head(tiny_llama).infos
    places = [noise.randrange(k.value, k.end) for k in small] + [noise.randrange(*infos) for _ in range(12)]
    paths = []
    for number, place in enumerate(places):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        paths.append(path)
    answers = []
    for start in range(0, len(paths), 10):
        ended = subprocess.run(
            [sys.executable, "-c", _LOAD, *map(str, paths[start : start + 10])],
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, (ended.returncode, ended.stdout, ended.stderr[-2000:])
        answers += ended.stdout.split()
    assert len(answers) == len(paths)
    assert "ModelFileError" in answers and "InferenceError" in answers
