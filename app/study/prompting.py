"""Untrained models: a language model as it is, asked with the study's codebook, to try before much is labelled.

What makes such a model is its file and its prompt: the codebook's classes with their definitions and examples and,
where it is wanted, some labelled tweets. Both stand in its card, so that what it said can be had again and be
published. With another codebook or other examples it is another model, under a name of its own.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UserError
from app.inference.chat_template import ChatTurns, chat_turns
from app.inference.model_file import (
    ModelCard,
    ModelFile,
    ModelFileError,
    read_prompted,
    sha256,
    write_prompted,
)
from app.study import prompt_examples, seen_texts, tweets
from app.study.base_models import BaseFile, quantisation
from app.study.codebook import Codebook, Leaf
from app.study.seen_texts import SeenTexts
from app.study.shelf import Shelf
from app.study.study import Study
from db import tweets as queries
from training.contract.gguf_head import GGUFHead, read_head
from training.contract.prompt import ANSWER_CANDIDATES, Prompt, normalise
from training.contract.spec import Row

if TYPE_CHECKING:
    from app.inference.engine import Engine

SYSTEM = "You are a careful coder of tweets for a study in the social sciences."
_ASK = "Read the tweet and choose the one class that fits it best. Answer with the letter of the class alone."
_TEXT_TOKENS = 512


@dataclass(frozen=True)
class Untrained:
    """A model as it is with the prompt that it is asked with: all that its answers follow from, but no file yet."""

    base: BaseFile
    prompt: Prompt
    codebook: str
    leaves: tuple[str, ...]
    examples: tuple[Row, ...] = ()
    asked: int = 0
    seed: int = 0

    @property
    def title(self) -> str:
        """The name that it gets where that is free."""
        number = len(self.examples)
        shots = "zero-shot" if not number else "1 example" if number == 1 else f"{number} examples"
        return f"{self.base.name}, {shots}"

    def preview(self, hidden: Collection[str] = ()) -> str:
        """Return the prompt as the model sees it, with a place for the tweet.

        `hidden` are ids of examples whose labels the reader must not see.
        """
        prompt, prefix = self.prompt, self.prompt.prefix
        for row in self.examples:
            shown = _example(row, dict(zip(self.leaves, prompt.answers, strict=True))[row.label])
            if row.id in hidden:
                prefix = prefix.replace(shown, _example(row, " ‹hidden until you have labelled it›"))
        answers = " | ".join(answer.strip() for answer in prompt.answers)
        return f"{prompt.opening}{prefix}‹tweet›{prompt.closing}{prompt.cue} ‹{answers}›"


def find_base(name_or_path: str, shelf: Shelf | None = None) -> BaseFile:
    """Return a model's file by a base's name or a path; any kind of chat or base model that llama.cpp runs.

    Raises `UserError` where there is none, where it was fine-tuned here, or where it reads texts but writes none.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix.casefold() != ".gguf" or not path.is_file():
        return (shelf or Shelf()).base_file(name_or_path)
    try:
        model = ModelFile.open(path)
    except ModelFileError as error:
        raise UserError(str(error), "Choose another file.") from error
    if model.card is not None or model.adapter is not None:
        raise UserError(
            f"{path.name} was fine-tuned by StanceDesk, so it is asked without a codebook.",
            "Put it on the shelf (stancedesk models add) and choose it there.",
        )
    head = read_head(model.gguf)
    kind = head.value("general.architecture")
    if head.value(f"{kind}.attention.causal") is False:
        raise UserError(f"{path.name} turns texts into numbers and writes none.", "Choose a chat model.")
    licence = head.value("general.license")
    return BaseFile(
        _name_of(path, head),
        model.gguf.resolve(),
        sha256(model.gguf),
        str(licence or "as given by its publisher"),
        "",
        quantisation(head.value("general.file_type")),
    )


def compose(study: Study, base: str | BaseFile, examples: int = 0, seed: int = 1) -> Untrained:
    """Make the prompt for a model and a study; `examples` 0 is zero-shot. Nothing is loaded but the file's head.

    `base` is what `find_base` takes, or gave. Raises `UserError` where there is no such model, or no labelled tweet to
    take an example from.
    """
    if not 0 <= examples <= prompt_examples.MOST_EXAMPLES:
        raise UserError(f"A prompt has 0 to {prompt_examples.MOST_EXAMPLES} examples, not {examples}.")
    file = find_base(base) if isinstance(base, str) else base
    picked = prompt_examples.pick(study, examples, seed)
    if examples and not picked:
        raise UserError(
            "No labelled tweet can be an example: none is labelled, or all are sealed or disputed.",
            "Label some tweets, or begin without examples.",
        )
    try:
        turns = chat_turns(file.path, SYSTEM)
    except ModelFileError as error:
        raise UserError(str(error)) from error
    codebook = study.codebook
    return Untrained(
        base=file,
        prompt=make_prompt(codebook, picked, turns),
        codebook=codebook.to_toml(),
        leaves=codebook.leaf_codes,
        examples=tuple(picked),
        asked=examples,
        seed=seed if examples else 0,
    )


