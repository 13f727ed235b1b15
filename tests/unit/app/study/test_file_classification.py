"""A file's classification cut off anywhere ends as one that was not, to the byte; in llama.cpp with a tiny model."""

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.inference.classifier import Classifier
from app.inference.model_file import ModelFile, write_card
from app.study import file_classification
from app.study.base_models import base_file
from app.study.chunked_classification import classify_chunks
from app.study.classification_report import EMPTY, ClassificationReport
from app.study.codebook import Codebook
from app.study.file_classification import classify_file
from app.study.part_file import PartFile, part_path
from app.study.tabular_files import TableReader, writing_table
from tests.unit.app.inference.conftest import make_card, write_tiny

# Rows a chunk, so that a short table has several.
ROWS = 4
JOB = {"source": "a", "model": "b", "column": "text", "prompt": "1"}

texts = st.one_of(
    st.sampled_from(["close the border", "", " \x00", "@a close the  border", "@b close the border"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=12),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny(path, base_file("smollm2-135m").path, "llama", layers=2, window=0)
    write_card(path, make_card(path, codebook=Codebook.default().to_toml()))
    return path


@pytest.fixture(scope="module")
def classifier(model: Path) -> Iterator[Classifier]:
    with Classifier(ModelFile.open(model)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_classification, "CHUNK", ROWS)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, classifier: Classifier) -> None:
    """Let jobs use the model that is loaded already: one loads it in a third of a second."""
    monkeypatch.setattr(file_classification, "open_classifier", lambda *_: nullcontext(classifier))


def write_csv(path: Path, rows: list[str]) -> Path:
    with writing_table(path, ["id", "text"], {}, None) as out:
        out.write([{"id": f"{n:019}", "text": text} for n, text in enumerate(rows)])
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class PowerCut(Exception):
    """Ends a job in the middle, without its leave."""


def cut_after(events: int) -> Any:
    """Return what ends a job after so many events of its progress."""
    heard = 0

    def on_event(event: dict[str, Any]) -> None:
        nonlocal heard
        heard += event["event"] == "progress" and event["stage"] != "check"
        if heard > events:
            raise PowerCut

    return on_event


def test_a_job_cut_off_again_and_again_writes_the_same_bytes(tmp_path: Path, model: Path) -> None:
    rows = [f"tweet number {n % 7} of some" for n in range(9)] + ["", "the last"]
    source = write_csv(tmp_path / "in.csv", rows)
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    undisturbed = classify_file(source, whole, str(model))
    for _ in range(40):
        try:
            report = classify_file(source, cut, str(model), on_event=cut_after(1))
        except PowerCut:
            assert not cut.exists() and not (tmp_path / ".cut.csv.partial").exists()
            # Nearly done: now let it end, which it does not while each start is cut off in the writing.
            with sqlite3.connect(part_path(cut)) as part:
                done = part.execute("SELECT COUNT(*) FROM chunk").fetchone()[0]
            part.close()
            if done == 3:
                break
    report = classify_file(source, cut, str(model))
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.csv", "in.csv", "whole.csv"]
    assert counts(report) == counts(undisturbed) == (11, 10, 1, undisturbed.per_leaf)
    assert sum(report.per_leaf.values()) == report.predicted


def counts(report: ClassificationReport) -> tuple[int, int, int, dict[str, int]]:
    return report.selected, report.predicted, report.failed, report.per_leaf


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(texts, min_size=1, max_size=20),
    stops=st.lists(st.integers(0, 5), max_size=4),
    endings=st.tuples(*[st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"])] * 2),
)
def test_any_table_stopped_anywhere_ends_as_one_that_was_not(
    tmp_path_factory: pytest.TempPathFactory,
    model: Path,
    rows: list[str],
    loaded: None,
    stops: list[int],
    endings: tuple[str, str],
) -> None:
    folder = tmp_path_factory.mktemp("files")
    source = folder / f"in{endings[0]}"
    # A first row that is long and plain, so that a header is never a matter of taste.
    rows = ["a plain first tweet, with a comma", *rows]
    write_csv(source, rows)
    targets = [folder / f"{name}{endings[1]}" for name in ("whole", "cut")]
    classify_file(source, targets[0], str(model))
    for asked in stops:
        left = asked

        def stop() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        report = classify_file(source, targets[1], str(model), stop=stop)
        if not report.stopped:
            break
        assert not targets[1].exists()
    classify_file(source, targets[1], str(model))
    assert targets[0].read_bytes() == targets[1].read_bytes()
    with TableReader(targets[1]) as table:
        written = [row for chunk in table.chunks() for row in chunk]
    assert [row["text"] for row in written] == rows
    assert [int(row["id"]) for row in written] == list(range(len(rows)))
    assert all(row["predicted_status"] in ("classified", EMPTY) for row in written)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shards=st.lists(st.lists(texts, min_size=1, max_size=12), min_size=1, max_size=3),
    size=st.integers(1, 5),
    kills=st.lists(st.integers(1, 3), max_size=3),
)
def test_shards_are_classified_by_themselves_and_resumed_at_any_chunk(
    tmp_path_factory: pytest.TempPathFactory,
    classifier: Classifier,
    shards: list[list[str]],
    size: int,
    kills: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    for number, shard in enumerate(shards):
        chunks = [shard[start : start + size] for start in range(0, len(shard), size)]
        with PartFile(folder / f"{number}-whole", JOB, classifier.leaves) as whole:
            assert classify_chunks(chunks, classifier, whole)
            for chunks_more in kills:
                # What a killed process leaves: whole chunks.
                with PartFile(folder / f"{number}-cut", JOB, classifier.leaves) as part:
                    classify_chunks(chunks[: part.chunks + chunks_more], classifier, part)
            with PartFile(folder / f"{number}-cut", JOB, classifier.leaves) as cut:
                assert classify_chunks(chunks, classifier, cut)
                assert cut.chunks == whole.chunks == len(chunks)
                assert (cut.failed, cut.per_leaf) == (whole.failed, whole.per_leaf)
                for place in range(len(chunks)):
                    for one, other in zip(whole.chunk(place), cut.chunk(place), strict=True):
                        assert np.array_equal(one, other, equal_nan=True)
                reference = classifier.classify(shard)
                found = np.concatenate([whole.chunk(place)[1] for place in range(len(chunks))])
                assert np.allclose(found, reference, atol=0.02, equal_nan=True)


def test_rows_without_text_have_a_status_and_unsure_ones_no_class(
    tmp_path: Path, model: Path, loaded: None
) -> None:
    source = write_csv(tmp_path / "in.csv", ["close the border now", "  ", "\u0001", "wir sind alle hier"])
    classify_file(source, tmp_path / "out.csv", str(model))
    plain = read_csv(tmp_path / "out.csv")
    assert [row["predicted_status"] for row in plain] == ["classified", EMPTY, EMPTY, "classified"]
    assert plain[1]["predicted_label"] == plain[1]["confidence"] == plain[1]["p_pro"] == ""
    bound = (float(plain[0]["confidence"]) + float(plain[3]["confidence"])) / 2
    report = classify_file(source, tmp_path / "sure.csv", str(model), undecided_below=bound)
    assert report.per_leaf["undecided"] == 1 and sum(report.per_leaf.values()) == report.predicted == 2
    for row, before in zip(read_csv(tmp_path / "sure.csv"), plain, strict=True):
        unsure = before["confidence"] != "" and float(before["confidence"]) < bound
        if not unsure:
            assert row == before
            continue
        changed = {name for name in row if row[name] != before[name]}
        assert changed <= {"predicted_label", "predicted_topic", "predicted_stance"}
        assert (row["predicted_label"], row["predicted_topic"], row["predicted_stance"]) == (
            "undecided",
            "",
            "",
        )


def begun(tmp_path: Path, model: Path) -> tuple[Path, Path]:
    """Return the source and the output of a job that was cut off after its first chunk."""
    source = write_csv(tmp_path / "in.csv", [f"tweet {n}" for n in range(12)])
    with pytest.raises(PowerCut):
        classify_file(source, tmp_path / "out.csv", str(model), on_event=cut_after(1))
    return source, tmp_path / "out.csv"


def test_another_job_is_not_mixed_with_one_that_was_begun(tmp_path: Path, model: Path, loaded: None) -> None:
    source, target = begun(tmp_path, model)
    kept = part_path(target).read_bytes()
    original = source.read_bytes()
    source.write_bytes(original.replace(b"tweet 3", b"tweet X"))
    with pytest.raises(UserError, match=r"begun from another file.*--restart"):
        classify_file(source, target, str(model))
    assert part_path(target).read_bytes() == kept
    with pytest.raises(UserError, match="begun with another text column"):
        source.write_bytes(original)
        classify_file(source, target, str(model), text_column="id")
    # Nothing was lost, and what changes no result may change.
    report = classify_file(source, target, str(model), prefix="new_", undecided_below=0.9)
    assert report.selected == 12 and "new_predicted_label" in read_csv(target)[0]


def test_restart_begins_anew_also_where_the_part_is_damaged(
    tmp_path: Path, model: Path, loaded: None
) -> None:
    source, target = begun(tmp_path, model)
    part = part_path(target)
    part.write_bytes(part.read_bytes()[:5000] + b"\xff" * 9000)
    with pytest.raises(UserError, match=r"damaged.*--restart"):
        classify_file(source, target, str(model))
    classify_file(source, target, str(model), restart=True)
    assert len(read_csv(target)) == 12 and not part.exists()


def test_no_file_of_someone_else_is_touched(tmp_path: Path, model: Path, loaded: None) -> None:
    source = write_csv(tmp_path / "in.csv", ["one tweet"])
    other = tmp_path / "out.csv.part"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = other.read_bytes()
    for restart in (False, True):
        with pytest.raises(UserError, match="in the way"):
            classify_file(source, tmp_path / "out.csv", str(model), restart=restart)
    assert other.read_bytes() == before


def test_two_processes_do_not_share_an_output(tmp_path: Path, model: Path, loaded: None) -> None:
    source, target = begun(tmp_path, model)
    with sqlite3.connect(part_path(target), isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        for restart in (False, True):
            with pytest.raises(UserError, match="another process"):
                classify_file(source, target, str(model), restart=restart)
    other.close()
    assert classify_file(source, target, str(model)).selected == 12


@pytest.mark.parametrize("stage", ["check", "classify", "write"])
def test_a_source_that_changes_meanwhile_is_told(
    tmp_path: Path, model: Path, loaded: None, stage: str
) -> None:
    source = write_csv(tmp_path / "in.csv", [f"tweet {n}" for n in range(12)])
    original, target = source.read_bytes(), tmp_path / "out.csv"

    def on_event(event: dict[str, Any]) -> None:
        if event.get("stage") == stage:
            source.write_bytes(original + b'9,"one more"\r\n')

    with pytest.raises(UserError, match="was changed"):
        classify_file(source, target, str(model), on_event=on_event)
    assert not target.exists()
    source.write_bytes(original)
    classify_file(source, target, str(model))
    assert [row["text"] for row in read_csv(target)] == [f"tweet {n}" for n in range(12)]


def test_what_stands_far_down_in_a_file_is_told_before_anything_is_computed(
    tmp_path: Path, model: Path, loaded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_classification, "CHUNK", 500)
    stages: list[str] = []

    def on_event(event: dict[str, Any]) -> None:
        stages.append(event["stage"])

    source, target = tmp_path / "in.jsonl", tmp_path / "out.csv"
    lines = ['{"text": "a"}'] * 3000 + ['{"text": "late", "lang": "en", "confidence": 1}', '{"lang": "de"}']
    source.write_text("\n".join(lines), encoding="utf-8")
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("id,text\n" + "1,a tweet\n" * 3000 + "1,a,tweet\n", encoding="utf-8")
    with pytest.raises(UserError, match="Line 3002"):
        classify_file(ragged, tmp_path / "r.csv", str(model), on_event=on_event)
    with pytest.raises(UserError, match=r"“confidence”.*--prefix"):
        classify_file(source, target, str(model), on_event=on_event)
    assert "classify" not in stages
    classify_file(source, target, str(model), prefix="m_")
    rows = read_csv(target)
    assert len(rows) == 3002 and rows[0]["lang"] == ""
    assert (rows[-2]["lang"], rows[-2]["confidence"], rows[-2]["m_predicted_status"]) == (
        "en", "1", "classified",
    )  # fmt: skip
    assert rows[-1]["m_predicted_status"] == EMPTY


def test_a_table_without_rows(tmp_path: Path, model: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), source)
    assert classify_file(source, target, str(model)).selected == 0
    assert pq.read_table(target).column_names[:2] == ["text", "predicted_label"]
