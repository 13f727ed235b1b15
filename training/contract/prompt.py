"""The one prompt builder, for training, evaluation and classification alike.

A classified tweet is laid out as token pieces, each tokenised by itself with special-token parsing off::

    [begin-of-sequence, where the model adds one] + prefix + tweet (cut to `max_text_tokens`) + cue

and the answer is read from the logits of the last position, restricted to the answer tokens. Tokenising
the pieces apart makes three things simple: the prefix can be shared between tweets, a long tweet can be
cut without touching the cue, and a special token's text inside a tweet stays plain text.

An untrained chat model is asked in its own turns: `opening` stands before the prefix and `closing` between tweet
and cue. Both come from the template in the model's file, and in them alone special tokens are parsed.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

# 3: what a retweet repeats is the tweet; 2 left “RT @user:” in front of it.
NORMALISER_VERSION = 3
_LAYOUT = 1
PROMPT_VERSION = f"{_LAYOUT}.{NORMALISER_VERSION}"
# Models that were trained with an earlier normaliser are still asked as they were trained.
_NORMALISERS = {f"{_LAYOUT}.{number}": number for number in (2, 3)}

# What is answered where a codebook names no words. Letters are single tokens after a space in every LLaMA-family
# vocabulary that we know of; training verifies it in context for the base at hand and refuses where it does not hold.
ANSWER_CANDIDATES = tuple(f" {letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@])@\w+")
_RUN_OF_HANDLES = re.compile(r"@user(?: @user)+(?!\w)")
_RUN_OF_LINKS = re.compile(r"(?<!\w)http(?: http)+(?!\w)")
# How the network itself wrote retweets, and people before it; on text whose handles are “@user”.
RETWEET = re.compile(r"^(?:rt\s+@user(?:\s*:\s*|\s+|$))+", re.IGNORECASE)
# The Unicode categories Cc and Cs; those of them that are white space become a space in any case.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SPACE = re.compile(r"\s+")


class PromptError(ValueError):
    """The prompt does not fit the model: the message is a sentence for the user."""


def normalise(text: str, version: int = NORMALISER_VERSION) -> str:
    """Return the tweet as the model sees it; the study keeps the original.

    Links become ``http`` and handles ``@user``: they say nothing about stance, differ in every tweet and
    cost 10 to 20 tokens each. A run of either becomes one: a reply to twenty names is a reply. A retweet is what it
    repeats, so that the two are one text to classify (not so before `version` 3). White space is folded, control
    characters and lone surrogates are dropped, and the text is brought to Unicode NFC, so that equal-looking tweets
    are equal. Idempotent.
    """
    text = _LINK.sub(" http ", text)
    text = _HANDLE.sub("@user", text)
    text = _SPACE.sub(" ", unicodedata.normalize("NFC", _CONTROL.sub(" ", text))).strip()
    text = _RUN_OF_LINKS.sub("http", _RUN_OF_HANDLES.sub("@user", text))
    # A tweet that says nothing else keeps it: it is not empty.
    return (RETWEET.sub("", text) or text) if version >= 3 else text


@dataclass(frozen=True)
class Prompt:
    """How a tweet is shown to a model and which answers are compared.

    `answers[i]` is the text of the single token that stands for leaf `i`. `opening` and `closing` are the turns of
    a chat model around prefix and tweet, "" for a model that is asked in plain text.
    """

    answers: tuple[str, ...]
    prefix: str = ""
    cue: str = "\nClass:"
    max_text_tokens: int = 512
    version: str = PROMPT_VERSION
    opening: str = ""
    closing: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the prompt as plain values for a spec or a model card."""
        values = asdict(self) | {"answers": list(self.answers)}
        # A prompt without turns is written as before there were any: older programs read its cards.
        return {name: value for name, value in values.items() if value or name not in ("opening", "closing")}

    def normalised(self, text: str) -> str:
        """Return a raw tweet as this prompt's model sees it."""
        return normalise(text, _NORMALISERS[self.version])

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Prompt":
        """Read what `as_dict` wrote; raise `PromptError` for a version that this program cannot build."""
        if values.get("version") not in _NORMALISERS:
            raise PromptError(
                f"The model was trained with prompt version {values.get('version')}, this program builds "
                f"version {PROMPT_VERSION}. Use the StanceDesk version that trained the model, or train it again."
            )
        return cls(**(values | {"answers": tuple(values["answers"])}))