def make_prompt(codebook: Codebook, examples: Sequence[Row], turns: ChatTurns | None) -> Prompt:
    """Return the prompt of an untrained model: in the turns of a chat model, or in plain text."""
    letters = dict(zip(codebook.leaf_codes, ANSWER_CANDIDATES, strict=False))
    parts = [f"{SYSTEM} {_ASK}" if turns is None or not turns.has_system else _ASK]
    parts += [_class(codebook, leaf, letters[leaf.code]) for leaf in codebook.leaves]
    parts += [_example(row, letters[row.label]) for row in examples]
    return Prompt(
        answers=tuple(letters.values()),
        prefix="\n\n".join([*parts, "Tweet:\n"]),
        cue="\nClass:" if turns is None else "Class:",
        max_text_tokens=_TEXT_TOKENS,
        opening="" if turns is None else turns.opening,
        closing="" if turns is None else turns.closing,
    )


def hidden_labels(study: Study, untrained: Untrained, coder: str) -> set[str]:
    """Return the ids of the examples whose labels a coder who is blind to others must not see yet."""
    with study.reading() as session:
        keys = [row.id for row in queries.by_tweet_id(session, [r.id for r in untrained.examples]).values()]
    return {row.tweet_id for row in tweets.get(study, keys, viewer=coder) if row.seen_by(coder).label is None}


def _example(row: Row, answer: str) -> str:
    # As the model sees the tweet that it is asked for.
    return f"Tweet:\n{normalise(row.text)}\nClass:{answer}"


def _class(codebook: Codebook, leaf: Leaf, letter: str) -> str:
    """Return a class as the coder sees it: its answers to the questions, its definition, its examples."""
    answers = [
        next(option.name for option in codebook.question(question).options if option.code == code)
        for question, code in leaf.path.items()
    ]
    lines = [f"Class{letter}: {' / '.join(answers)}", leaf.definition.strip()]
    lines += [f"Example: {' '.join(example.split())}" for example in leaf.examples]
    return "\n".join(line for line in lines if line)


def make_card(untrained: Untrained, engine: "Engine") -> ModelCard:
    """Return the card of an untrained model, checked against its own vocabulary and context length.

    Raises `UserError` where it cannot be asked so: a prompt that is too long, letters that are no tokens of their
    own, a model whose memory cannot be shared between tweets.
    """
    from app.inference.classifier import encode_in
    from training.contract.prompt import PromptError

    name = untrained.base.name
    if not engine.can_share_a_prefix:
        raise UserError(
            f"{name} is a recurrent model: it cannot keep the codebook in mind for many tweets at a time.",
            "Choose another model.",
        )
    try:
        encoded = encode_in(engine, untrained.prompt)
    except PromptError as error:
        raise UserError(str(error)) from error
    # Of a vocabulary alone llama.cpp does not tell it.
    head = read_head(untrained.base.path)
    most = int(head.value(f"{head.value('general.architecture')}.context_length") or 0)
    needed = len(encoded.before) + untrained.prompt.max_text_tokens + len(encoded.after)
    if most and needed > most:
        raise UserError(
            f"The prompt is too long for {name}: with a long tweet it has {needed:,} tokens, and the model reads at "
            f"most {most:,}.",
            "Take fewer examples, shorten the codebook's definitions, or choose another model."
            if untrained.examples
            else "Shorten the codebook's definitions, or choose another model.",
        )
    base = untrained.base
    return ModelCard(
        name=untrained.title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        codebook=untrained.codebook,
        leaves=list(untrained.leaves),
        leaf_tokens=list(encoded.leaf_tokens),
        prompt=untrained.prompt.as_dict(),
        base={
            "name": base.name,
            "sha256": base.sha256,
            "licence": base.licence,
            "licence_url": base.licence_url,
        },
        languages=dict(sorted(Counter(row.lang for row in untrained.examples).items())),
        form="prompted",
        quantisation=base.quantisation,
        data={
            "prompt_tokens": len(encoded.before),
            "seed": untrained.seed,
            "examples": [{"id": row.id, "lang": row.lang, "label": row.label} for row in untrained.examples],
        },
    )


@dataclass(frozen=True)
class Placed:
    """An untrained model on the shelf; `is_new` is False where the very same was there already."""

    name: str
    is_new: bool
    card: ModelCard = field(repr=False)


def place(shelf: Shelf, untrained: Untrained, card: ModelCard) -> Placed:
    """Put an untrained model on the shelf, unless the very same stands there. Raises `UserError`.

    The same is what has the same file, classes, codebook and prompt; what was moved meanwhile is found again.
    """
    for folder in shelf.untrained_folders():
        try:
            known, gguf = read_prompted(folder)
        except ModelFileError:
            continue
        if _same(known, card):
            if gguf != untrained.base.path:
                _write(folder, untrained, known)
            return Placed(folder.name, False, known)
    name, number = card.name, 2
    while (shelf.folder / name).exists():
        name, number = f"{card.name} ({number})", number + 1
    card.name = name
    shelf.put(name, lambda partial: _write(partial, untrained, card))
    return Placed(name, True, card)


def _write(folder: Path, untrained: Untrained, card: ModelCard) -> None:
    write_prompted(folder, untrained.base.path, card)
    # What stands in the prompt was seen by the model: no score may count it.
    examples = [row.text for row in untrained.examples]
    examples += [text for leaf in Codebook.from_toml(untrained.codebook).leaves for text in leaf.examples]
    seen_texts.write(folder, card, SeenTexts.of(examples, []))


def _same(one: ModelCard, other: ModelCard) -> bool:
    return one.base.get("sha256") == other.base.get("sha256") and all(
        getattr(one, part) == getattr(other, part) for part in ("form", "codebook", "leaves", "prompt")
    )


def _name_of(path: Path, head: GGUFHead) -> str:
    # A file from a cache is often called by its hash or just “model”.
    return path.stem if len(path.stem) <= 60 else str(head.value("general.name") or path.stem[:60])
