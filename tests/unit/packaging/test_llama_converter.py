"""llama.cpp's converter: from the source of the pinned version, only what is needed, where the program looks for it."""

import importlib.util
import io
import re
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from app.study import conversion
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "llama_converter", ROOT / "packaging" / "llama_converter.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def archive(path: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w:gz") as out:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            out.addfile(member, io.BytesIO(name.encode()))
    return path


def test_the_version_is_the_one_that_is_installed_and_its_hash_is_pinned(script: ModuleType) -> None:
    pinned = re.fullmatch(r"(llama_cpp_python==[\d.]+) --hash=sha256:[0-9a-f]{64}", script._pinned())
    assert pinned is not None
    assert pinned.group(1) in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_it_lies_where_the_program_looks_for_it(script: ModuleType) -> None:
    assert conversion.converter() == script.TARGET / "convert_hf_to_gguf.py"


def test_only_the_converter_is_taken(script: ModuleType, tmp_path: Path) -> None:
    root = "llama_cpp_python-1/vendor/llama.cpp"
    names = ["convert_hf_to_gguf.py", "LICENSE", "conversion/llama.py", "gguf-py/gguf/lazy.py"]
    others = ["gguf-py/tests/x.py", "src/llama.cpp", "../../escape.py", "conversion/../../out.py"]
    source = archive(tmp_path / "s.tar.gz", [f"{root}/{name}" for name in names + others])
    target = tmp_path / "share" / "llama.cpp"
    script.take(source, target, "pinned")
    assert {str(f.relative_to(target)) for f in target.rglob("*") if f.is_file()} == {*names, "SOURCE"}
    assert [f.name for f in target.parent.iterdir()] == ["llama.cpp"]


def test_a_source_without_it_leaves_what_was_there(script: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "llama.cpp"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(LookupError, match="convert_hf_to_gguf"):
        script.take(archive(tmp_path / "s.tar.gz", ["x-1/vendor/llama.cpp/LICENSE"]), target, "pinned")
    assert (target / "old").is_file()
