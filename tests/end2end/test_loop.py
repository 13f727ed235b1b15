"""The whole loop by commands: real SQLite, real training process, real GGUF, real llama.cpp."""

import csv
import json
import math
from pathlib import Path

import pytest

from tests.end2end.conftest import Program, TrainedStudy

LANGUAGES_OF_THE_SAMPLE = ("en", "es", "ar", "de", "fr", "hi", "hu", "id", "it", "ko", "pl", "pt", "tr")
LEAVES = ("pro", "anti", "neutral", "unrelated")


def test_training_ends_with_a_model_that_passed_the_gate(trained_study: TrainedStudy) -> None:
    last = trained_study.events[-1]
    assert last["event"] == "finished"
    assert last["model"] == "tiny"
    assert last["form"] in ("single", "adapter")
    for form in ("single", "adapter"):
        report = last["parity"][form]
        assert 0 <= report["flips"] <= report["n"] == last["rows"]["validation"]
    assert {e["stage"] for e in trained_study.events if e["event"] == "stage"} >= {
        "train",
        "parity",
        "shelve",
    }
    steps = [e for e in trained_study.events if e["event"] == "progress" and e.get("step")]
    assert steps and all(math.isfinite(e["loss"]) for e in steps)
    assert steps[-1]["done"] == steps[-1]["total"]


