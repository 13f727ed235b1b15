"""A model's scores on a study's labelled rows, per language, seen and unseen languages told apart."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from app.errors import UserError
from app.inference.model_file import ModelFile
from app.study import evaluations, predictions, score_looks, sealing, seen_texts, splits, tweets
from app.study.classification import classify_study, register
from app.study.confidence import Answers
from app.study.confidence_report import confidence_report
from app.study.evaluation import FEW_ROWS, score
from app.study.sampling import labelled_rows
from app.study.sealing_text import looks_told, paper_sentence
from app.study.seen_texts import SeenTexts
from app.study.shelf import Shelf
from app.study.study import Study

Events = Callable[[dict[str, Any]], None]

_NOTES = {
    "test": "Scored on the sealed test set, on which no model is trained.",
    "unseen": "Scored on labelled rows that had no part in this training; there are no labelled test tweets.",
    "validation": "Scored on validation rows, which also chose the epoch and the calibration: "
    "expect less on new tweets.",
    "trained": "Scored on rows that the model was trained on: this says nothing about new tweets.",
    "unknown": "It cannot be known which of these tweets the model has seen: it was trained elsewhere and "
    "came without the list of its training tweets. If they are among them, these scores say nothing about new "
    "tweets.",
}
# On these rows a score says what to expect of new tweets.
_FAIR = ("test", "unseen")


def evaluate(
    study: Study,
    model: str,
    on_event: Events = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    shelf: Shelf | None = None,
) -> dict[str, Any] | None:
    """Score a model on the best rows that there are: test, else unseen, else validation, else trained.

    A tweet whose normalised text was trained on counts as trained, whatever its id and though it be marked as
    a test row; near-duplicates of test rows are not scored. Rows without a prediction are classified first. A
    score on test rows is counted as a look (`score_looks`) before it is returned. The report is kept in the
    study. Returns None where it was stopped; otherwise
    {model, rows, note, warning, overall, seen, unseen, languages: {lang: scores + seen, few}, confusion,
    confidence, look}, where `look` is None or {id, new, number, before, models_before, total, models, told,
    sentence} and `confidence` is what `confidence_report` returns.
    """
    shelf = shelf or Shelf()
    file = shelf.model(model)
    known = register(study, model, file, shelf, on_event)
    model_id = known.id
    last_labels = evaluations.last_labels(study)
    test = sealing.test_tweets(study)
    copies = sealing.copies(study)
    seen = _seen_by(study, model_id, file)
    labelled = labelled_rows(study)
    by_role: dict[str, list[int]] = defaultdict(list)
    lost = 0
    for key, row in labelled:
        if key in copies:
            continue
        role = seen.role(row.text) if seen is not None else ""
        by_role[role or ("test" if key in test else "unseen")].append(key)
        lost += bool(role) and key in test
    kind = next((role for role in ("test", "unseen", "validation", "train") if by_role[role]), None)
    if kind is None:
        raise UserError(
            "No tweet of this study is labelled, so there is nothing to compare with.", "Label some first."
        )
    chosen = set(by_role[kind])
    rows = [(key, row) for key, row in labelled if key in chosen]
    keys = [key for key, _ in rows]
    # What a light model settled before the tweet got its label says nothing of the model.
    missing = predictions.not_said(study, model_id, keys)
    if missing:
        done_now = classify_study(study, model, keys=missing, on_event=on_event, stop=stop, shelf=shelf)
        if done_now.stopped:
            return None
    answered = predictions.with_confidence(study, model_id, keys)
    predicted: dict[int, str | None] = {key: leaf for key, (leaf, _) in answered.items()}
    seen_languages = set(file.card.languages) if file.card is not None else set()
    told = "unknown" if seen is None else "trained" if kind == "train" else kind
    report = _report(study, model, told, rows, predicted, seen_languages)
    if lost:
        report["note"] += f" Left out were {lost:,} test tweets whose texts had a part in the training."
    answers = Answers.of_rows((row.lang, row.label, *answered.get(key, ("", 0.0))) for key, row in rows)
    report["confidence"] = confidence_report(answers, warning=report["warning"])
    report["look"] = (
        _count_look(study, model, known.sha256, rows, predicted, report) if kind == "test" else None
    )
    evaluations.save(study, model_id, report, last_labels)
    return report


def _seen_by(study: Study, model_id: int, file: ModelFile) -> SeenTexts | None:
    """Return what a model has seen: by its own list, else by the run of this study; None: nobody knows."""
    known = seen_texts.read(file.trained.parent, file.card) if file.card is not None else None
    if known is not None:
        return known
    parts = splits.seen_by(study, model_id)
    texts: dict[str, list[str]] = {"train": [], "validation": []}
    for row in tweets.get(study, list(parts)):
        texts.setdefault(parts[row.id], []).append(row.text)
    return SeenTexts.of(texts["train"], texts["validation"]) if parts else None


def _count_look(
    study: Study,
    model: str,
    sha256: str,
    rows: list[Any],
    predicted: dict[int, str | None],
    report: dict[str, Any],
) -> dict[str, Any]:
    scored = [(row.id, row.label, predicted.get(key) or "") for key, row in rows]
    scores = report["overall"] | {"languages": len(report["languages"])}
    look, new = score_looks.record(study, model, sha256, scored, scores)
    sealed = sealing.sealed_set(study)
    place = score_looks.up_to(sealed.looks, look)
    assert place is not None
    return place.as_dict() | {
        "new": new,
        "told": looks_told(sealed.looks),
        "sentence": paper_sentence(sealed, look),
    }


def _report(
    study: Study, model: str, kind: str, rows: list[Any], predicted: dict[int, str | None], seen: set[str]
) -> dict[str, Any]:
    # A row that could not be classified has no prediction and counts as wrong.
    triples = [(row.lang, row.label, predicted.get(key) or "") for key, row in rows]

    def scores(languages: set[str]) -> dict[str, Any]:
        kept = [(g, p) for lang, g, p in triples if lang in languages]
        return score([g for g, _ in kept], [p for _, p in kept], study.codebook)

    languages = sorted({lang for lang, _, _ in triples})
    per_language = {lang: scores({lang}) for lang in languages}
    leaves = [leaf.code for leaf in study.codebook.leaves]
    return {
        "model": model,
        "rows": kind,
        "note": _NOTES[kind],
        "warning": kind not in _FAIR,
        "overall": scores(set(languages)),
        "seen": scores(set(languages) & seen),
        "unseen": scores(set(languages) - seen),
        "languages": {
            lang: one | {"seen": lang in seen, "few": one["n"] < FEW_ROWS}
            for lang, one in per_language.items()
        },
        "confusion": {
            gold: {p: sum(1 for _, g, q in triples if g == gold and q == p) for p in [*leaves, ""]}
            for gold in leaves
        },
    }
