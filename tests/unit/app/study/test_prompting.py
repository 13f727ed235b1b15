"""Untrained models: the prompt, what is checked before, and the place on the shelf."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import UserError
from app.inference.chat_template import ChatTurns
from app.inference.engine import Engine
from app.inference.model_file import PROMPT, ModelFile, ModelFileError, sha256
from app.study import (
    classification,
    evaluation_report,
    importing,
    models,
    predictions,
    prompting,
    sealing,
    untrained_trial,
)
from app.study.codebook import Codebook
from app.study.prompting import SYSTEM, Untrained, compose, find_base, make_prompt, place
from app.study.shelf import Shelf
from app.study.study import Study
from tests.small_base import embedded_base, write_small_base
from training.contract.prompt import encode_prompt
from training.contract.spec import Row

from ..inference.conftest import write_tiny
from .conftest import LEAVES

EXAMPLE = Row("1", "Let them  in! https://t.co/abc", "en", "pro")
TURNS = ChatTurns("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", False)


@pytest.fixture(scope="module")
def chat() -> Path:
    """A real chat model with its template."""
    return embedded_base()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model with random weights, without a template."""
    return write_tiny(
        tmp_path_factory.mktemp("tiny") / "llama.gguf", embedded_base(), "llama", layers=2, window=0
    )


@pytest.fixture
def labelled(study: Study, write: Callable[..., Path]) -> Iterator[Study]:
    """Return a study with four labelled tweets of each class, and four without a label."""
    rows = ["id,text,lang,label"]
    rows += [f"{leaf}{n},A tweet that is {leaf} number {n},en,{leaf}" for leaf in LEAVES for n in range(4)]
    rows += [f"x{n},Not labelled {n},en," for n in range(4)]
    importing.import_file(study, write("\n".join(rows)))
    yield study


def _on_shelf(study: Study, base: Path, examples: int = 0, seed: int = 1) -> prompting.Placed:
    untrained = compose(study, str(base), examples, seed)
    return place(Shelf(), untrained, untrained_trial.check(untrained))


def test_the_prompt_holds_the_codebook_the_examples_and_the_cue() -> None:
    codebook = Codebook.default()
    prompt = make_prompt(codebook, [EXAMPLE], None)
    assert prompt.prefix.startswith(SYSTEM)
    for leaf, letter in zip(codebook.leaves, "ABCD", strict=True):
        assert f"Class {letter}: " in prompt.prefix
        assert leaf.definition.strip() in prompt.prefix
        assert all(example in prompt.prefix for example in leaf.examples)
    assert "Class A: Immigration / Pro" in prompt.prefix
    assert prompt.prefix.endswith("Tweet:\nLet them in! http\nClass: A\n\nTweet:\n")
    assert (prompt.opening, prompt.cue, prompt.closing) == ("", "\nClass:", "")


def test_a_chat_model_is_asked_in_its_turns() -> None:
    codebook = Codebook.default()
    without = make_prompt(codebook, [], TURNS)
    assert without.prefix.startswith(SYSTEM)
    assert not make_prompt(codebook, [], replace(TURNS, has_system=True)).prefix.startswith(SYSTEM)
    assert (without.opening, without.closing, without.cue) == (TURNS.opening, TURNS.closing, "Class:")


def test_turns_become_special_tokens_and_words_of_a_tweet_never_do(chat: Path) -> None:
    prompt = make_prompt(Codebook.default(), [replace(EXAMPLE, text="<|im_end|> hi")], TURNS)
    with Engine(chat, vocabulary_only=True) as engine:
        start, end = (engine.tokenize(t, special=True).tolist() for t in ("<|im_start|>", "<|im_end|>"))
        assert len(start) == len(end) == 1
        encoded = encode_prompt(
            prompt,
            lambda text: engine.tokenize(text).tolist(),
            start[0],
            lambda text: engine.tokenize(text, special=True).tolist(),
        )
        # The template wrote the begin-of-sequence token itself: it stands there once.
        assert encoded.before.count(start[0]) == 1
        assert encoded.before[0] == start[0]
        assert end[0] not in encoded.before
        assert encoded.after.count(end[0]) == 1
        assert end[0] not in encoded.text_tokens("<|im_end|> A")


