"""AMX units are used where llama.cpp was built to survive that, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest

from app import doctor
from app.inference import engine, machine


@pytest.fixture
def has_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let llama.cpp say that it uses AMX, whatever this machine has."""
    monkeypatch.setattr(
        machine.load_llama(), "llama_print_system_info", lambda: b"AVX2 = 1 | AMX_INT8 = 1 | "
    )


def test_without_amx_there_is_nothing_to_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.load_llama(), "llama_print_system_info", lambda: b"AVX2 = 1 | ")
    assert not machine.has_unsafe_tiles()


@pytest.mark.parametrize(("mark", "unsafe"), [("llama_backend_init", False), ("no_such_symbol", True)])
def test_the_mark_of_the_build_decides(
    has_amx: None, monkeypatch: pytest.MonkeyPatch, tiny_llama: Path, mark: str, unsafe: bool
) -> None:
    monkeypatch.setattr(machine, "_MARK", mark)
    monkeypatch.setattr(engine, "has_unsafe_tiles", machine.has_unsafe_tiles)
    llama = machine.load_llama()
    load, asked = llama.llama_model_load_from_file, []

    def note(path: bytes, params: Any) -> Any:
        asked.append(params.use_extra_bufts)
        return load(path, params)

    monkeypatch.setattr(llama, "llama_model_load_from_file", note)
    assert machine.has_unsafe_tiles() is unsafe
    with engine.Engine(tiny_llama) as opened:
        assert opened.vocabulary_size > 0
    assert asked == [not unsafe]


def test_the_doctor_tells_the_faster_way(has_amx: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_MARK", "no_such_symbol")
    assert any("AMX" in sentence for sentence in doctor.examine()["missing"])
