"""Texts in, a probability for each leaf out."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.inference import calibration, torch_engine
from app.inference.engine import Context, Engine, InferenceError
from app.inference.model_file import ModelCard, ModelFile
from app.inference.tuning import Tuning, Weights, best_weights, fastest
from app.inference.unfolding import KINDS, Unfolding
from training.contract.prompt import EncodedPrompt, Prompt, PromptError, encode_prompt

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]
    Tokens = np.ndarray[Any, np.dtype[np.int32]]

# Distinct texts tokenised at a time: enough to pack by length, little enough that computing soon begins.
_WINDOW = 512
# Weights that are so many times as fast as those that are stored are taken without trying others: llama.cpp's own
# kernels gained up to 1.6 times where that was measured, and files have to be written to try them.
_ENOUGH = 1.6

__all__ = ["ClassificationStopped", "Classifier", "ClassifierError", "InferenceError"]


class ClassifierError(Exception):
    """This model cannot classify; the message is a sentence for the user."""


class ClassificationStopped(Exception):
    """`stop()` asked to end before every text was classified. Raised, so that no caller takes part for whole.

    `probabilities` has what `classify` would have returned, NaN where it was not reached; `done` tells per
    text whether it was reached (texts that are empty after normalising count as reached).
    """

    def __init__(self, probabilities: "Floats", done: "np.ndarray[Any, np.dtype[np.bool_]]") -> None:
        super().__init__("Stopped before all texts were classified.")
        self.probabilities = probabilities
        self.done = done


class Classifier:
    """A fine-tuned model, ready to classify. Use it from one thread at a time, and close it.

    `card` replaces the card in the file: for a model whose card is not written yet. `tuning` is how the model is run:
    with that of an earlier classifier results equal its own to the last bit. `unfolded` is the folder for weights
    unfolded to 16 bits (`app.inference.unfolding`); without one they are run as they are stored. Raises
    `ClassifierError` where the model was not fine-tuned by StanceDesk or does not fit its card, `InferenceError` where
    llama.cpp cannot load it.
    """

    def __init__(
        self,
        model: ModelFile,
        *,
        threads: int | None = None,
        card: ModelCard | None = None,
        tuning: Tuning | None = None,
        unfolded: Path | None = None,
    ) -> None:
        card = card or model.card
        if card is None:
            raise ClassifierError(
                f"{model.trained.name} was not fine-tuned by StanceDesk, so it has no classes. "
                "Fine-tune it on a study first."
            )
        self.card = card
        self.leaves = tuple(card.leaves)
        self._model = model
        self._threads = threads
        self._unfolding = None if unfolded is None else Unfolding(model, unfolded)
        self.tuning = tuning or Tuning()
        # As it is stored, beside unfolded weights: only where these cannot say what a text is.
        self._stored: tuple[Engine, Context] | None = None
        self._closing = ExitStack()
        with ExitStack() as undo:
            undo.callback(self._close_stored)
            self.engine = self._open(self.tuning.weights)
            undo.callback(lambda: self.engine.close())
            self.encoded = _encode(card, self.engine)
            self._longest = self.encoded.prompt.max_text_tokens + len(self.encoded.after)
            self._context = self._make_context()
            undo.callback(lambda: self._context.close())
            self._closing = undo.pop_all()

    @property
    def device(self) -> str:
        """`CPU` or `GPU`: where the model runs."""
        return self.engine.device

    def tune(self, stop: Callable[[], bool] = lambda: False) -> Tuning:
        """Find out in some seconds what is fastest on this machine, and run the model so from now on."""
        self.use(Tuning())
        before, longest, columns = self.encoded.before, self._longest, self.encoded.leaf_tokens
        with ExitStack() as opened:
            engines = {"": self.engine}
            weights = Weights("")
            for kinds in self._kinds():
                for kind in kinds:
                    # No room on the disk or in memory: a job that can be done without it is done without it.
                    with suppress(InferenceError):
                        if not stop():
                            engines[kind] = opened.enter_context(self._open(kind, stop))
                weights = best_weights(engines, before, longest, columns, stop)
                if weights.gain > _ENOUGH:
                    break
            found = fastest(engines[weights.kind], weights.kind, before, longest, stop)
        for kind in KINDS:
            if kind != found.weights and self._unfolding:
                self._unfolding.remove(kind)
        self.use(found)
        return self.tuning

    def use(self, tuning: Tuning) -> None:
        """Run the model in another way from now on; raise `InferenceError` where its weights cannot be unfolded."""
        if tuning == self.tuning:
            return
        if tuning.weights != self.tuning.weights:
            engine = self._open(tuning.weights)
            self._context.close()
            self.engine.close()
            self.engine = engine
            # It holds the tokenizer of the engine that it was made with.
            self.encoded = _encode(self.card, engine)
        else:
            self._context.close()
        self.tuning = tuning
        self._context = self._make_context()

    def _kinds(self) -> Iterator[tuple[str, ...]]:
        """Yield what the weights can be unfolded to, what gains most first; a GPU has other limits than arithmetic."""
        if self._unfolding is not None and self.device == "CPU":
            yield torch_engine.kinds(self._model)
            yield self._unfolding.kinds

    def _open(self, weights: str, stop: Callable[[], bool] = lambda: False) -> Engine:
        if not weights:
            return Engine(self._model.gguf, self._model.adapter, threads=self._threads)
        if weights == torch_engine.KIND:
            return torch_engine.TorchEngine(self._model, threads=self._threads, stop=stop)
        if self._unfolding is None:
            raise InferenceError("This job began with unfolded weights, and there is no folder for them.")
        file = self._unfolding.file(weights, stop)
        if file is None:
            raise InferenceError("It was stopped while the model's weights were unfolded.")
        return Engine(file, threads=self._threads)

    def _make_context(self) -> Context:
        return self.tuning.context(self.engine, self.encoded.before, self._longest)

    def _as_stored(self, sequences: "Sequence[Tokens]") -> "Floats":
        """Return logits by the model as it is stored: of texts whose numbers are too large for 16 bits."""
        if self._stored is None:
            engine = self._open("")
            self._stored = engine, engine.context(self.encoded.before, self._longest)
        return self._stored[1].evaluate(sequences, self.encoded.leaf_tokens)

    def _close_stored(self) -> None:
        if self._stored is not None:
            engine, context = self._stored
            self._stored = None
            context.close()
            engine.close()

    def classify(
        self,
        texts: Sequence[str],
        progress: Callable[[int, int], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> "Floats":
        """Return calibrated probabilities, float32 (texts, leaves), in the order of the texts.

        Rows sum to 1; a text that is empty after normalising has a row of NaN. Each distinct normalised text
        is computed once. Between batches `progress(done, total)` hears how many texts have their result, and
        `stop()` is asked: where it says so, `ClassificationStopped` is raised with what there is.
        """
        try:
            return calibration.apply(self.leaf_logits(texts, progress, stop), self.card.calibration)
        except ClassificationStopped as stopped:
            done = calibration.apply(stopped.probabilities, self.card.calibration)
            raise ClassificationStopped(done, stopped.done) from None

    def leaf_logits(
        self,
        texts: Sequence[str],
        progress: Callable[[int, int], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> "Floats":
        """Return the leaves' raw logits, float32 (texts, leaves); otherwise like `classify`.

        `ClassificationStopped.probabilities` then holds logits.
        """
        import numpy as np

        places: dict[str, int] = {}
        index = np.empty(len(texts), dtype=np.intp)
        for row, text in enumerate(texts):
            normalised = self.encoded.prompt.normalised(text)
            index[row] = places.setdefault(normalised, len(places)) if normalised else -1
        distinct = list(places)
        repeats = np.bincount(index[index >= 0], minlength=len(distinct))
        logits = np.full((len(distinct) + 1, len(self.leaves)), np.nan, dtype=np.float32)
        reached = np.zeros(len(distinct) + 1, dtype=np.bool_)
        # The last row, which index -1 picks, stands for the empty texts: NaN, and there is nothing to reach.
        reached[-1] = True
        finished = int((index < 0).sum())

        for start, sequences in self._tokenised(distinct):
            if stop is not None and stop():
                raise ClassificationStopped(logits[index], reached[index])
            shares = repeats[start : start + len(sequences)]
            stopped = False

            def on_batch(rows: Sequence[int], offset: int = start, shares: Any = shares) -> bool:
                nonlocal finished, stopped
                reached[[offset + row for row in rows]] = True
                finished += int(shares[list(rows)].sum())
                if progress is not None:
                    progress(finished, len(texts))
                if stop is not None and finished < len(texts):
                    stopped = stop()
                return not stopped

            part = slice(start, start + len(sequences))
            logits[part] = self._context.evaluate(sequences, self.encoded.leaf_tokens, on_batch)
            if self.tuning.weights:
                beyond = np.flatnonzero(reached[part] & ~np.isfinite(logits[part]).all(axis=1))
                for place in beyond.tolist():
                    logits[start + place] = self._as_stored([sequences[place]])[0]
            if stopped:
                raise ClassificationStopped(logits[index], reached[index])
        return logits[index]

    def _tokenised(self, texts: Sequence[str]) -> "Iterator[tuple[int, list[Tokens]]]":
        """Yield (number of the first text, token sequences) of some texts at a time.

        The next are tokenised while the last are computed: llama.cpp needs no lock of Python's for either.
        """
        with ThreadPoolExecutor(1) as beside:
            coming = beside.submit(self._sequences, texts[:_WINDOW])
            for start in range(0, len(texts), _WINDOW):
                sequences = coming.result()
                coming = beside.submit(self._sequences, texts[start + _WINDOW : start + 2 * _WINDOW])
                yield start, sequences

    def _sequences(self, texts: Sequence[str]) -> "list[Tokens]":
        import numpy as np

        after = np.asarray(self.encoded.after, dtype=np.int32)
        cut = self.encoded.prompt.max_text_tokens
        return [np.concatenate([self.engine.tokenize(text)[:cut], after]) for text in texts]

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        self._closing.close()

    def __enter__(self) -> "Classifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode_in(engine: Engine, prompt: Prompt) -> EncodedPrompt:
    """Put a prompt into a model's own tokens; raise `PromptError` where it does not fit its vocabulary."""
    return encode_prompt(
        prompt,
        lambda text: engine.tokenize(text).tolist(),
        engine.begin_of_sequence,
        lambda turns: engine.tokenize(turns, special=True).tolist(),
    )


def _encode(card: ModelCard, engine: Engine) -> EncodedPrompt:
    """Put the card's prompt into the file's own tokens and check that the card means the same ones."""
    try:
        prompt = Prompt.from_dict(card.prompt)
        encoded = encode_in(engine, prompt)
    except PromptError as error:
        raise ClassifierError(str(error)) from error
    except (KeyError, TypeError) as error:
        raise ClassifierError(
            "The model's card does not say how to ask the model. Train the model again."
        ) from error
    if len(encoded.leaf_tokens) != len(card.leaves):
        raise ClassifierError(
            "The model's card names other classes than its prompt has answers. Train the model again."
        )
    if list(encoded.leaf_tokens) != list(card.leaf_tokens):
        raise ClassifierError(
            "The model's card does not fit its vocabulary: the file was changed, or the base is another. "
            "Fetch or train the model anew."
        )
    return encoded
