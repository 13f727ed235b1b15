"""A run tried before it begins, in a real training process on a real base."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.training.conftest import make_rows, train
from training import power
from training.batches import Example
from training.contract.events import read_events
from training.contract.run_folder import RunFolder
from training.contract.spec import Row, TrainingSpec
from training.contract.trial import Trial
from training.run import measured_precision
from training.trial import longest_rows

MakeRun = Callable[..., RunFolder]


def test_a_trial_goes_through_to_the_export_and_leaves_its_measures_alone(make_run: MakeRun) -> None:
    long = Row("long", "Nobody has ever seen so many words in one tweet. " * 8, "en", "pro")
    run = make_run(rows=[*make_rows(24), long], epochs=50)
    before = {path.name for path in run.path.iterdir()}
    status, events, error = train(run.path, "--try")
    assert (status, events[-1]["event"], error) == (0, "finished", ""), run.log.read_text(encoding="utf-8")
    trial = Trial.from_dict(events[-1])
    assert trial is not None and trial == Trial.from_dict(json.loads(run.trial.read_text(encoding="utf-8")))
    assert {path.name for path in run.path.iterdir()} == before | {"trial.json", "log.txt"}
    # No run began: its events are its own.
    assert list(read_events(run.events)) == []
    assert trial.longest > 80 and (trial.rows, trial.train_rows, trial.validation_rows) == (8, 25, 8)
    assert set(trial.compared) == {"bf16", "fp32"} and trial.precision in trial.compared
    assert trial.compared[trial.precision] >= 0.9 * max(trial.compared.values())
    assert min(trial.training, trial.scoring, trial.step_seconds, trial.export_seconds, trial.watts) > 0
    assert trial.peak_memory > 10**8
    spec = TrainingSpec.read(run.spec)
    assert measured_precision(run, spec) == trial.precision
    # Tried once more, what this machine computes with is known.
    status, events, _ = train(run.path, "--try")
    assert status == 0 and not any("Measuring" in str(event.get("message")) for event in events)
    # What another machine measured says nothing here.
    run.trial.write_text(json.dumps(events[-1] | {"machine": "another"}), encoding="utf-8")
    assert measured_precision(run, spec) == ""


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_a_run_computes_as_its_trial_found_best(make_run: MakeRun, precision: str) -> None:
    run = make_run()
    status, events, _ = train(run.path, "--try")
    assert status == 0
    run.trial.write_text(json.dumps(events[-1] | {"precision": precision}), encoding="utf-8")
    status, events, _ = train(run.path)
    assert (status, events[-1]["precision"]) == (0, precision)


def test_a_base_that_is_not_there_ends_a_trial_in_a_sentence(make_run: MakeRun) -> None:
    run = make_run()
    spec = json.loads(run.spec.read_text(encoding="utf-8"))
    run.spec.write_text(json.dumps(spec | {"base_path": "/nowhere.gguf"}), encoding="utf-8")
    status, events, error = train(run.path, "--try")
    assert (status, events[-1]["kind"], error) == (1, "user", "")
    assert not run.trial.exists() and list(run.path.glob("trial-*")) == []


def test_the_longest_rows_are_of_two_classes() -> None:
    rows = [Row(str(n), "x", "en", "pro") for n in range(6)]
    examples = [Example(n, tuple(range(n + 1)), 0 if n else 1, "en") for n in range(6)]
    assert [row.id for row in longest_rows(rows, examples, 3)] == ["5", "4", "0"]
    assert [row.id for row in longest_rows(rows, examples, 9)] == ["5", "4", "3", "2", "1", "0"]


def test_power_is_read_from_the_counters_or_assumed(tmp_path: Path) -> None:
    with power.Meter("cpu", tmp_path) as meter:
        pass
    assert (meter.watts, meter.source) == (None, power.ASSUMED)
    assert power.assumed_watts("cpu", 2, 4 * 10**9) == pytest.approx(25.49)
    for zone in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"):
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "energy_uj").write_text("1000000\n")
    with power.Meter("cpu", tmp_path) as meter:
        for zone in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"):
            (tmp_path / zone / "energy_uj").write_text("3000000\n")
    assert meter.source == power.METER and meter.watts is not None and meter.watts > 0
    # Two packages: what a part of one counts is not counted twice.
    assert meter._joules_used == pytest.approx(4.0)
