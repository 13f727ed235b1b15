"""What differs between two codebooks, told by class."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.study.codebook import Codebook, Leaf


@dataclass(frozen=True)
class CodebookChange:
    """Codes of leaves. `redefined` are those that mean something else than before, `restyled` look different.

    For those that are `reworded` a model is to learn another answer.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    redefined: tuple[str, ...]
    restyled: tuple[str, ...]
    reworded: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.redefined or self.restyled or self.reworded)


def compare(old: Codebook, new: Codebook) -> CodebookChange:
    """Tell what is different in `new`: leaves that came, went, were defined or merely drawn anew."""
    before, after = ({leaf.code: leaf for leaf in codebook.leaves} for codebook in (old, new))
    both = [code for code in after if code in before]
    redefined = tuple(code for code in both if meaning(old, before[code]) != meaning(new, after[code]))
    return CodebookChange(
        added=tuple(code for code in after if code not in before),
        removed=tuple(code for code in before if code not in after),
        redefined=redefined,
        restyled=tuple(
            code for code in both if code not in redefined and _looks(before[code]) != _looks(after[code])
        ),
        reworded=tuple(
            code for code in both if (old.cue, before[code].answer) != (new.cue, after[code].answer)
        ),
    )


def meaning(codebook: Codebook, leaf: Leaf) -> tuple[str, ...]:
    """Return all words that a coder goes by for a leaf: its own, and those of the answers that lead to it."""
    return tuple(_words(codebook, leaf))


def _words(codebook: Codebook, leaf: Leaf) -> Iterator[str]:
    for code, answer in leaf.path.items():
        question = codebook.question(code)
        option = next(o for o in question.options if o.code == answer)
        yield from (question.name, question.text, option.name, " ".join(option.definition.split()))
        yield from option.examples


def _looks(leaf: Leaf) -> tuple[str, str, str]:
    return leaf.key, leaf.colour, leaf.shape