def test_training_and_validation_rows_are_apart(trained_study: TrainedStudy) -> None:
    run = Path(trained_study.events[-1]["run_folder"])
    train, validation = (
        [json.loads(line) for line in (run / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()]
        for part in ("train", "validation")
    )
    assert not {r["id"] for r in train} & {r["id"] for r in validation}
    assert len(train) + len(validation) == 72
    assert not (run / "lock.json").exists() and not (run / "conductor.json").exists()


def test_the_model_is_on_the_shelf_with_its_card(trained_study: TrainedStudy) -> None:
    shelf = json.loads(trained_study.program("models", "--json"))
    (entry,) = shelf["models"]
    assert entry["name"] == "tiny" and entry["base"] == "smollm2-135m"
    assert set(entry["languages"]) == {"en", "es", "de"}
    assert entry["parity"]["served"] == entry["form"]


def test_every_tweet_ends_as_predicted_and_a_second_time_does_nothing(trained_study: TrainedStudy) -> None:
    program, study = trained_study.program, trained_study.study
    last = program.events("classify", study, "--model", "tiny", "--again")[-1]
    assert last["event"] == "finished"
    assert last["selected"] == last["predicted"] + last["failed"] == 72
    assert sum(last["per_leaf"].values()) == last["predicted"]
    again = program.events("classify", study, "--model", "tiny")[-1]
    assert (again["selected"], again["before"], again["predicted"]) == (72, 72 - last["failed"], 0)


def test_a_file_keeps_its_rows_and_gains_probabilities(trained_study: TrainedStudy, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [
        {"id": "1745000000000000001", "text": "Refugees are welcome in our town, full stop."},
        {"id": "1745000000000000002", "text": "  "},
        {"id": "1745000000000000003", "text": 'Zeile 1\nZeile 2, "Zitat" 🎉'},
        {"id": "1745000000000000004", "text": "Refugees are welcome in our town, full stop."},
    ]
    with open(source, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text"])
        writer.writeheader()
        writer.writerows(rows)
    last = trained_study.program.events("classify-file", source, target, "--model", "tiny")[-1]
    assert (last["selected"], last["predicted"], last["failed"]) == (4, 3, 1)
    with open(target, encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert [{k: r[k] for k in ("id", "text")} for r in written] == rows
    for row in (written[0], written[2], written[3]):
        assert row["predicted_label"] in LEAVES
        probabilities = [float(row[f"p_{leaf}"]) for leaf in LEAVES]
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert float(row["confidence"]) == max(probabilities)
        assert row["predicted_topic"] == (
            "unrelated" if row["predicted_label"] == "unrelated" else "immigration"
        )
        assert (row["predicted_stance"] == "") == (row["predicted_label"] == "unrelated")
    assert written[1]["predicted_label"] == written[1]["p_pro"] == ""
    assert {k: written[0][k] for k in written[0] if k != "id"} == {
        k: written[3][k] for k in written[3] if k != "id"
    }


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".tsv"])
def test_other_formats_hold_the_same(trained_study: TrainedStudy, tmp_path: Path, ending: str) -> None:
    import pandas as pd

    source, target = tmp_path / "in.csv", tmp_path / f"out{ending}"
    source.write_text("id,text\n1745000000000000001,Close the border now\n", encoding="utf-8")
    trained_study.program("classify-file", source, target, "--model", "tiny")
    readers = {
        ".jsonl": lambda p: pd.read_json(p, lines=True, dtype=False),
        ".parquet": pd.read_parquet,
        ".tsv": lambda p: pd.read_csv(p, sep="\t", dtype={"id": str}),
    }
    table = readers[ending](target)
    assert list(table["id"]) == ["1745000000000000001"]
    assert table[[f"p_{leaf}" for leaf in LEAVES]].sum(axis=1)[0] == pytest.approx(1, abs=1e-5)
    # And back in: each format that is written is read, too.
    second = tmp_path / f"second{ending}"
    trained_study.program("classify-file", target, second, "--model", "tiny", "--prefix", "b_")
    assert readers[ending](second)["b_predicted_label"][0] == table["predicted_label"][0]


def test_a_clash_of_columns_says_how_to_name_them(trained_study: TrainedStudy, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text,confidence\nhello there,high\n", encoding="utf-8")
    complaint = trained_study.program(
        "classify-file", source, tmp_path / "out.csv", "--model", "tiny", status=1
    )
    assert "“confidence”" in complaint and "--prefix" in complaint
    assert not (tmp_path / "out.csv").exists()


def test_evaluation_prefers_test_rows_and_says_what_it_scored(
    trained_study: TrainedStudy, tmp_path: Path
) -> None:
    program, study = trained_study.program, trained_study.study
    first = program.events("evaluate", study, "--model", "tiny")[-1]
    assert first["rows"] == "validation" and "validation" in first["note"]
    assert first["look"] is None
    everything = first["confidence"]["thresholds"][0]
    assert everything["overall"]["accuracy"] == first["overall"]["accuracy"]
    of_training = trained_study.events[-1]["metrics"]["confidence"]
    assert of_training["reliability"]["n"] == first["confidence"]["reliability"]["n"] == first["overall"]["n"]
    tests = tmp_path / "test.csv"
    tests.write_text(
        "id,text,lang,label\n"
        "1745000000000000101,Refugees enrich our town and I am glad they came,en,pro\n"
        "1745000000000000102,이민자들도 우리 이웃입니다,ko,pro\n",
        encoding="utf-8",
    )
    copy = tmp_path / "copy.stancedesk"
    copy.write_bytes(study.read_bytes())
    program("import", copy, tests, "--test")
    report = program.events("evaluate", copy, "--model", "tiny")[-1]
    assert (report["rows"], report["overall"]["n"]) == ("test", 2)
    assert report["languages"]["en"]["seen"] and not report["languages"]["ko"]["seen"]
    assert (report["seen"]["n"], report["unseen"]["n"]) == (1, 1)
    assert (report["look"]["new"], report["look"]["number"]) == (True, 1)
    told = program("evaluate", copy, "--model", "tiny")
    assert "Expected calibration error" in told and "undecided below" in told
    assert "looked at once, with one model" in told and "had not been scored before" in told


def test_another_study_with_the_same_tweets_knows_that_they_were_trained_on(
    trained_study: TrainedStudy, tmp_path: Path
) -> None:
    program, other = trained_study.program, tmp_path / "other.stancedesk"
    program("new", other)
    program("import", other, trained_study.study.parent / "tweets.csv")
    report = program.events("evaluate", other, "--model", "tiny")[-1]
    assert report["rows"] == "validation" and report["warning"]
    assert report["overall"]["n"] == trained_study.events[-1]["rows"]["validation"]


def test_export_holds_labels_and_predictions(trained_study: TrainedStudy, tmp_path: Path) -> None:
    program, study = trained_study.program, trained_study.study
    program("classify", study, "--model", "tiny")
    out = tmp_path / "out.csv"
    program("export", study, out)
    with open(out, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 72
    assert all(
        len(row["id"]) == 19 and row["label"] in LEAVES and row["predicted_label"] in LEAVES for row in rows
    )
    threshold = sorted(float(row["confidence"]) for row in rows)[36]
    program("export", study, out, "--undecided-below", threshold)
    with open(out, encoding="utf-8-sig", newline="") as file:
        sure = list(csv.DictReader(file))
    for before, row in zip(rows, sure, strict=True):
        unsure = float(row["confidence"]) < threshold
        assert row["predicted_label"] == ("undecided" if unsure else before["predicted_label"])
        assert (row["predicted_topic"] == "") == unsure and row["p_pro"] == before["p_pro"]
    assert 0 < sum(row["predicted_label"] == "undecided" for row in sure) <= 36
    assert "from 0 to 1" in program("export", study, out, "--undecided-below", 60, status=2)
    program("export", study, out, "--events", "--undecided-below", 0.5, status=2)


def test_demo_does_the_whole_job_and_leaves_an_earlier_one_alone(
    program: Program, tmp_path: Path, small_base: Path
) -> None:
    out = tmp_path / "demo"
    out.mkdir()
    (out / "sample.stancedesk").write_text("an earlier demo", encoding="utf-8")
    events = program.events("demo", "--base", small_base, "--epochs", 1, "--out", out)
    last = events[-1]
    assert last["event"] == "finished"
    assert last["evaluation"]["rows"] == "test"
    assert set(last["evaluation"]["languages"]) == set(LANGUAGES_OF_THE_SAMPLE)
    assert Path(last["csv"]).is_file() and Path(last["study"]).is_file()
    assert (out / "sample.stancedesk").read_text(encoding="utf-8") == "an earlier demo"
