"""A cascade as the study keeps it: a job that was stopped or killed goes on from here and settles the same tweets."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from app.study.cascade_model import CascadeModel
from app.study.study import Study, now
from db.tables import Cascade, Tweet

# A cascade goes through these; the last two are its ends.
STAGES = ("learn", "calibrate", "settle", "classify", "done", "declined")
_ENDS = STAGES[-2:]
_MODEL = "model_"


@dataclass
class Record:
    """One cascade. `population` are the job's tweets, ascending; `drawn` those of the samples, in the order of
    drawing; `audited` those that would have been settled and go through the model all the same.
    """

    id: int
    created: str
    stage: str
    facts: dict[str, Any]
    population: Any
    drawn: Any
    audited: Any
    model: CascadeModel | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is settled: all is done, or all is classified in full."""
        return self.stage in _ENDS


def create(study: Study, model_id: int, facts: dict[str, Any], population: Any, drawn: Any) -> Record:
    """Begin a cascade."""
    import numpy as np

    audited = np.zeros(0, dtype=np.int64)
    record = Record(0, now(), STAGES[0], facts, population, drawn, audited)
    with study.writing() as session:
        row = Cascade(
            model_id=model_id,
            created=record.created,
            stage=record.stage,
            facts=facts,
            arrays=_packed(record),
        )
        session.add(row)
        session.flush()
        record.id = row.id
    return record


def keep(study: Study, record: Record) -> None:
    """Keep how far a cascade is."""
    values = {"stage": record.stage, "facts": record.facts, "arrays": _packed(record)}
    with study.writing() as session:
        session.execute(update(Cascade).where(Cascade.id == record.id).values(**values))


def unfinished(study: Study, model_id: int, terms: dict[str, Any], keys: Sequence[int]) -> Record | None:
    """Return the last cascade of a model where it did not end, has these terms, and all of the keys are in its job."""
    import numpy as np

    with study.reading() as session:
        row = session.scalar(
            select(Cascade).where(Cascade.model_id == model_id).order_by(Cascade.id.desc()).limit(1)
        )
        if row is None or row.stage in _ENDS or row.facts.get("terms") != terms:
            return None
        record = _read(row)
    return record if bool(np.isin(np.asarray(keys), record.population).all()) else None


def last(study: Study, model_id: int) -> Record | None:
    """Return the last cascade of a model, None where there was none."""
    with study.reading() as session:
        row = session.scalar(
            select(Cascade).where(Cascade.model_id == model_id).order_by(Cascade.id.desc()).limit(1)
        )
        return None if row is None else _read(row)


def eligible(study: Study, keys: Sequence[int]) -> list[tuple[int, str]]:
    """Return (key, language) of those tweets that a light model may settle: not labelled, not sealed.

    Labelled tweets and the test set always go through the model, so that its scores are its own.
    """
    wanted = set(keys)
    statement = select(Tweet.id, Tweet.lang).where(Tweet.labelled.is_(False), Tweet.sealed.is_(False))
    with study.reading() as session:
        return [(key, lang) for key, lang in session.execute(statement.order_by(Tweet.id)) if key in wanted]


def _packed(record: Record) -> bytes:
    import numpy as np

    arrays = {"drawn": record.drawn, "audited": record.audited}
    # Differences of ascending numbers are small and alike: a million tweets without a gap take a kilobyte.
    arrays["population"] = np.diff(record.population, prepend=0)
    if record.model is not None:
        arrays |= {_MODEL + name: array for name, array in record.model.arrays().items()}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    return packed.getvalue()


def _read(row: Cascade) -> Record:
    import numpy as np

    with np.load(io.BytesIO(row.arrays), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    model = {name[len(_MODEL) :]: array for name, array in arrays.items() if name.startswith(_MODEL)}
    return Record(
        id=row.id,
        created=row.created,
        stage=row.stage,
        facts=dict(row.facts),
        population=np.cumsum(arrays["population"]),
        drawn=arrays["drawn"],
        audited=arrays["audited"],
        model=CascadeModel.from_arrays(model) if model else None,
    )