def fine_tuned_prompt(
    leaf_count: int, max_text_tokens: int = 512, *, cue: str = "", words: Sequence[str] = ()
) -> Prompt:
    """Return the short prompt of a fine-tuned model: the tweet and a cue, nothing else.

    The `words`, one a leaf, complete the `cue`: a base that knows what they mean begins with half of the answer
    (Schick and Schütze 2021, arXiv 2001.07676). Without them the answers are letters.
    """
    if not 2 <= leaf_count <= len(ANSWER_CANDIDATES):
        raise PromptError(f"A codebook has 2 to {len(ANSWER_CANDIDATES)} classes, this one has {leaf_count}.")
    answers = tuple(f" {word}" for word in words) or ANSWER_CANDIDATES[:leaf_count]
    prompt = Prompt(answers=answers, max_text_tokens=max_text_tokens)
    return replace(prompt, cue=f"\n{cue}") if cue else prompt


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt in one model's tokens: what goes before every tweet, after it, and which ids are compared."""

    prompt: Prompt
    before: tuple[int, ...]
    after: tuple[int, ...]
    leaf_tokens: tuple[int, ...]
    tokenize: Callable[[str], Sequence[int]] = field(repr=False, compare=False)

    def text_tokens(self, text: str) -> list[int]:
        """Return the token ids of one raw tweet: normalised, tokenised, cut. Empty for an empty tweet."""
        normalised = self.prompt.normalised(text)
        return list(self.tokenize(normalised))[: self.prompt.max_text_tokens] if normalised else []

    def ids(self, text: str) -> list[int]:
        """Return the whole sequence for one tweet."""
        return [*self.before, *self.text_tokens(text), *self.after]


def encode_prompt(
    prompt: Prompt,
    tokenize: Callable[[str], Sequence[int]],
    begin_of_sequence: int | None,
    tokenize_turns: Callable[[str], Sequence[int]] | None = None,
) -> EncodedPrompt:
    """Put a prompt into a model's tokens and verify that each answer is one token of its own.

    `tokenize` maps plain text to ids without adding or parsing special tokens; `tokenize_turns` parses them, for the
    turns of a chat model. Raises `PromptError` where an answer is not a single token after the cue, two answers
    share one, or there are turns and nothing to parse them with.
    """
    if (prompt.opening or prompt.closing) and tokenize_turns is None:
        raise PromptError("A prompt in a chat model's turns can only be used to classify, not to train.")
    turns = tokenize_turns or tokenize
    before = list(turns(prompt.opening)) if prompt.opening else []
    # Many templates write the begin-of-sequence token themselves; it stands there once.
    if begin_of_sequence is not None and before[:1] != [begin_of_sequence]:
        before.insert(0, begin_of_sequence)
    before += list(tokenize(prompt.prefix)) if prompt.prefix else []
    closing = list(turns(prompt.closing)) if prompt.closing else []
    after = list(tokenize(prompt.cue))
    leaf_tokens = []
    for answer in prompt.answers:
        in_context = list(tokenize(prompt.cue + answer))
        if in_context[: len(after)] != after or len(in_context) != len(after) + 1:
            raise PromptError(
                f"The base model writes the answer “{answer.strip()}” as more than one token, so it cannot be "
                "used here. Choose another base model, or another “answer” in the codebook."
            )
        leaf_tokens.append(in_context[-1])
    if len(set(leaf_tokens)) != len(leaf_tokens):
        raise PromptError("The base model cannot tell the answers apart. Choose another base model.")
    return EncodedPrompt(prompt, tuple(before), (*closing, *after), tuple(leaf_tokens), tokenize)
