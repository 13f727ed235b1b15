"""Batches: every row once, in an order that the seed fixes, padded without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.training.conftest import LEAVES
from training.batches import Example, by_length, collate, encode_rows, order, thin
from training.contract.prompt import EncodedPrompt
from training.contract.spec import Row
from training.errors import TrainingError

EXAMPLES = st.lists(st.integers(1, 60), min_size=1, max_size=90).map(
    lambda lengths: [Example(i, tuple(range(1, n + 1)), i % 4, "en") for i, n in enumerate(lengths)]
)


@given(EXAMPLES, st.integers(1, 16), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_holds_every_row_once_and_is_fixed_by_its_seed(
    examples: list[Example], size: int, seed: int, epoch: int
) -> None:
    batches = order(examples, size, seed, epoch)
    assert sorted(example.row for batch in batches for example in batch) == list(range(len(examples)))
    assert len(batches) == -(-len(examples) // size)
    assert batches == order(list(examples), size, seed, epoch)
    assert all(0 < len(batch) <= size for batch in batches)


def test_rows_of_like_length_come_together_and_epochs_differ() -> None:
    examples = [Example(i, (1,) * (1 + i * 7 % 50), 0, "en") for i in range(320)]
    batches = order(examples, 16, seed=1, epoch=0)
    padding = sum(len(b) * max(len(e.ids) for e in b) for b in batches) / sum(len(e.ids) for e in examples)
    assert padding < 1.1
    assert batches != order(examples, 16, seed=1, epoch=1)
    assert batches != order(examples, 16, seed=2, epoch=0)


@given(EXAMPLES)
def test_padding_keeps_every_token_and_knows_the_last(examples: list[Example]) -> None:
    batch = collate(examples, "cpu")
    for i, example in enumerate(examples):
        assert tuple(batch.ids[i][batch.mask[i].bool()].tolist()) == example.ids
        assert batch.ids[i, batch.last[i]] == example.ids[-1]
        assert batch.leaf[i] == example.leaf


@given(EXAMPLES, st.integers(1, 20))
def test_scoring_starts_with_the_longest(examples: list[Example], size: int) -> None:
    lengths = [len(example.ids) for batch in by_length(examples, size) for example in batch]
    assert lengths == sorted((len(example.ids) for example in examples), reverse=True)


def test_rows_become_the_prompt_s_tokens_and_empty_ones_are_left_out(encoded: EncodedPrompt) -> None:
    rows = [
        Row("1", "Hello  http://a.b", "en", "anti"),
        Row("2", " \n ", "en", "pro"),
        Row("3", "x", "es", "pro"),
    ]
    examples = encode_rows(rows, LEAVES, encoded)
    assert [(e.row, e.leaf, e.lang) for e in examples] == [(0, 1, "en"), (2, 0, "es")]
    assert list(examples[0].ids) == encoded.ids("Hello http")


def test_a_label_that_is_no_class_is_told(encoded: EncodedPrompt) -> None:
    with pytest.raises(TrainingError, match="“maybe”, which is no class"):
        encode_rows([Row("1", "x", "en", "maybe")], LEAVES, encoded)


def test_tokens_are_left_out_of_the_tweet_alone_and_others_each_epoch(encoded: EncodedPrompt) -> None:
    rows = [
        Row(str(n), f"word number {n} of many words that go on and on " * 3, "en", "pro") for n in range(40)
    ]
    whole = encode_rows([*rows, Row("short", "x", "en", "pro")], LEAVES, encoded)
    begin, end = len(encoded.before), len(encoded.after)
    thinned = thin(whole, encoded, 0.25, seed=1, epoch=0)
    lost = 0
    for before, after in zip(whole, thinned, strict=True):
        assert (before.row, before.leaf, before.lang) == (after.row, after.leaf, after.lang)
        assert after.ids[:begin] == before.ids[:begin] and after.ids[-end:] == before.ids[-end:]
        rest = iter(before.ids)
        assert all(token in rest for token in after.ids), "what is left keeps its order"
        assert len(after.ids) > begin + end
        lost += len(before.ids) - len(after.ids)
    text_tokens = sum(len(example.ids) - begin - end for example in whole)
    assert 0.2 < lost / text_tokens < 0.3
    assert thin(whole, encoded, 0.25, seed=1, epoch=0) == thinned
    assert thin(whole, encoded, 0.25, seed=1, epoch=1) != thinned
    assert thin(whole, encoded, 0.0, seed=1, epoch=0) == whole
