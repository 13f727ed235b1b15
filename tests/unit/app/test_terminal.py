"""What commands show while they run."""

import json

import pytest

from app import terminal
from app.inference.machine import UNUSED_GPU, UNUSED_GPU_STEP
from app.study.agreement import AgreementReport, QuestionAgreement
from app.study.agreement_measures import all_measures
from app.study.classification import classify_event
from app.study.confidence import Answers
from app.study.confidence_report import CROSS_FITTED, confidence_report, training_confidence
from app.terminal import JobEvents, agreement_tables, confidence_text, training_text


def test_progress_is_told_some_times_a_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(n / 1000 for n in range(1, 1000))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    tell = JobEvents(True).progress("duplicates", "tweets")
    for done in range(1, 251):
        tell(done, 250)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["done"] for event in events] == [1, 101, 201, 250]
    assert {(event["event"], event["stage"], event["total"]) for event in events} == {
        ("progress", "duplicates", 250)
    }


def test_the_table_of_agreement_says_why_and_how_far_to_trust_it() -> None:
    units = [("pro", "pro", "pro"), ("anti", "pro", "pro"), ("pro", "pro", None)]
    found, one_class = all_measures(units), all_measures([("pro", "pro")] * 3)
    question = QuestionAgreement("", "Class", {}, False, found, {"ar": found, "hi": one_class}, (), ())
    report = AgreementReport("s", ("Ana", "Ben", "Cem"), ("ar", "hi"), 3, 0, 0, 10, 1, (question,))
    lines = agreement_tables(report).splitlines()
    overall, _, hindi = lines[4:7]
    assert overall.count("*") == sum(bool(one.note) for one in found.values()) > 0
    assert hindi.count("–") == 3, "but for percent agreement nothing is defined for one class"
    why = [line for line in lines if line.startswith("– ")]
    assert why == [
        "– Not defined because only one class was used. hi (Cohen's kappa, Krippendorff's alpha)",
        "– Not defined because there is only one class to choose from. hi (Gwet's AC1)",
    ]
    notes = [line for line in lines if line.startswith("* ")]
    assert any("2 of 3 pairs" in line and "all tweets (Cohen's kappa)" in line for line in notes)
    assert {one.note for one in found.values() if one.note} <= {
        note.removeprefix("* ").split(" all tweets")[0] for note in notes
    }


def test_the_end_of_a_training_tells_how_far_the_confidence_can_be_believed() -> None:
    rows = [("en", "pro", "pro" if n % 10 else "anti", 0.5 + n % 50 / 100) for n in range(100)]
    answers = Answers.of_rows(rows)
    ended = {
        "model": "m",
        "folder": "/shelf/m",
        "run_folder": "/runs/m",
        "form": "single",
        "reason": "It passed.",
        "minutes": 2.0,
        "metrics": {"validation": {"n": 100, "accuracy": 0.9, "macro_f1": 0.5}},
    }
    told = training_text(ended)
    assert "accuracy 0.900" in told and "It was not measured when this model was trained" in told
    measured = training_confidence(answers)
    told = training_text(ended | {"metrics": ended["metrics"] | {"confidence": measured}})
    assert "Expected calibration error" in told and CROSS_FITTED in told
    # The same rows as of an evaluation.
    rows_told = [line for line in told.splitlines() if line[3:7] == " to "]
    evaluated = confidence_text(confidence_report(answers, warning=False))
    assert len(rows_told) == 6 and all(line in evaluated.splitlines() for line in rows_told)
    assert sum(int(line.split()[3]) for line in rows_told) == 100


def test_a_gpu_that_lies_idle_is_told_where_classification_begins(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for idle in (True, False):
        monkeypatch.setattr("app.study.classification.has_unused_gpu", lambda idle=idle: idle)
        JobEvents(False).append(classify_event("Classifying 3 tweets on the CPU.", "CPU"))
        told = capsys.readouterr().err
        assert "Classifying 3 tweets on the CPU." in told
        assert (UNUSED_GPU in told and UNUSED_GPU_STEP in told) is idle
    monkeypatch.setattr("app.study.classification.has_unused_gpu", lambda: True)
    JobEvents(False).append(classify_event("Classifying 3 tweets on the GPU.", "GPU"))
    assert UNUSED_GPU not in capsys.readouterr().err
