"""Classifying the tweets of a study: every selected tweet ends as predicted or as failed with a reason."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from app.errors import UserError
from app.inference.machine import has_unused_gpu
from app.inference.model_file import sha256
from app.inference.tuning import Tuning
from app.study import light_start, models, predictions, tweets
from app.study.cascade import Cascade
from app.study.cascade_planning import Terms
from app.study.cascade_rule import check_codebook
from app.study.chunked_classification import classify_unknown
from app.study.classification_report import EMPTY, ClassificationReport
from app.study.known_tunings import tuned, unfolded_folder
from app.study.predictions import Selection
from app.study.seen_texts import digest
from app.study.shelf import Shelf
from app.study.study import Study
from training.contract.events import make_event

if TYPE_CHECKING:
    from app.inference.classifier import Classifier
    from app.inference.model_file import ModelFile

# Tweets whose predictions are written in one short transaction: a kill loses at most so many.
CHUNK = 1024

Events = Callable[[dict[str, Any]], None]


def open_classifier(model: "ModelFile", tuning: Tuning | None = None) -> "Classifier":
    """Load a model for classification; raise `UserError` where it cannot be.

    `tuning` is the one that a job began with.
    """
    from app.inference.classifier import Classifier, ClassifierError, InferenceError

    if (
        model.prompt is not None
        and model.card is not None
        and sha256(model.gguf) != model.card.base["sha256"]
    ):
        # The card's hash stands for the file as well: what another file says would be told as this one's.
        raise UserError(
            f"{model.gguf.name} was changed since this untrained model was made of it (its hash differs).",
            "Try the untrained model anew: it becomes a model of its own.",
        )
    try:
        return Classifier(model, tuning=tuning, unfolded=unfolded_folder())
    except (ClassifierError, InferenceError) as error:
        raise UserError(str(error)) from error
    except ImportError as error:
        raise UserError(
            "Classification needs llama.cpp, which is not part of this installation.",
            'Install StanceDesk with its inference extra (pip install ".[inference]" in its source folder).',
        ) from error


def count_selected(
    study: Study,
    model: str,
    *,
    language: str = "",
    only_unlabelled: bool = False,
    again: bool = False,
    cascade: bool = False,
) -> Selection:
    """Return what `classify_study` would select."""
    known = next((m.id for m in models.list_models(study) if m.name == model), None)
    return predictions.select_tweets(
        study, known, language=language, only_unlabelled=only_unlabelled, again=again, cascade=cascade
    )


def classify_study(
    study: Study,
    model: str,
    *,
    language: str = "",
    only_unlabelled: bool = False,
    limit: int | None = None,
    again: bool = False,
    keys: Sequence[int] | None = None,
    cascade: Terms | None = None,
    on_event: Events = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    shelf: Shelf | None = None,
) -> ClassificationReport:
    """Classify tweets and write the predictions to the study, a chunk at a time.

    Done are, of the tweets selected, those that this model has not predicted yet (with `again`, all), `limit` of
    them at most; or those of `keys`. With a `cascade`, a light model settles what is surely unrelated, on these
    terms (`app.study.cascade`); without one, what a light model settled before is the model's to do.
    What was written stays when it is stopped or killed, and is not done twice.
    """
    if cascade is not None:
        check_codebook(study.codebook.aside)
    shelf = shelf or Shelf()
    file = shelf.model(model)
    if file.card is not None and set(file.card.leaves) != set(study.codebook.leaf_codes):
        raise UserError(
            f"The model “{model}” knows the classes {', '.join(file.card.leaves)}, the study has "
            f"{', '.join(study.codebook.leaf_codes)}.",
            "Choose a model that was trained with this study's codebook.",
        )
    on_event(make_event("stage", stage="load", message=f"Loading the model “{model}”."))
    with open_classifier(file) as classifier:
        model_id = register(study, model, file, shelf, on_event).id
        chosen = Selection(list(keys or ()))
        if keys is None:
            chosen = predictions.select_tweets(
                study,
                model_id,
                language=language,
                only_unlabelled=only_unlabelled,
                limit=limit,
                again=again,
                cascade=cascade is not None,
            )
        keys = chosen.keys
        tuned(classifier, file, len(keys), lambda: on_event(tuning_event(classifier.device)), stop)
        report = ClassificationReport(
            classifier.card.name, len(keys) + chosen.before, device=classifier.device
        )
        report.before, report.before_settled = chosen.before, chosen.before_settled
        report.per_leaf = dict.fromkeys(classifier.leaves, 0)
        full_pass = _FullPass(study, classifier, model_id, report, on_event, stop, chosen.settled)
        ahead = None
        if cascade is not None:
            job = {"language": language, "only_unlabelled": only_unlabelled, "limit": limit, "again": again}
            ahead = Cascade(
                study,
                model_id,
                classifier.leaves,
                full_pass.classify,
                full_pass.take_settled,
                on_event,
                stop,
                light_start.read(file.trained.parent),
            )
            begun = ahead.begin(keys, job, cascade)
            full_pass.expect(begun.keys)
            report.before += begun.predicted
            report.before_settled += begun.settled
            report.fail(begun.failures, before=True)
            left = ahead.settle(begun.keys)
            report.cascade = ahead.facts
            if left is None:
                report.stopped = True
                return report
            keys = left
        message = f"Classifying {len(keys):,} tweets on the {classifier.device}."
        if chosen.settled:
            message += f" A light model has settled {len(chosen.settled):,} of them before."
        on_event(classify_event(message, classifier.device))
        if full_pass.classify(keys) and ahead is not None:
            ahead.end(full_pass.seconds, report.predicted)
            report.cascade = ahead.facts
    return report


def register(
    study: Study, model: str, file: "ModelFile", shelf: Shelf, on_event: Events = lambda _: None
) -> models.StudyModel:
    """Make a model known to the study under its name on the shelf, or its card's where it is elsewhere.

    Where another model had this name here, it is told what that one is called now.
    """
    if file.card is None:
        raise UserError(
            f"{file.trained.name} was not fine-tuned by StanceDesk, so it has no classes.",
            "Fine-tune it on a study first.",
        )
    name = model if shelf.has(model) else file.card.name
    known = models.register(
        study,
        name,
        str(file.trained.parent),
        sha256(file.trained),
        file.card.leaves,
        card=file.card.as_dict(),
    )
    if known.earlier:
        on_event(make_event("warning", message=models.set_aside_told(name, known.earlier)))
    return known


class _FullPass:
    """Classifies tweets with the model, writes what it says a chunk at a time, and counts it into a report.

    `settled` are tweets that a light model has settled before. `seconds`: how long the model itself was at work.
    """

    def __init__(
        self,
        study: Study,
        classifier: "Classifier",
        model_id: int,
        report: ClassificationReport,
        on_event: Events,
        stop: Callable[[], bool],
        settled: Collection[int],
    ) -> None:
        self._study, self._classifier, self._model_id = study, classifier, model_id
        self._settled = settled
        self._report, self._on_event, self._stop = report, on_event, stop
        self._begin = time.monotonic()
        self._seen = DistinctTexts(classifier)
        self._expected: Sequence[int] | None = None
        self.seconds = 0.0

    def expect(self, keys: Sequence[int]) -> None:
        """Take these for the tweets of the job; any other that is classified is selected besides.

        A sample may have been drawn before a stop, and one of its tweets have got a label since: it is no longer
        among those without a label, but the sample is not one without it.
        """
        self._expected = keys

    def classify(self, keys: Sequence[int]) -> bool:
        """Classify tweets; return False where it was stopped."""
        from app.inference.classifier import ClassificationStopped

        report, leaves = self._report, self._classifier.leaves
        if self._expected is not None:
            report.selected += len(set(keys).difference(self._expected))
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            begin, before = time.monotonic(), report.done
            texts = {row.id: row.text for row in tweets.get(self._study, chunk)}

            def progress(done: int, _total: int, before: int = before) -> None:
                self._tell(before + done)

            try:
                probabilities = self._seen.classify([texts[key] for key in chunk], progress, self._stop)
            except ClassificationStopped:
                report.stopped = True
                return False
            predictions.save(self._study, self._model_id, leaves, chunk, probabilities, EMPTY)
            report.count(leaves, probabilities)
            # A light model settles no tweet on which the model fails.
            report.were_settled += sum(key in self._settled for key in chunk)
            self.seconds += time.monotonic() - begin
            self._tell(report.done)
        return True

    def take_settled(self, leaves: Counter[str]) -> None:
        """Count what a light model settled."""
        self._report.count_settled(leaves)
        self._report.seconds = time.monotonic() - self._begin

    def _tell(self, done: int) -> None:
        self._report.seconds = time.monotonic() - self._begin
        self._on_event(progress_event(done, self._report.asked, self._report))


def tuning_event(device: str) -> dict[str, Any]:
    """Return that it is found out how the model is fastest here as an event."""
    return make_event(
        "stage", stage="tune", message=f"Finding out how the model is fastest on this {device}."
    )


def classify_event(message: str, device: str) -> dict[str, Any]:
    """Return that classification begins as an event: on what, and whether a GPU lies idle beside it."""
    unused = device == "CPU" and has_unused_gpu()
    return make_event("stage", stage="classify", message=message, device=device, unused_gpu=unused)


def progress_event(done: int, total: int, report: ClassificationReport) -> dict[str, Any]:
    """Return the progress of a classification as an event."""
    rate = done / report.seconds if report.seconds > 0 else 0.0
    return make_event(
        "progress",
        stage="classify",
        done=done,
        total=total,
        unit="tweets",
        rate=rate,
        seconds_left=(total - done) / rate if rate and total else None,
        per_leaf=report.per_leaf,
    )


class DistinctTexts:
    """Remembers what a classifier said of each normalised text, so that no text is computed twice in a job.

    `most` bounds the memory (about 150 bytes a text); beyond it, further texts are computed as they come.
    """

    def __init__(self, classifier: "Classifier", most: int = 1_000_000) -> None:
        self._classifier = classifier
        self._most = most
        self._known: dict[bytes, Any] = {}

    def classify(
        self,
        texts: Sequence[str],
        progress: Callable[[int, int], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Any:
        """Return probabilities, float32 (texts, leaves), as the classifier's `classify` does."""
        import numpy as np

        digests = [digest(text) for text in texts]
        computed = classify_unknown(texts, digests, self._known, self._classifier, progress, stop)
        result = np.empty((len(texts), len(self._classifier.leaves)), dtype=np.float32)
        for i, one in enumerate(digests):
            result[i] = self._known[one] if one in self._known else computed[one]
        for one, probabilities in computed.items():
            if len(self._known) < self._most:
                self._known[one] = probabilities.copy()
        return result
