"""An open study: one file, its codebook, its coders."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from sqlalchemy import func, select
from sqlalchemy.orm import Session

import app
from app.errors import UserError
from app.study.codebook import Codebook
from db import adjudications, errors, label_overview, predictions, tweets
from db.engine import StudyFile, create_study, open_study
from db.tables import CodebookVersion, Model, StudyInfo, TrainingRun
from db.tables import Coder as CoderRow

SUFFIX = ".stancedesk"

LOCKED_NEXT_STEP = "Release the batch on the Tweets page, or go on with another tweet."
# Labels, each of about 100 KiB of the log in a large study.
_MUCH_TO_FOLD = 100

_NEXT_STEPS: dict[type[errors.StudyFileError], str] = {
    errors.NotAStudy: "Choose a file that StanceDesk made; tweets in a table are brought in with “Import tweets”.",
    errors.StudyTooNew: "Install the newest StanceDesk and open the study with it.",
    errors.StudyMissing: "Check the name and the folder, or create the study first.",
    errors.StudyExists: "Choose another name, or open the study that is there.",
    errors.StudyDiskFull: "Make room on the disk and try again; everything saved before is safe.",
    errors.StudyUnreadable: "Allow reading, or copy the file to a folder of your own.",
    errors.StudyReadOnly: "Allow writing, or copy the study to a folder of your own.",
    errors.StudyBusy: "Wait until the other program is done, or close it, and try again.",
    errors.StudyDamaged: "Open a backup or a copy of the study.",
    errors.TweetLocked: LOCKED_NEXT_STEP,
}


def now() -> str:
    """Return the time as text: UTC, ISO 8601, with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def now_after(earlier: str) -> str:
    """Return the time as text, just after an earlier one where the clock says less."""
    later = datetime.fromisoformat(earlier) + timedelta(microseconds=1)
    return max(now(), later.isoformat(timespec="microseconds"))


@contextlib.contextmanager
def told_kindly() -> Iterator[None]:
    """Turn what can go wrong with a study file into a `UserError`."""
    try:
        yield
    except errors.StudyFileError as error:
        raise UserError(str(error), _NEXT_STEPS.get(type(error), "")) from error


@dataclass(frozen=True)
class Coder:
    """Who labels. `languages`: those that the coder reads, none: all."""

    id: str
    name: str
    languages: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...] | None:
        """The languages to look for, as queries take them: None for all."""
        return self.languages or None


@dataclass(frozen=True)
class StudyCounts:
    """How far a study is. `per_leaf` counts tweets whose labels agree; `predicted` is the latest model's.

    `disputed` counts tweets whose coders disagree and on which nobody has decided, but for those that cannot be
    decided now (`label_overview.count_disputed`).
    """

    tweets: int
    labelled: int
    per_leaf: dict[str, int]
    per_language: dict[str, tuple[int, int]]
    predicted: int
    models: int
    runs: int
    disputed: int = 0


