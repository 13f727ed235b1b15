"""Each time that a score on the sealed test set is looked at, counted.

A look is a score that was not known before: by a model that was not scored yet, or on other test tweets, labels or
predictions than before. It counts for whoever opens the study from then on, and looks made in copies come together
when copies do. Seeing a known score again is no look: nothing can be learnt from it that was not known. So
evaluating the same model again on the same labels does not count, nor does the last evaluation that the Results
page shows; a label that was changed in between does.

The look is counted before the score is shown. Whoever chooses a model, a setting or a label by such a score fits
these choices to the test tweets, and the scores after it are a little too good; how often that could have happened
is what the count tells.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.study.study import Study, now
from db.tables import ScoreLook

# Of a report: what is kept of the scores.
_KEPT = ("languages", "accuracy", "macro_f1")


@dataclass(frozen=True)
class Look:
    """A look at the score of a model on so many `rows`. `scores`: {accuracy, macro_f1, …} over all `languages`."""

    id: str
    looked: str
    model: str
    model_sha256: str
    rows: int
    scores: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Looks:
    """The looks up to one of them: it is the `number`th, `before` it were so many, at so many `models_before`."""

    id: str
    number: int
    models_before: int
    total: int
    models: int

    @property
    def before(self) -> int:
        """How many looks there were before this one."""
        return self.number - 1

    def as_dict(self) -> dict[str, Any]:
        """Return the place of the look as plain values."""
        return asdict(self) | {"before": self.before}


def record(
    study: Study,
    model: str,
    model_sha256: str,
    scored: Sequence[tuple[str, str, str]],
    scores: Mapping[str, Any],
) -> tuple[str, bool]:
    """Count a look, unless this score is known; return the look's id and whether it is new.

    `scored`: (tweet's own id, label, prediction) of each test tweet.
    """
    digest = _digest(scored)
    with study.writing() as session:
        for row in session.scalars(select(ScoreLook).where(ScoreLook.model_sha256 == model_sha256)):
            if row.scores.get("compared") == digest:
                return row.id, False
        kept = {name: value for name, value in scores.items() if name in _KEPT or name.endswith("_macro_f1")}
        row = ScoreLook(
            looked=now(),
            model=model,
            model_sha256=model_sha256,
            rows=len(scored),
            scores=kept | {"compared": digest},
        )
        session.add(row)
        session.flush()
        return row.id, True


def list_looks(study: Study) -> list[Look]:
    """Return all looks, the first first."""
    with study.reading() as session:
        return [
            Look(row.id, row.looked, row.model, row.model_sha256, row.rows, dict(row.scores))
            for row in session.scalars(select(ScoreLook).order_by(ScoreLook.looked, ScoreLook.id))
        ]


def has_looks(session: Session) -> bool:
    """Say whether a score was ever looked at."""
    return session.scalar(select(ScoreLook.id).limit(1)) is not None


def up_to(looks: Sequence[Look], look: str) -> Looks | None:
    """Return which of all looks one is; None where it is none of them."""
    ids = [one.id for one in looks]
    if look not in ids:
        return None
    before = looks[: ids.index(look)]
    return Looks(
        id=look,
        number=len(before) + 1,
        models_before=len({one.model_sha256 for one in before}),
        total=len(looks),
        models=len({one.model_sha256 for one in looks}),
    )


def _digest(scored: Sequence[tuple[str, str, str]]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for one in sorted(scored):
        digest.update("\0".join((*one, "\n")).encode())
    return digest.hexdigest()
