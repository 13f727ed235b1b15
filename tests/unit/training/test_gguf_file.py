"""GGUF files: read as they are, copied exactly, refused when broken."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from training.errors import TrainingError
from training.gguf_file import GGUFFile, row_bytes


def test_a_copy_without_changes_is_the_same_file(small_base: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.gguf"
    GGUFFile(small_base).copy(copy, {})
    assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(small_base.read_bytes()).digest()


def test_keys_and_numbers_are_those_that_the_format_s_own_library_reads(small_base: Path) -> None:
    ours, theirs = GGUFFile(small_base), GGUFReader(small_base)
    for name in (
        "general.architecture",
        "llama.block_count",
        "llama.rope.freq_base",
        "tokenizer.ggml.tokens",
    ):
        assert ours.value(name) == theirs.fields[name].contents()
    assert list(ours.tensors) == [tensor.name for tensor in theirs.tensors]
    for tensor in theirs.tensors:
        expected = dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_array_equal(ours.numbers(tensor.name), expected)
    np.testing.assert_array_equal(
        ours.rows("token_embd.weight", [300, 7]), ours.numbers("token_embd.weight")[[300, 7]]
    )


def test_a_replaced_tensor_and_the_file_type_are_all_that_changes(small_base: Path, tmp_path: Path) -> None:
    original, path = GGUFFile(small_base), tmp_path / "copy.gguf"
    name = "blk.0.ffn_norm.weight"
    numbers = original.numbers(name) * 2
    original.copy(path, {name: (0, lambda: numbers.view(np.uint8))}, values={"general.file_type": 7})
    copy = GGUFFile(path)
    assert copy.value("general.file_type") == 7
    assert {key: copy.value(key) for key in copy.head.keys if key != "general.file_type"} == {
        key: original.value(key) for key in original.head.keys if key != "general.file_type"
    }
    np.testing.assert_array_equal(copy.numbers(name), numbers)
    for other in original.tensors:
        if other != name:
            np.testing.assert_array_equal(copy.bytes_of(other), original.bytes_of(other))


@pytest.mark.parametrize("content", [b"", b"GGUF", b"not a model at all, but a text that is long enough"])
def test_a_file_that_is_no_gguf_is_told_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"broken\.gguf"):
        GGUFFile(path)


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.999])
def test_a_file_cut_anywhere_is_told_in_a_sentence(small_base: Path, tmp_path: Path, share: float) -> None:
    whole = small_base.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(TrainingError, match="only part of one"):
        GGUFFile(path)


def test_counts_that_cannot_be_are_told_in_a_sentence(small_base: Path, tmp_path: Path) -> None:
    content = bytearray(small_base.read_bytes())
    content[8:16] = struct.pack("<Q", 2**60)
    path = tmp_path / "counts.gguf"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="only part of one"):
        GGUFFile(path)


def test_a_file_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="is not at"):
        GGUFFile(tmp_path / "none.gguf")


def test_a_width_that_does_not_fit_the_blocks_of_a_type_is_refused() -> None:
    assert row_bytes(2, 64) == 36
    with pytest.raises(ValueError, match="33 is not a multiple of 32"):
        row_bytes(2, 33)


def test_a_copy_that_fails_leaves_no_file(small_base: Path, tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        GGUFFile(small_base).copy(tmp_path / "copy.gguf", {}, check=fail)
    assert list(tmp_path.iterdir()) == []
