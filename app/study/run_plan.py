"""What a training run is asked to do: its settings, and which rows it trains and validates on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import UserError
from app.study import trials
from app.study.base_models import BaseFile
from app.study.codebook import Codebook
from app.study.sampling import Division, divide, trainable_rows
from app.study.study import Study
from app.study.trials import Estimate
from training.contract.prompt import Prompt, PromptError, fine_tuned_prompt
from training.contract.run_folder import RunFolder
from training.contract.spec import Row, SpecError, TrainingSpec, write_rows
from training.contract.trial import Trial

# So many rows of Gemma 3 270M are trained in the time of a few trials, two to three minutes on two cores.
_SHORT_ROWS = 1500


@dataclass(frozen=True)
class RunPlan:
    """Settings and rows of a run. `keyed`: all its rows as (key, row)."""

    spec: TrainingSpec
    keyed: list[tuple[int, Row]]
    division: Division

    @property
    def train(self) -> list[Row]:
        """The rows to train on."""
        return self.division.train

    @property
    def validation(self) -> list[Row]:
        """The rows to validate on."""
        return self.division.validation

    @property
    def is_short(self) -> bool:
        """Whether the run itself takes about as long as a trial of it: what would fail in it fails soon anyhow."""
        return self.spec.epochs * len(self.train) < _SHORT_ROWS

    def parts(self) -> dict[str, list[int]]:
        """Return the keys of the tweets of either side, for the study."""
        keys = {row.id: key for key, row in self.keyed}
        sides = {"train": self.train, "validation": self.validation}
        return {side: [keys[row.id] for row in rows] for side, rows in sides.items()}

    def write(self, run: RunFolder) -> None:
        """Write settings and rows into a run folder that is there."""
        self.spec.write(run.spec)
        write_rows(run.train, self.train)
        write_rows(run.validation, self.validation)

    def estimate(self, trial: Trial) -> Estimate:
        """Return what the run will take, by what a trial measured."""
        return trials.estimate(trial, len(self.train), len(self.validation), self.spec.epochs)


def plan_run(study: Study, base: BaseFile, languages: Sequence[str], settings: dict[str, Any]) -> RunPlan:
    """Return the plan of a run on these languages (none: all); raise `UserError` for settings that cannot work."""
    spec = spec_of(study.codebook, base, settings)
    keyed = trainable_rows(study, languages)
    return RunPlan(spec, keyed, divide(study, keyed, spec.seed))


def prompt_of(codebook: Codebook) -> Prompt:
    """Return what a model is asked that is fine-tuned on this codebook: its words or, where it has none, letters.

    A codebook with the bundled one's name and classes and no words of its own is asked by the bundled one's: that of a
    study that was begun before there were words.
    """
    bundled = Codebook.default()
    is_bundled = (codebook.name, codebook.leaf_codes) == (bundled.name, bundled.leaf_codes)
    if is_bundled and not codebook.leaves[0].answer:
        codebook = bundled
    words = [leaf.answer for leaf in codebook.leaves if leaf.answer]
    return fine_tuned_prompt(len(codebook.leaves), cue=codebook.cue if words else "", words=words)


def spec_of(codebook: Codebook, base: BaseFile, settings: dict[str, Any]) -> TrainingSpec:
    """Return the settings of a run; raise `UserError` where they cannot work."""
    leaves = [leaf.code for leaf in codebook.leaves]
    try:
        return TrainingSpec.from_dict(
            {
                "base": base.name,
                "base_path": str(base.path),
                "base_sha256": base.sha256,
                "leaves": leaves,
                "prompt": prompt_of(codebook).as_dict(),
            }
            | settings
        )
    except (SpecError, PromptError) as error:
        raise UserError(str(error)) from error