@pytest.mark.parametrize("kind", ["chat", "windows"])
def test_only_the_leaves_are_answered_and_a_shared_prompt_answers_as_each_alone(
    labelled: Study, chat: Path, tmp_path: Path, kind: str
) -> None:
    import llama_cpp

    if kind == "chat":
        base = write_small_base(tmp_path / "base.gguf")
    else:
        base = write_tiny(tmp_path / "base.gguf", chat, "gemma3", layers=7, window=32)
    untrained = compose(labelled, str(base), 2)
    assert bool(untrained.prompt.opening) == (kind == "chat")
    # Its end alone, which is longer than the window all the same.
    untrained = replace(untrained, prompt=replace(untrained.prompt, prefix=untrained.prompt.prefix[-800:]))
    texts = ["Send them back", "Refugees welcome", "The weather is fine", "Wetter\n<|im_end|>"]
    with untrained_trial.open_untrained(untrained, untrained_trial.check(untrained)) as classifier:
        together = classifier.classify(texts)
        tokens = classifier.encoded.leaf_tokens
        ids = [classifier.encoded.ids(text) for text in texts]
    assert np.allclose(together.sum(axis=1), 1, atol=1e-5)
    llama = llama_cpp.Llama(str(base), n_ctx=4096, n_batch=4096, n_threads=2, swa_full=True, verbose=False)
    for sequence, ours in zip(ids, together, strict=True):
        llama.reset()
        llama._ctx.kv_cache_clear()
        llama.eval(sequence)
        logits = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
        raised = np.exp(np.array([logits[token] for token in tokens]))
        assert np.abs(ours - raised / raised.sum()).max() < 0.02
    llama.close()


def test_the_same_model_is_one_entry_and_another_prompt_another(labelled: Study, tiny: Path) -> None:
    first = _on_shelf(labelled, tiny)
    assert (first.name, first.is_new) == ("llama, zero-shot", True)
    assert _on_shelf(labelled, tiny) == replace(first, is_new=False)
    four = _on_shelf(labelled, tiny, 4)
    assert four.name == "llama, 4 examples"
    assert four.card.data["examples"]
    assert four.card.languages == {"en": 4}
    other = _on_shelf(labelled, tiny, 4, seed=2)
    assert other.name == "llama, 4 examples (2)"
    hashes = {sha256(Shelf().model(one.name).trained) for one in (first, four, other)}
    assert len(hashes) == 3
    entry = next(m for m in Shelf().models() if m.name == four.name)
    assert (entry.form, entry.base, entry.problem) == ("prompted", "llama", "")
    assert entry.size == tiny.stat().st_size


def test_another_codebook_makes_another_model(labelled: Study, tiny: Path) -> None:
    untrained = compose(labelled, str(tiny))
    card = untrained_trial.check(untrained)
    place(Shelf(), untrained, card)
    changed = replace(untrained, codebook=untrained.codebook.replace('version = "1"', 'version = "2"'))
    placed = place(Shelf(), changed, untrained_trial.check(changed))
    assert (placed.name, placed.is_new) == ("llama, zero-shot (2)", True)


def test_it_classifies_like_any_other_and_its_examples_are_never_scored(
    labelled: Study,
    tiny: Path,
) -> None:
    placed = _on_shelf(labelled, tiny, 4)
    report = classification.classify_study(labelled, placed.name)
    assert (report.selected, report.predicted) == (20, 20)
    known = models.get(labelled, placed.name)
    assert known.card["prompt"]["prefix"] == placed.card.prompt["prefix"]
    assert sum(sum(one.values()) for one in predictions.per_language(labelled, known.id).values()) == 20
    scores = evaluation_report.evaluate(labelled, placed.name)
    assert scores is not None
    assert scores["rows"] == "unseen"
    assert scores["overall"]["n"] == 16 - 4


def test_a_score_on_the_sealed_test_set_is_counted_as_a_look(
    labelled: Study,
    tiny: Path,
    write: Callable[..., Path],
) -> None:
    importing.import_file(labelled, write("id,text,lang,label\nt1,A sealed tweet,en,pro", "t.csv"), test=True)
    placed = _on_shelf(labelled, tiny)
    scores = evaluation_report.evaluate(labelled, placed.name)
    assert scores is not None
    assert scores["rows"] == "test"
    assert [look.model for look in sealing.sealed_set(labelled).looks] == [placed.name]


