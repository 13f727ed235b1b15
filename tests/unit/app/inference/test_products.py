"""Products by either of PyTorch's libraries are the same numbers, and which one it is follows from the processor."""

from pathlib import Path

import numpy as np
import pytest

from app.inference import machine, products

pytest.importorskip("torch")


def has_packing() -> bool:
    import torch

    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("tokens", [1, 7, 300])
def test_products_are_those_of_the_matrix(packed: bool, tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    if packed and not has_packing():
        pytest.skip("this PyTorch has no oneDNN")
    monkeypatch.setattr(products, "packs", lambda: packed)
    random = np.random.default_rng(tokens)
    weights = random.standard_normal((48, 80)).astype(np.float32)
    states = random.standard_normal((tokens, 80)).astype(np.float32)
    with torch.inference_mode():
        found = products.Product(weights)(torch.from_numpy(states)).numpy()
    # More than the last bits of float32 would be another arithmetic.
    np.testing.assert_allclose(found, states.astype(np.float64) @ weights.T, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("told", "amd"),
    [
        ("vendor_id\t: AuthenticAMD\n", True),
        ("vendor_id\t: GenuineIntel\n", False),
        ("Processor\t: ARM\n", False),
    ],
)
def test_the_maker_of_the_processor_is_read(
    told: str, amd: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_by = tmp_path / "cpuinfo"
    told_by.write_text(told, encoding="utf-8")
    monkeypatch.setattr(machine, "_PROCESSOR", told_by)
    assert machine.is_amd() is amd


def test_where_the_system_keeps_no_such_file_the_interpreter_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_PROCESSOR", tmp_path / "none")
    monkeypatch.setattr("platform.processor", lambda: "AMD64 Family 25 Model 1 Stepping 1, AuthenticAMD")
    assert machine.is_amd()


@pytest.mark.parametrize("amd", [False, True])
def test_only_amds_processors_multiply_packed_weights(amd: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "is_amd", lambda: amd)
    assert products.packs.__wrapped__() is (amd and has_packing())
