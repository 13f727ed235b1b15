"""The codebook: questions → options → leaves. The one source of classes, keys and colours."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from app.errors import UserError

MIN_LEAVES, MAX_LEAVES = 2, 26
_OPTION_FIELDS = (
    "code", "name", "definition", "examples", "key", "colour", "shape", "answer", "follow_up",
)  # fmt: skip
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Option:
    """One answer to a question. With a `follow_up` it opens another question, without it is a leaf.

    `answer` is the word that a fine-tuned model gives for a leaf.
    """

    code: str
    name: str
    definition: str = ""
    examples: tuple[str, ...] = ()
    key: str = ""
    colour: str = ""
    shape: str = ""
    follow_up: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Question:
    """One question of the tree; `text` is what the coder is asked."""

    code: str
    name: str
    options: tuple[Option, ...]
    text: str = ""


@dataclass(frozen=True)
class Leaf:
    """A class. `path` holds the answer that leads here for each question passed: {question: option code}.

    `answer` is the word that a fine-tuned model gives for it, "" where the codebook names none.
    """

    code: str
    name: str
    key: str
    colour: str
    definition: str
    path: dict[str, str] = field(hash=False)
    examples: tuple[str, ...] = ()
    shape: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Codebook:
    """A checked decision tree. Built by `from_toml` or `default`; `start` is the first question's code.

    `cue` is the beginning of a sentence about the tweet that a fine-tuned model completes by a leaf's `answer`.
    """

    name: str
    version: str
    start: str
    questions: tuple[Question, ...]
    cue: str = ""

    @classmethod
    def default(cls) -> "Codebook":
        """Return the bundled codebook: topic, and stance towards immigration under it."""
        from resources import default_codebook_text

        return cls.from_toml(default_codebook_text())

    @classmethod
    def from_toml(cls, text: str) -> "Codebook":
        """Read a codebook; raise `UserError` that names the place of the first mistake."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _mistake(f"it is not valid TOML: {error}") from error
        codebook = _read_codebook(values)
        _check_tree(codebook)
        return codebook

    @staticmethod
    def read_text(path: Path) -> str:
        """Return the text of a codebook file; raise `UserError` where it cannot be read as one."""
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{path.name} is not a text file in UTF-8.", "Save it as UTF-8.") from error
        except OSError as error:
            raise UserError(
                f"{path.name} cannot be read: {error.strerror or error}.", "Choose another file."
            ) from error

    def to_toml(self) -> str:
        """Write the codebook as TOML that `from_toml` reads back to an equal one."""
        lines = [f"{k} = {_quoted(getattr(self, k))}" for k in ("name", "version", "start")]
        if self.cue:
            lines.append(f"cue = {_quoted(self.cue)}")
        for question in self.questions:
            lines += ["", "[[questions]]"]
            lines += [f"{k} = {_quoted(getattr(question, k))}" for k in ("code", "name", "text")]
            for option in question.options:
                lines += ["", "[[questions.options]]"]
                for k in _OPTION_FIELDS:
                    if getattr(option, k):
                        lines.append(f"{k} = {_quoted(getattr(option, k))}")
        return "\n".join(lines) + "\n"

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The classes, in the order of the tree."""
        return tuple(_walk(self, self.question(self.start), {}))

    @cached_property
    def leaf_codes(self) -> tuple[str, ...]:
        """The classes' codes, in the order of `leaves`."""
        return tuple(leaf.code for leaf in self.leaves)

    @cached_property
    def aside(self) -> tuple[str, ...]:
        """The leaves at which the first question ends while another of its answers leads on: “unrelated”.

        Empty where no answer to the first question leads on.
        """
        if not any(option.follow_up for option in self.question(self.start).options):
            return ()
        return tuple(leaf.code for leaf in self.leaves if len(leaf.path) == 1)

    def question(self, code: str) -> Question:
        """Return the question with this code."""
        return next(q for q in self.questions if q.code == code)

    def leaf(self, code: str) -> Leaf:
        """Return the leaf with this code; `KeyError` for none."""
        for leaf in self.leaves:
            if leaf.code == code:
                return leaf
        raise KeyError(code)

    @cached_property
    def _words(self) -> dict[str, str]:
        words: dict[str, str] = {}
        ambiguous = set()
        for leaf in self.leaves:
            for word in _words_for(self, leaf):
                if words.setdefault(word, leaf.code) != leaf.code:
                    ambiguous.add(word)
        own = {_folded(leaf.code): leaf.code for leaf in self.leaves}
        return {w: c for w, c in words.items() if w not in ambiguous} | own

    def find_leaf(self, label: str) -> str | None:
        """Return the leaf that a label found in a file means, None where it means none.

        Case, punctuation and blanks do not matter. Accepted are the leaf's code, its name, and both joined
        with the answers above it, in either order: "pro", "Pro-immigration", "immigration / pro".
        """
        return self._words.get(_folded(label))