def test_a_file_that_moved_is_told_and_found_again(labelled: Study, tiny: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "my.gguf", tmp_path / "elsewhere" / "my.gguf"
    here.write_bytes(tiny.read_bytes())
    placed = _on_shelf(labelled, here)
    there.parent.mkdir()
    here.rename(there)
    with pytest.raises(UserError, match=r"no longer at .*my\.gguf"):
        Shelf().model(placed.name)
    assert _on_shelf(labelled, there) == replace(placed, is_new=False)
    assert Shelf().model(placed.name).gguf == there
    there.write_bytes(there.read_bytes() + b"\0")
    with pytest.raises(UserError, match="was changed"):
        classification.classify_study(labelled, placed.name)


def test_damaged_files_of_an_untrained_model_are_told(labelled: Study, tiny: Path) -> None:
    placed = _on_shelf(labelled, tiny)
    (Shelf().folder / placed.name / PROMPT).write_text("{", encoding="utf-8")
    with pytest.raises(ModelFileError, match="damaged"):
        ModelFile.open(Shelf().folder / placed.name)
    assert "damaged" in Shelf().models()[0].problem


def test_a_prompt_longer_than_the_context_is_told_in_a_sentence(
    labelled: Study,
    chat: Path,
    tmp_path: Path,
) -> None:
    long = "\n".join(f"Rule {n}: {'this is how it is coded ' * 20}" for n in range(40))
    toml = labelled.codebook.to_toml().replace(
        "The author is against", f"{long} The author is against".replace("\n", " ")
    )
    untrained = compose(labelled, str(write_tiny(tmp_path / "short.gguf", chat, "llama", layers=1, window=0)))
    prompt = make_prompt(Codebook.from_toml(toml), [], None)
    with pytest.raises(UserError, match=r"too long for short: .* at most 4,096"):
        untrained_trial.check(replace(untrained, prompt=prompt))


def test_what_cannot_be_asked_is_refused(labelled: Study, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no base model"):
        compose(labelled, str(tmp_path / "nothing.gguf"))
    with pytest.raises(UserError, match="0 to 64"):
        compose(labelled, str(tiny), 65)
    words = tmp_path / "words.gguf"
    words.write_text("only words, no model in it")
    with pytest.raises(UserError, match="not a GGUF"):
        find_base(str(words))


def test_without_labels_there_are_no_examples(study: Study, tiny: Path) -> None:
    with pytest.raises(UserError, match="No labelled tweet"):
        compose(study, str(tiny), 4)
    assert compose(study, str(tiny)).title == "llama, zero-shot"


def test_a_trial_shows_random_tweets_and_writes_nothing(labelled: Study, tiny: Path) -> None:
    untrained = compose(labelled, str(tiny), 4)
    events: list[dict[str, Any]] = []
    trial = untrained_trial.run(labelled, untrained, number=10, on_event=events.append)
    assert trial is not None
    in_prompt = {row.id for row in untrained.examples}
    assert not in_prompt & {one.id for one in trial.tried}
    assert len({one.id for one in trial.tried}) == len(trial.tried) == 10
    assert trial.compared[1] >= 5
    assert all(one.predicted in LEAVES and 0.25 <= one.confidence <= 1 for one in trial.tried)
    assert trial.as_dict()["card"]["form"] == "prompted"
    assert [event["stage"] for event in events if event["event"] == "stage"] == ["load", "classify"]
    assert models.list_models(labelled) == []
    assert untrained_trial.run(labelled, untrained, stop=lambda: True) is None


def test_a_blind_coder_sees_no_label_of_others(labelled: Study, tiny: Path) -> None:
    untrained = compose(labelled, str(tiny), 2)
    trial = untrained_trial.run(labelled, untrained, number=6, coder="Mia")
    assert trial is not None
    assert {one.label for one in trial.tried} == {""}
    hidden = prompting.hidden_labels(labelled, untrained, "Mia")
    assert hidden == {row.id for row in untrained.examples}
    assert untrained.preview(hidden).count("hidden until you have labelled it") == 2
    assert "hidden" not in untrained.preview()


def test_sealed_tweets_are_never_tried(study: Study, tiny: Path, write: Callable[..., Path]) -> None:
    importing.import_file(study, write("id,text,lang,label\n1,Sealed,en,pro"), test=True)
    with pytest.raises(UserError, match="no tweets to try"):
        untrained_trial.run(study, compose(study, str(tiny)))


def test_the_preview_is_the_prompt_with_places_for_tweet_and_answer(labelled: Study, chat: Path) -> None:
    untrained: Untrained = compose(labelled, str(chat))
    text = untrained.preview()
    assert text.startswith("<|im_start|>system\n" + SYSTEM)
    assert text.endswith("Tweet:\n‹tweet›<|im_end|>\n<|im_start|>assistant\nClass: ‹A | B | C | D›")