class Study:
    """An open study. Thread-safe: each call has its own session."""

    def __init__(self, file: StudyFile) -> None:
        self._file = file
        self.path = file.path
        with self.reading() as session:
            info = session.get_one(StudyInfo, 1)
            self.name = info.name
            self.uuid = info.uuid
            self.codebook, self.codebook_version = newest_codebook(session)

    @property
    def title(self) -> str:
        """The study's name; with its file's where that differs: a copy has the name of its original."""
        return self.name if self.path.stem == self.name else f"{self.name} ({self.path.stem})"

    @classmethod
    def create(cls, path: Path | str, codebook: Codebook | None = None, name: str = "") -> "Study":
        """Create a study file, with the default codebook where none is given, and open it."""
        path = Path(path)
        codebook = codebook or Codebook.default()

        def fill(session: Session) -> None:
            session.add(
                StudyInfo(id=1, name=name or path.stem, created=now(), program_version=app.__version__)
            )
            _add_codebook(session, codebook)

        if not path.absolute().parent.is_dir():
            raise UserError(
                f"There is no folder “{path.absolute().parent}” to put the study in.",
                "Create the folder first.",
            )
        with told_kindly():
            return cls(create_study(path, fill))

    @classmethod
    def open(cls, path: Path | str) -> "Study":
        """Open a study file; raise `UserError` where it is none or cannot be written."""
        with told_kindly():
            return cls(open_study(Path(path)))

    def close(self) -> None:
        """Let go of the file, in one piece."""
        self._file.close()

    def __enter__(self) -> "Study":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session to read one consistent state."""
        with told_kindly(), self._file.reading() as session:
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that holds the write lock and is committed at the end of the block."""
        with told_kindly(), self._file.writing() as session:
            yield session

    @contextlib.contextmanager
    def writing_promptly(self) -> Iterator[Session]:
        """As `writing`, where somebody waits for the end: whoever uses it calls `fold_log` in a pause."""
        with told_kindly(), self._file.writing_promptly() as session:
            yield session

    def fold_log(self) -> None:
        """Fold what was written promptly into the file, where it is much; takes a moment, and nobody waits for it.

        For some seconds afterwards the disk is busy with the places that were written, and a label may wait for it:
        so not after every few of them.
        """
        if self._file.unfolded >= _MUCH_TO_FOLD:
            with told_kindly():
                self._file.fold_log()

    @contextlib.contextmanager
    def writing_beside(self, uri: str) -> Iterator[Session]:
        """As `writing`, with another copy attached to be read (`StudyFile.writing_beside`)."""
        with told_kindly(), self._file.writing_beside(uri) as session:
            yield session

    def save_copy(self, path: Path | str) -> None:
        """Write a copy that stands alone; labelling may go on meanwhile."""
        path = Path(path)
        if path.exists() and path.samefile(self.path):
            raise UserError("The copy would replace the study itself.", "Choose another name.")
        with told_kindly():
            self._file.copy_to(path)

    def set_codebook(self, codebook: Codebook, touched: Iterable[str] = ()) -> None:
        """Make another codebook the current version; labels keep the version that they were given under.

        `touched` are the leaves whose earlier labels want a second look. Raises `UserError` where labels would
        be left without their class.
        """
        wanted = sorted(set(touched), key=codebook.leaf_codes.index)
        with self.writing() as session:
            used = {*label_overview.used_leaves(session), *adjudications.used_leaves(session)}
            missing = sorted(used - set(codebook.leaf_codes))
            if missing:
                raise UserError(
                    f"Tweets are labelled “{missing[0]}”, which the new codebook does not have.",
                    "Keep this class in the codebook.",
                )
            _add_codebook(session, codebook, wanted)
            session.flush()
            self.codebook, self.codebook_version = newest_codebook(session)

    def read_codebook(self) -> bool:
        """Read the codebook anew, after another copy was taken in; return whether it is another one."""
        before = self.codebook
        with self.reading() as session:
            self.codebook, self.codebook_version = newest_codebook(session)
        return self.codebook != before

    def labels_per_leaf(self) -> dict[str, int]:
        """Return {leaf: number of labels and gold labels}, of those leaves that have some."""
        with self.reading() as session:
            found = label_overview.count_of_leaves(session)
            for leaf in adjudications.used_leaves(session):
                found.setdefault(leaf, 1)
            return found

    def coders(self) -> list[Coder]:
        """Return all coders, in the order of their names."""
        with self.reading() as session:
            rows = session.scalars(select(CoderRow).order_by(func.lower(CoderRow.name)))
            return [_coder(row) for row in rows]

    def coder(self, name: str) -> Coder:
        """Return the coder of this name; it is created where there is none."""
        name = " ".join(name.split())
        if not name:
            raise UserError("A coder needs a name.", "Type the name of the person who labels.")
        with self.reading() as session:
            row = session.scalar(select(CoderRow).where(CoderRow.name == name))
            if row is not None:
                return _coder(row)
        with self.writing() as session:
            row = session.scalar(select(CoderRow).where(CoderRow.name == name))
            if row is None:
                row = CoderRow(name=name, created=now())
                session.add(row)
                session.flush()
            return _coder(row)

    def counts(self, viewer: str | None = None) -> StudyCounts:
        """Count tweets, labels, predictions, models and runs, and the disagreements that a person can decide."""
        with self.reading() as session:
            per_language = tweets.languages(session)
            model = predictions.latest_model(session)
            return StudyCounts(
                tweets=sum(total for _, total in per_language.values()),
                labelled=sum(labelled for labelled, _ in per_language.values()),
                per_leaf=dict.fromkeys(self.codebook.leaf_codes, 0) | tweets.leaves(session),
                per_language=per_language,
                predicted=predictions.count(session, model) if model is not None else 0,
                models=session.scalar(select(func.count()).select_from(Model)) or 0,
                runs=session.scalar(select(func.count()).select_from(TrainingRun)) or 0,
                disputed=label_overview.count_disputed(session, viewer),
            )


def _coder(row: CoderRow) -> Coder:
    return Coder(row.id, row.name, tuple(row.languages))


# By time and content, not by number: all copies of a study that know the same versions agree on the newest.
_NEWEST = (
    select(CodebookVersion)
    .order_by(CodebookVersion.created.desc(), CodebookVersion.sha256.desc(), CodebookVersion.id.desc())
    .limit(1)
)


def _add_codebook(session: Session, codebook: Codebook, touched: Sequence[str] = ()) -> None:
    toml = codebook.to_toml()
    digest = hashlib.sha256(toml.encode()).hexdigest()
    newest = session.scalar(_NEWEST)
    if newest is None or newest.sha256 != digest or touched:
        created = now() if newest is None else now_after(newest.created)
        session.add(CodebookVersion(created=created, toml=toml, sha256=digest, touched=list(touched)))


def newest_codebook(session: Session) -> tuple[Codebook, int]:
    """Return the codebook in use and the number of its version."""
    row = session.scalars(_NEWEST).one()
    return Codebook.from_toml(row.toml), row.id
