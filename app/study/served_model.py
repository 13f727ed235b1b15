"""From a finished run folder to a served model: parity of both 4-bit forms, calibration, card."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import UserError
from app.inference import calibration, parity
from app.inference.classifier import ClassificationStopped, Classifier, ClassifierError, InferenceError
from app.inference.model_file import ModelCard, ModelFile, ModelFileError, write_card
from app.study import course, light_start, seen_texts
from app.study.base_models import BaseFile
from app.study.codebook import Codebook
from app.study.confidence import Answers
from app.study.confidence_report import training_confidence
from app.study.evaluation import score
from app.study.seen_texts import SeenTexts
from training.contract.events import read_events
from training.contract.run_folder import RunFolder
from training.contract.spec import Row, TrainingSpec, read_rows

if TYPE_CHECKING:
    import numpy as np

FORMS = ("single", "adapter")


@dataclass(frozen=True)
class ServedModel:
    """The form that was chosen: its folder inside the run, its card, and the sentence that says why."""

    folder: Path
    card: ModelCard
    reason: str


def choose_served_model(
    run: RunFolder,
    name: str,
    codebook: Codebook,
    base: BaseFile,
    on_progress: Callable[[str, int, int], None],
    stop: Callable[[], bool],
) -> ServedModel | None:
    """Send the validation rows through the 4-bit forms that training left, compare, and make the best one ready.

    Writes the parity of each form into `metrics.json` and the card, with it, the calibration and the
    scores, into the chosen form's file; beside it, which texts the model has seen. Returns None where
    `stop()` said so before all rows were through. Raises `UserError` where a form cannot be loaded.
    """
    spec = TrainingSpec.read(run.spec)
    rows = list(read_rows(run.validation))
    gold = [row.label for row in rows]
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    card = _unserved_card(run, spec, name, codebook, base, metrics)
    trained = _trained_probabilities(run)

    logits: dict[str, Any] = {}
    reports: dict[str, parity.ParityReport] = {}
    for form in (form for form in FORMS if (run.model / form).is_dir()):
        try:
            logits[form] = _leaf_logits(run.model / form, card, rows, partial(on_progress, form), stop)
        except ClassificationStopped:
            return None
        reports[form] = parity.compare(
            trained,
            calibration.apply(logits[form], {}),
            gold,
            spec.leaves,
            [row.lang for row in rows],
        )
    form, reason = parity.choose_form(reports)

    card.form = form
    # An adapter stands over the base as it is, and trained scales are the base's own: only a merge rounds anew.
    merged = form == "single" and metrics["method"] != "scales"
    card.quantisation = spec.single_type if merged else base.quantisation
    # The temperature alone: it changes no label, so that what the gate compared is what is served. A bias for
    # each class favours the frequent one; on Gemma-3-270M it cost up to 1.3 points of macro-F1 on these rows.
    places = [spec.leaves.index(label) for label in gold]
    card.calibration = calibration.fit(logits[form], places, with_bias=False)
    served = calibration.apply(logits[form], card.calibration)
    predicted = [spec.leaves[i] for i in served.argmax(axis=1)]
    card.parity = {"served": form, "reason": reason, "rows": len(rows)} | {
        form: report.as_dict() for form, report in reports.items()
    }
    crossed = calibration.cross_fitted(logits[form], places)
    answers = Answers.of_probabilities([row.lang for row in rows], gold, crossed, spec.leaves)
    card.metrics = card.metrics | {
        "validation": score(gold, predicted, codebook),
        "confidence": training_confidence(answers),
    }
    metrics["parity"] = card.parity
    metrics["served"] = card.metrics
    _write_json(run.metrics, metrics)
    folder = run.model / form
    try:
        write_card(ModelFile.open(folder).trained, card)
        seen = SeenTexts.of((row.text for row in read_rows(run.train)), (row.text for row in rows))
        seen_texts.write(folder, card, seen)
        course.write(folder, read_events(run.events))
        light_start.write(folder, read_rows(run.train), codebook.aside)
    except ModelFileError as error:
        raise UserError(str(error), "Free some disk space, then train again.") from error
    except OSError as error:
        raise UserError(
            f"The list of the tweets that the model has seen cannot be written: {error.strerror or error}.",
            "Free some disk space, then train again.",
        ) from error
    return ServedModel(folder, card, reason)


def _unserved_card(
    run: RunFolder,
    spec: TrainingSpec,
    name: str,
    codebook: Codebook,
    base: BaseFile,
    metrics: dict[str, Any],
) -> ModelCard:
    languages = Counter(row.lang for row in read_rows(run.train))
    return ModelCard(
        name=name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        codebook=codebook.to_toml(),
        leaves=list(spec.leaves),
        leaf_tokens=list(metrics["leaf_tokens"]),
        prompt=dict(spec.prompt),
        base={
            "name": base.name,
            "sha256": base.sha256,
            "licence": base.licence,
            "licence_url": base.licence_url,
        },
        languages=dict(sorted(languages.items())),
        data=_fingerprint(run),
        metrics={
            "trained": {key: metrics["validation"][key] for key in ("accuracy", "macro_f1")}
            | {key: metrics[key] for key in ("method", "precision", "epochs", "best_epoch")}
        },
    )


def _fingerprint(run: RunFolder) -> dict[str, Any]:
    """Return what tells whether two models learned from the very same rows, in the same order."""
    digest = hashlib.sha256()
    rows = {}
    for part, path in (("train", run.train), ("validation", run.validation)):
        content = path.read_bytes()
        rows[part] = content.count(b"\n")
        digest.update(f"{part} {len(content)}\n".encode() + content)
    return {"sha256": digest.hexdigest()} | rows


def _trained_probabilities(run: RunFolder) -> "np.ndarray[Any, np.dtype[Any]]":
    import numpy as np

    rows = json.loads(run.validation_probabilities.read_text(encoding="utf-8"))
    width = max(len(row) for row in rows if row is not None)
    # A row without text has no probabilities.
    return np.array([row if row is not None else [np.nan] * width for row in rows], dtype=np.float64)


def _leaf_logits(
    folder: Path,
    card: ModelCard,
    rows: list[Row],
    progress: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> "np.ndarray[Any, np.dtype[Any]]":
    try:
        with Classifier(ModelFile.open(folder), card=card) as classifier:
            return classifier.leaf_logits([row.text for row in rows], progress, stop)
    except (ModelFileError, ClassifierError, InferenceError) as error:
        raise UserError(f"A 4-bit form of the model cannot be checked: {error}") from error


def _write_json(path: Path, values: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