def _words_for(codebook: Codebook, leaf: Leaf) -> Iterator[str]:
    yield _folded(leaf.code)
    yield _folded(leaf.name)
    above: list[tuple[str, str]] = []
    for question, option in leaf.path.items():
        found = next(o for o in codebook.question(question).options if o.code == option)
        above.append((found.code, found.name))
    for names in (0, 1):
        parts = [pair[names] for pair in above]
        yield _folded(" ".join(parts))
        yield _folded(" ".join(reversed(parts)))
        # The leaf's code with the name above it, and the other way round.
        for upper in above[:-1]:
            yield _folded(f"{leaf.code} {upper[names]}")
            yield _folded(f"{upper[names]} {leaf.code}")


def _folded(label: str) -> str:
    return "".join(c for c in label.casefold() if c.isalnum())


def _walk(codebook: Codebook, question: Question, path: dict[str, str]) -> Iterator[Leaf]:
    for option in question.options:
        here = path | {question.code: option.code}
        if option.follow_up:
            yield from _walk(codebook, codebook.question(option.follow_up), here)
        else:
            yield Leaf(
                code=option.code,
                name=option.name,
                key=option.key,
                colour=option.colour,
                definition=option.definition,
                path=here,
                examples=option.examples,
                shape=option.shape,
                answer=option.answer,
            )


def _mistake(what: str) -> UserError:
    return UserError(f"The codebook cannot be used: {what}.", "Correct the file and try again.")


def _read_codebook(values: dict[str, Any]) -> Codebook:
    _check_names(values, {"name", "version", "start", "cue", "questions"}, "at the top")
    questions = []
    for number, question in enumerate(_tables(values, "questions", "at the top"), 1):
        place = f"in question {number}"
        _check_names(question, {"code", "name", "text", "options"}, place)
        code = _code(question, place)
        place = f"in question “{code}”"
        options = []
        for option_number, option in enumerate(_tables(question, "options", place), 1):
            options.append(_read_option(option, f"in option {option_number} of question “{code}”"))
        questions.append(
            Question(
                code, _text(question, "name", place) or code, tuple(options), _text(question, "text", place)
            )
        )
    if not questions:
        raise _mistake("it has no questions")
    start = _text(values, "start", "at the top") or questions[0].code
    version = values.get("version", "1")
    if isinstance(version, int | float):
        version = str(version)
    if not isinstance(version, str):
        raise _mistake("“version” at the top must be text")
    return Codebook(
        _text(values, "name", "at the top") or "Codebook",
        version,
        start,
        tuple(questions),
        _text(values, "cue", "at the top").strip(),
    )


def _read_option(option: dict[str, Any], place: str) -> Option:
    _check_names(option, set(_OPTION_FIELDS), place)
    code = _code(option, place)
    examples = option.get("examples", [])
    if not isinstance(examples, list) or not all(isinstance(e, str) for e in examples):
        raise _mistake(f"“examples” {place} must be a list of texts")
    key = _text(option, "key", place)
    if len(key) > 1 or (key and (key.isspace() or not key.isprintable())):
        raise _mistake(f"“key” {place} must be one character, it is “{key}”")
    colour = _text(option, "colour", place)
    if colour and not _COLOUR.fullmatch(colour):
        raise _mistake(f"“colour” {place} must look like #2a7f62, it is “{colour}”")
    return Option(
        code=code,
        name=_text(option, "name", place) or code,
        definition=_text(option, "definition", place),
        examples=tuple(examples),
        key=key,
        colour=colour,
        shape=_text(option, "shape", place),
        follow_up=_text(option, "follow_up", place),
        answer=_text(option, "answer", place).strip(),
    )


def _check_names(values: dict[str, Any], known: set[str], place: str) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise _mistake(f"“{unknown[0]}” {place} is not known (known are {', '.join(sorted(known))})")


