"""Texts are put into batches: each once, none too full, and few tokens wasted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.packing import pack


@given(st.lists(st.integers(1, 60), max_size=200), st.integers(1, 20))
def test_each_text_is_in_one_batch_that_holds_it(lengths: list[int], batch_texts: int) -> None:
    batches = list(pack(lengths, 60, batch_texts))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= batch_texts
        assert sum(lengths[i] for i in batch) <= 60


def test_gaps_are_filled_with_what_fits() -> None:
    assert list(pack([50, 10, 30, 20, 12], 60, 8)) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("length", [0, 61])
def test_what_fits_no_batch_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        list(pack([5, length], 60, 8))
