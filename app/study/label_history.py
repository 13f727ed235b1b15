"""What a coder can undo and redo, step by step."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Act:
    """One step as undo sees it: an event, or many of one `act`, of which the first is named.

    `events` says how many; `first_seq` is the number of the first, `seq` that of the last. `repeat`: it is a hidden
    repeat's.
    """

    seq: int
    id: str
    tweet: int
    undoes: str | None
    act: str | None = None
    events: int = 1
    first_seq: int = 0
    repeat: bool = False


@dataclass
class LabelHistory:
    """What a coder can undo and redo, derived from the events alone and so the same after a restart.

    A new label empties what can be redone. An event whose `undoes` names the top of `done` is an undo, one
    that names the top of `undone` is a redo; what was redone can be undone again. The events of one act are one
    step: its undo takes them back in their order, so that the first names the first.
    """

    last_seq: int = 0
    done: list[Act] = field(default_factory=list)
    undone: list[tuple[Act, Act]] = field(default_factory=list)

    def follow(self, acts: Iterable[Act]) -> None:
        """Take in further events, in their order."""
        for act in acts:
            self.last_seq = act.seq
            if act.undoes is None:
                self.done.append(act)
                self.undone.clear()
            elif self.done and self.done[-1].id == act.undoes:
                self.undone.append((self.done.pop(), act))
            elif self.undone and self.undone[-1][1].id == act.undoes:
                self.undone.pop()
                self.done.append(act)