def _tables(values: dict[str, Any], name: str, place: str) -> list[dict[str, Any]]:
    found = values.get(name, [])
    if not isinstance(found, list) or not all(isinstance(v, dict) for v in found):
        raise _mistake(f"“{name}” {place} must be written as [[{name}]] tables")
    return found


def _text(values: dict[str, Any], name: str, place: str) -> str:
    found = values.get(name, "")
    if not isinstance(found, str):
        raise _mistake(f"“{name}” {place} must be text in quotes")
    return found


def _code(values: dict[str, Any], place: str) -> str:
    code = _text(values, "code", place)
    if not _CODE.fullmatch(code):
        raise _mistake(
            f"“code” {place} must be 1 to 32 plain letters, digits, “-” or “_”, a letter or digit first; "
            f"it is “{code}”"
        )
    return code


def _check_tree(codebook: Codebook) -> None:
    codes = [q.code for q in codebook.questions]
    for code in codes:
        if codes.count(code) > 1:
            raise _mistake(f"two questions have the code “{code}”")
    if codebook.start not in codes:
        raise _mistake(f"“start” names the question “{codebook.start}”, which is not there")
    reached = {codebook.start}
    for question in codebook.questions:
        options = [o.code for o in question.options]
        if len(options) < 2:
            raise _mistake(f"question “{question.code}” needs at least two options")
        for option in question.options:
            if options.count(option.code) > 1:
                raise _mistake(f"question “{question.code}” has two options with the code “{option.code}”")
            if not option.follow_up:
                continue
            if option.follow_up not in codes:
                raise _mistake(
                    f"option “{option.code}” of question “{question.code}” leads to the question "
                    f"“{option.follow_up}”, which is not there"
                )
            # Each question is entered from one place only: a tree has neither circles nor meeting branches.
            if option.follow_up in reached:
                raise _mistake(f"question “{option.follow_up}” can be reached in two ways; it may be in one")
            reached.add(option.follow_up)
    if set(codes) - reached:
        raise _mistake(f"question “{min(set(codes) - reached)}” is never asked")
    _check_reached_from_start(codebook)
    _check_leaves(codebook)


def _check_reached_from_start(codebook: Codebook) -> None:
    waiting, seen = [codebook.start], set()
    while waiting:
        code = waiting.pop()
        seen.add(code)
        waiting += [o.follow_up for o in codebook.question(code).options if o.follow_up]
    unseen = sorted({q.code for q in codebook.questions} - seen)
    if unseen:
        raise _mistake(f"question “{unseen[0]}” is never asked")


def _check_leaves(codebook: Codebook) -> None:
    leaves = codebook.leaves
    if not MIN_LEAVES <= len(leaves) <= MAX_LEAVES:
        raise _mistake(f"it has {len(leaves)} classes, {MIN_LEAVES} to {MAX_LEAVES} are possible")
    codes: dict[str, str] = {}
    keys: dict[str, str] = {}
    for leaf in leaves:
        if _folded(leaf.code) in codes:
            raise _mistake(f"the classes “{codes[_folded(leaf.code)]}” and “{leaf.code}” are not told apart")
        codes[_folded(leaf.code)] = leaf.code
        if not leaf.key:
            raise _mistake(f"the class “{leaf.code}” has no key")
        if leaf.key.casefold() in keys:
            raise _mistake(f"the classes “{keys[leaf.key.casefold()]}” and “{leaf.code}” have the same key")
        keys[leaf.key.casefold()] = leaf.code
    _check_answers(codebook)


def _check_answers(codebook: Codebook) -> None:
    if codebook.cue and not codebook.cue.isprintable():
        raise _mistake("“cue” at the top must be one line of text")
    answers: dict[str, str] = {}
    for leaf in codebook.leaves:
        if any(other.answer for other in codebook.leaves) and not leaf.answer:
            raise _mistake(f"the class “{leaf.code}” has no “answer”, while others have one")
        if leaf.answer and (len(leaf.answer.split()) > 1 or not leaf.answer.isprintable()):
            raise _mistake(f"the answer of the class “{leaf.code}” must be one word, it is “{leaf.answer}”")
        if leaf.answer and answers.setdefault(leaf.answer, leaf.code) != leaf.code:
            raise _mistake(f"the classes “{answers[leaf.answer]}” and “{leaf.code}” have the same answer")


def _quoted(value: str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_quoted(v) for v in value) + "]"
    # A TOML basic string escapes as JSON does, but for U+007F, which JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
