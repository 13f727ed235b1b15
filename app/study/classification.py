"""Classifying the tweets of a study: every selected tweet ends as predicted or as failed with a reason."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from app.errors import UserError
from app.inference.engine import has_unused_gpu
from app.inference.model_file import sha256
from app.inference.tuning import Tuning
from app.study import models, predictions, tweets
from app.study.cascade import Cascade
from app.study.cascade_planning import Terms
from app.study.cascade_rule import check_codebook
from app.study.chunked_classification import classify_unknown
from app.study.known_tunings import tuned, unfolded_folder
from app.study.seen_texts import digest
from app.study.shelf import Shelf
from app.study.study import Study
from training.contract.events import make_event

if TYPE_CHECKING:
    from app.inference.classifier import Classifier
    from app.inference.model_file import ModelFile

# Tweets whose predictions are written in one short transaction: a kill loses at most so many.
CHUNK = 1024
EMPTY = "no text is left after links and white space are normalised"

Events = Callable[[dict[str, Any]], None]


@dataclass
class ClassificationReport:
    """What a classification did. `selected` = `predicted` + `settled` + `failed`, unless it was stopped.

    `predicted`: by the model itself; `settled`: by the light model of a cascade, whose `cascade` tells the facts.
    """

    model: str
    selected: int = 0
    predicted: int = 0
    failed: int = 0
    settled: int = 0
    seconds: float = 0.0
    per_leaf: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    device: str = ""
    output: str = ""
    stopped: bool = False
    cascade: dict[str, Any] | None = None

    @property
    def done(self) -> int:
        """Tweets that have their outcome."""
        return self.predicted + self.settled + self.failed

    @property
    def per_second(self) -> float:
        """Tweets a second from the first tweet to the last; loading the model is not counted."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self) | {"per_second": self.per_second}

    def summary(self) -> str:
        """Return the counts in a sentence."""
        done = f"{self.predicted:,} of {self.selected:,} tweets classified with “{self.model}”"
        if self.settled:
            done += f", {self.settled:,} settled by the light model"
        if self.stopped:
            return f"Stopped: {done}. What is done is kept; start again to go on."
        shares = ", ".join(f"{leaf} {n:,}" for leaf, n in self.per_leaf.items())
        failed = "".join(f" {n:,} failed: {why}." for why, n in self.failures.items())
        where = f" Written to {self.output}." if self.output else ""
        return f"{done} ({shares}).{failed}{where}"


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
    study: Study, model: str, *, language: str = "", only_unlabelled: bool = False, again: bool = False
) -> int:
    """Return how many tweets `classify_study` would select."""
    known = next((m.id for m in models.list_models(study) if m.name == model), None)
    return len(
        predictions.select_tweets(
            study, None if again else known, language=language, only_unlabelled=only_unlabelled
        )
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

    Selected are the tweets that this model has not predicted yet (with `again`, all), or those of `keys`. With a
    `cascade`, a light model settles what is surely unrelated, on these terms (`app.study.cascade`).
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
        model_id = register(study, model, file, shelf).id
        if keys is None:
            keys = predictions.select_tweets(
                study,
                None if again else model_id,
                language=language,
                only_unlabelled=only_unlabelled,
                limit=limit,
            )
        tuned(classifier, file, len(keys), lambda: on_event(tuning_event(classifier.device)), stop)
        report = ClassificationReport(classifier.card.name, len(keys), device=classifier.device)
        report.per_leaf = dict.fromkeys(classifier.leaves, 0)
        full_pass = _FullPass(study, classifier, model_id, report, on_event, stop)
        ahead = None
        if cascade is not None:
            job = {"language": language, "only_unlabelled": only_unlabelled, "limit": limit, "again": again}
            ahead = Cascade(
                study, model_id, classifier.leaves, full_pass.classify, full_pass.take_settled, on_event, stop
            )
            keys = ahead.begin(keys, job, cascade)
            report.selected = len(keys)
            left = ahead.settle(keys)
            report.cascade = ahead.facts
            if left is None:
                report.stopped = True
                return report
            keys = left
        on_event(
            classify_event(f"Classifying {len(keys):,} tweets on the {classifier.device}.", classifier.device)
        )
        if full_pass.classify(keys) and ahead is not None:
            ahead.end(full_pass.seconds, report.predicted)
            report.cascade = ahead.facts
    return report


def register(study: Study, model: str, file: "ModelFile", shelf: Shelf) -> models.StudyModel:
    """Make a model known to the study under its name on the shelf, or its card's where it is elsewhere."""
    if file.card is None:
        raise UserError(
            f"{file.trained.name} was not fine-tuned by StanceDesk, so it has no classes.",
            "Fine-tune it on a study first.",
        )
    name = model if shelf.has(model) else file.card.name
    return models.register(
        study,
        name,
        str(file.trained.parent),
        sha256(file.trained),
        file.card.leaves,
        card=file.card.as_dict(),
    )


class _FullPass:
    """Classifies tweets with the model, writes what it says a chunk at a time, and counts it into a report.

    `seconds`: how long the model itself was at work.
    """

    def __init__(
        self,
        study: Study,
        classifier: "Classifier",
        model_id: int,
        report: ClassificationReport,
        on_event: Events,
        stop: Callable[[], bool],
    ) -> None:
        self._study, self._classifier, self._model_id = study, classifier, model_id
        self._report, self._on_event, self._stop = report, on_event, stop
        self._begin = time.monotonic()
        self._seen = DistinctTexts(classifier)
        self.seconds = 0.0

    def classify(self, keys: Sequence[int]) -> bool:
        """Classify tweets; return False where it was stopped."""
        from app.inference.classifier import ClassificationStopped

        report, leaves = self._report, self._classifier.leaves
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
            count_predictions(report, leaves, probabilities)
            self.seconds += time.monotonic() - begin
            self._tell(report.done)
        return True

    def take_settled(self, leaves: Counter[str]) -> None:
        """Count what a light model settled."""
        report = self._report
        for leaf, number in leaves.items():
            report.per_leaf[leaf] = report.per_leaf.get(leaf, 0) + number
        report.settled += leaves.total()
        report.seconds = time.monotonic() - self._begin

    def _tell(self, done: int) -> None:
        self._report.seconds = time.monotonic() - self._begin
        self._on_event(progress_event(done, self._report.selected, self._report))


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


def count_predictions(report: ClassificationReport, leaves: Sequence[str], probabilities: Any) -> None:
    """Add a chunk's outcomes to a report."""
    import numpy as np

    empty = np.isnan(probabilities[:, 0])
    counts = Counter(probabilities[~empty].argmax(axis=1).tolist())
    for index, leaf in enumerate(leaves):
        report.per_leaf[leaf] = report.per_leaf.get(leaf, 0) + counts[index]
    report.predicted += int((~empty).sum())
    if empty.any():
        report.failed += int(empty.sum())
        report.failures[EMPTY] = report.failures.get(EMPTY, 0) + int(empty.sum())


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
