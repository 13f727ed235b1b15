"""Taking another copy of the study in: a coder labels in a copy, mails it back, and it comes together here."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.study.study import Study, newest_codebook, now, told_kindly
from db import merges
from db import tweets as queries
from db.copies import StudyCopy, reading_copy
from db.merges import MAX_TOLD as MAX_TOLD
from db.merges import Taken

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


@dataclass
class MergeReport(Taken):
    """What a merge did: the counts of `Taken`, in words.

    `outside_codebook`: {leaf: tweets} of labels for which the current codebook has no class. `new_classes`: the names
    of those that the copy's codebook brought.
    """

    file_name: str = ""
    outside_codebook: dict[str, int] = field(default_factory=dict)
    codebook_changed: bool = False
    new_classes: tuple[str, ...] = ()
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)

    @property
    def contradictions(self) -> int:
        """On how many tweets people said different things apart, which somebody should look at."""
        return self.disputed_count + self.decided_apart_count

    def summary(self) -> str:
        """Return what came, and what should be looked at, in words."""
        if self.stopped:
            return "Stopped: nothing was taken in."
        told = [self._what_came()]
        if self.disputed_count:
            told.append(f"{_tweets(self.disputed_count)} disputed now: the labels contradict each other.")
        if self.decided_apart_count:
            told.append(
                f"{_tweets(self.decided_apart_count)} decided differently in the two copies: "
                "the later decision stands."
            )
        if self.other_text_count:
            told.append(
                f"{_tweets(self.other_text_count)} written differently in the copy: the text here was kept."
            )
        if self.in_locked:
            told.append(f"{_number(self.in_locked, 'label')} came for finished batches.")
        if self.labelled_unaware:
            told.append(
                f"{_number(self.labelled_unaware, 'tweet')} of the sealed test set had been labelled in a copy "
                "that did not know of the seal: the labels stay, and no model learns from them any more."
            )
        for name, before in self.renamed.items():
            told.append(f"Another coder is called “{before}”, too: this one is now “{name}”.")
        for name, before in self.corrected.items():
            told.append(f"“{before}” is now called “{name}”.")
        for leaf, number in self.outside_codebook.items():
            told.append(f"{_tweets(number)} labelled “{leaf}”, which the current codebook does not have.")
        if self.codebook_changed:
            told.append("The copy's codebook is newer and is now in use.")
        if self.new_classes:
            names = ", ".join(f"“{name}”" for name in self.new_classes)
            told.append(f"It brings the {'class' if len(self.new_classes) == 1 else 'classes'} {names}.")
        return " ".join(told)

    def _what_came(self) -> str:
        same = _number(self.same_labels, "label")
        if not self.is_new:
            return f"Nothing new: {same} and {_number(self.same_tweets, 'tweet')} were all here already."
        came = []
        if self.tweets:
            came.append(_number(self.tweets, "new tweet"))
        if self.labels:
            each = ", ".join(f"{name} {number:,}" for name, number in self.labels.items())
            came.append(f"{_number(sum(self.labels.values()), 'new label')} ({each})")
        if self.decisions:
            came.append(_number(self.decisions, "new decision"))
        if self.test_rows:
            came.append(_number(self.test_rows, "new test tweet"))
        if not came:
            came.append("No new tweets or labels")
        known = f"; {same} here already" if self.same_labels else ""
        return f"{', '.join(came)}{known}."


def merge(
    study: Study, path: Path | str, progress: Progress | None = None, stop: Stop | None = None
) -> MergeReport:
    """Take in another copy of the study: all of it or, where it was stopped or killed, nothing.

    Nothing is lost, nothing comes twice and nothing is overwritten: labels given apart that differ are kept
    side by side and the tweet becomes disputed. Copies may be taken in in any order, and again. What counts
    in the end depends on what is in them alone. Training runs, models, predictions and the splits of runs
    belong to the machine that made them and stay there; so does the list of what the copy had taken in.

    The copy is only read. `progress` is told (rows looked at, rows in all). Raises `UserError` where the file
    is no copy of this study or cannot be read.
    """
    path = Path(path)
    if path.exists() and path.samefile(study.path):
        raise UserError("This is the study itself, not a copy of it.", "Choose the copy that came back.")
    with told_kindly(), reading_copy(path) as copy:
        if copy.uuid != study.uuid:
            raise UserError(
                f"“{path.name}” is another study, not a copy of this one.",
                "Choose a file that was made from this study with “Save a copy”.",
            )
        try:
            report = _take_in(study, copy, progress, stop)
        except _Stopped:
            return MergeReport(file_name=path.name, stopped=True)
    known = study.codebook.leaf_codes
    report.codebook_changed = study.read_codebook()
    report.new_classes = tuple(leaf.name for leaf in study.codebook.leaves if leaf.code not in known)
    return report


class _Stopped(Exception):
    """The user wants no more of it; what was written is taken back."""


def _take_in(study: Study, copy: StudyCopy, progress: Progress | None, stop: Stop | None) -> MergeReport:
    done = total = 0

    def step(rows: int) -> None:
        nonlocal done
        done += rows
        if stop is not None and stop():
            raise _Stopped
        if progress is not None:
            progress(done, total)

    with study.writing_beside(copy.uri) as session:
        total = merges.rows_of_copy(session)
        taken, key = merges.take_in(session, copy.path.name, now(), step)
        report = MergeReport(**vars(taken), file_name=copy.path.name)
        known = newest_codebook(session)[0].leaf_codes
        report.outside_codebook = {
            leaf: number for leaf, number in queries.leaves(session).items() if leaf not in known
        }
        if key:
            merges.keep_report(session, key, report.as_dict())
        copy.check_unchanged()
    return report


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _tweets(number: int) -> str:
    return f"{_number(number, 'tweet')} {'is' if number == 1 else 'are'}"
