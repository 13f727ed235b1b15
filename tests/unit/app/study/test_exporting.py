"""Export: in each format every id and character stays what it was; whole or not at all."""

import contextlib
import csv
import io
import json
import resource
import signal
import zipfile
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.study import exporting, importing, models, predictions, tweets
from app.study.codebook import Codebook
from app.study.export_formats import FORMATS, FormatLimit, Values, write_xlsx
from app.study.labelling import Labelling
from app.study.queues import RandomQueue
from app.study.repeats import RepeatingQueue, RepeatPlan
from app.study.study import Study
from tests.unit.app.study.test_importing import TEXTS

Write = Callable[..., Path]
NASTY = [
    "=1+1",
    "+49 30",
    "-5",
    "@SUM(A1)",
    "#N/A",
    "TRUE",
    "1e5",
    "007",
    "2022-01-01",
    "'quoted'",
    '"',
    "null",
    "NaN",
]


def _read(path: Path) -> list[dict[str, Any]]:
    """Read an exported file with another program's reader; nothing is ""."""
    if path.suffix == ".csv":
        content = path.read_bytes()
        assert content.startswith(b"\xef\xbb\xbf")
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        rows = [json.loads(line) for line in lines]
    elif path.suffix == ".parquet":
        import pyarrow.parquet as pq

        rows = pq.read_table(path).to_pylist()
    elif path.suffix == ".xlsx":
        rows = _read_workbook(path)
    elif path.suffix == ".dta":
        import pandas as pd

        rows = pd.read_stata(path).astype(object).to_dict("records")
    else:
        import pyreadstat

        rows = pyreadstat.read_sav(path)[0].astype(object).to_dict("records")
    return [{str(k): "" if v is None or v != v else v for k, v in row.items()} for row in rows]


def _read_workbook(path: Path) -> list[dict[str, Any]]:
    from openpyxl import load_workbook
    from openpyxl.utils.escape import unescape

    # Read-only workbooks hold their file open.
    with contextlib.closing(load_workbook(path, read_only=True)) as workbook:
        rows = [
            [unescape(v) if isinstance(v, str) else v for v in row]
            for row in workbook.worksheets[0].iter_rows(values_only=True)
        ]
    return [dict(zip_longest(rows[0], row)) for row in rows[1:]]


@pytest.fixture
def filled(study: Study, write: Write) -> Iterator[Study]:
    """Return a study with all scripts, nasty cells, labels of two coders, and predictions."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["id", "text", "lang", "user", "date", "label", "confidence", "My column!", "reply_to"])
    for n, (lang, text) in enumerate(TEXTS.items()):
        label = ["pro", "anti", "", "unrelated"][n % 4]
        writer.writerow(
            [f"{1234567890123456789 + n}", text, lang, "@u", "d", label, NASTY[n], "x", f"{10**18 + n}"]
        )
    importing.import_file(study, write(out.getvalue()), coder="Ana")
    importing.import_file(
        study,
        write(f"id,text,label\n1234567890123456789,{_quoted(TEXTS['en'])},anti\n", "b.csv"),
        coder="Ben",
    )
    model = models.register(study, "first model", "/m", "0" * 64, study.codebook.leaf_codes)
    rows = [[0.7, 0.1, 0.1, 0.1], [0.0, 0.25, 0.0, 0.75], [float("nan")] * 4]
    predictions.save(study, model.id, study.codebook.leaf_codes, [1, 2, 3], rows, "the text is empty")
    yield study


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@pytest.mark.parametrize("suffix", list(FORMATS))
def test_everything_is_there_in_every_format(filled: Study, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("an older file")
    report = exporting.export(filled, path)
    rows = _read(path)
    assert (report.rows, len(rows), report.stopped) == (13, 13, False)
    assert report.renamed.get("confidence") == "original_confidence"
    strict = suffix in (".dta", ".sav")
    assert ("My column!" in report.renamed) == strict
    assert [row["id"] for row in rows] == [str(1234567890123456789 + n) for n in range(13)]
    assert [row["text"] for row in rows] == list(TEXTS.values())
    assert [row["lang"] for row in rows] == list(TEXTS)
    assert [row["reply_to"] for row in rows] == [str(10**18 + n) for n in range(13)]
    assert [row["original_confidence"] for row in rows] == NASTY
    assert [row["My_column" if strict else "My column!"] for row in rows] == ["x"] * 13
    first, second, third, fourth = rows[:4]
    assert (first["label"], first["coders"], first["disagreement"]) == ("", "Ana; Ben", "Ana: pro; Ben: anti")
    assert (second["label"], second["label_topic"], second["label_stance"]) == ("anti", "immigration", "anti")
    assert (fourth["label"], fourth["label_topic"], fourth["label_stance"]) == ("unrelated", "unrelated", "")
    assert (first["predicted_label"], first["predicted_stance"], first["model"]) == (
        "pro",
        "pro",
        "first model",
    )
    assert (second["predicted_label"], second["predicted_topic"]) == ("unrelated", "unrelated")
    assert float(second["confidence"]) == 0.75 and float(second["p_anti"]) == 0.25
    assert sum(float(first[f"p_{leaf}"]) for leaf in filled.codebook.leaf_codes) == pytest.approx(1, abs=1e-6)
    assert third["prediction_status"] == "failed: the text is empty"
    assert (third["predicted_label"], third["confidence"], fourth["prediction_status"]) == ("", "", "")
    assert sorted(p.name for p in tmp_path.glob("*out*")) == [path.name]


def test_below_the_threshold_the_label_is_undecided_and_the_probabilities_stay(
    filled: Study, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    # The first is sure to 0.7 (a little less in 32 bits), the second to exactly 0.75.
    exporting.export(filled, path, undecided_below=0.75)
    first, second, third, _ = _read(path)[:4]
    assert [first[f"predicted_{name}"] for name in ("label", "topic", "stance")] == ["undecided", "", ""]
    assert float(first["confidence"]) == float(first["p_pro"]) == pytest.approx(0.7)
    assert (first["prediction_status"], first["model"]) == ("predicted", "first model")
    assert (second["predicted_label"], second["predicted_topic"]) == ("unrelated", "unrelated")
    # What could not be classified is not undecided.
    assert (third["predicted_label"], third["prediction_status"][:6]) == ("", "failed")
    codebook = Codebook.default().to_toml().replace('code = "neutral"', 'code = "undecided"')
    with Study.create(tmp_path / "other.stancedesk", Codebook.from_toml(codebook)) as other:
        with pytest.raises(UserError, match="has a class “undecided”"):
            exporting.export(other, path, undecided_below=0.5)
        exporting.export(other, path)


@pytest.mark.parametrize("below", [0.0, 0.75, 1.0])
def test_what_a_light_model_settled_keeps_its_label_under_any_threshold(
    filled: Study, tmp_path: Path, below: float
) -> None:
    """Its probability is not the model's: as sure as 0.6, it was beyond the threshold that the cascade had proven."""
    model = models.get(filled, "first model")
    settled = np.array([[0.1, 0.1, 0.2, 0.6]], dtype=np.float32)
    predictions.save(filled, model.id, model.leaves, [4], settled, "", settled=True)
    path = tmp_path / "out.csv"
    exporting.export(filled, path, undecided_below=below)
    first, _, third, fourth, fifth = _read(path)[:5]
    assert first["predicted_label"] == ("undecided" if below else "pro")
    assert (fourth["predicted_label"], fourth["predicted_topic"]) == ("unrelated", "unrelated")
    assert float(fourth["p_unrelated"]) == pytest.approx(0.6)
    assert [row["predicted_by"] for row in (first, third, fourth, fifth)] == [
        "model",
        "model",
        "light model",
        "",
    ]


def test_workbook_cells_are_text(filled: Study, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    path = tmp_path / "out.xlsx"
    exporting.export(filled, path)
    sheet = load_workbook(path).worksheets[0]
    names = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        for name, cell in zip(names, row, strict=True):
            if cell.value is None:
                continue
            number = name == "confidence" or str(name).startswith("p_")
            assert cell.data_type == ("n" if number else "s"), (name, cell.value)
            assert number or cell.number_format == "@"
    with zipfile.ZipFile(path) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
).filter(str.strip)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(_TEXT, min_size=1, max_size=6),
    suffix=st.sampled_from([".csv", ".jsonl", ".parquet", ".xlsx"]),
)
def test_any_text_survives_export(
    write: Write, tmp_path_factory: pytest.TempPathFactory, texts: list[str], suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("e")
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(
        [["id", "text"], *([f"i{n}", t] for n, t in enumerate(texts))]
    )
    source = write(out.getvalue(), encoding="utf-8-sig")
    with Study.create(folder / "a.stancedesk") as study:
        importing.import_file(study, source, {"id": "id", "text": "text"}, delimiter=",", has_header=True)
        exporting.export(study, folder / f"o{suffix}")
    assert [row["text"] for row in _read(folder / f"o{suffix}")] == texts


def test_what_is_exported_can_be_imported_again(filled: Study, tmp_path: Path) -> None:
    exporting.export(filled, tmp_path / "out.csv")
    with Study.create(tmp_path / "again.stancedesk") as again:
        report = importing.import_file(again, tmp_path / "out.csv", coder="Ana")
        assert (report.accepted, report.rejected) == (13, [])

        def rows(study: Study) -> list[tuple[str, ...]]:
            found = [row for chunk in tweets.iterate(study) for row in chunk]
            return [(r.tweet_id, r.text, r.lang, r.author, r.created_at, r.label or "") for r in found]

        assert rows(again) == rows(filled)
        exporting.export(again, tmp_path / "twice.csv")
        first, twice = _read(tmp_path / "out.csv"), _read(tmp_path / "twice.csv")
        assert [r["predicted_label"] for r in first] == [r["predicted_label"] for r in twice]
        assert importing.import_file(filled, tmp_path / "out.csv", coder="Ana").labels == 0


def test_a_filter_and_a_stop(filled: Study, tmp_path: Path) -> None:
    report = exporting.export(filled, tmp_path / "ko.csv", filter=tweets.TweetFilter(language="ko"))
    assert [row["lang"] for row in _read(tmp_path / "ko.csv")] == ["ko"] and report.rows == 1
    (tmp_path / "kept.csv").write_text("older")
    stopped = exporting.export(filled, tmp_path / "kept.csv", stop=lambda: True)
    assert stopped.stopped
    assert (tmp_path / "kept.csv").read_text() == "older"
    told: list[tuple[int, int]] = []
    exporting.export(filled, tmp_path / "all.csv", progress=lambda done, total: told.append((done, total)))
    assert told == [(13, 13)]


def test_what_cannot_be_written_is_told(filled: Study, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path, told in (
        (tmp_path / "out.docx", "“.docx”"),
        (tmp_path / "out", "“out”"),
        (tmp_path / "nowhere" / "out.csv", "no folder"),
        (tmp_path / "folder.csv", "is a folder"),
    ):
        with pytest.raises(UserError) as error:
            exporting.export(filled, path)
        assert told in error.value.message and error.value.next_step


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".xlsx", ".parquet", ".dta", ".sav"])
def test_a_full_disk_leaves_no_half_file(study: Study, write: Write, tmp_path: Path, suffix: str) -> None:
    lines = "".join(f"{n},{'text ' * 40}{n}\n" for n in range(6000))
    importing.import_file(study, write("id,text\n" + lines))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(UserError, match="could not be written"):
            exporting.export(study, tmp_path / f"out{suffix}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.glob("*out*")) == []


def test_limits_of_workbooks_are_told(study: Study, write: Write, tmp_path: Path) -> None:
    importing.import_file(study, write(f"id,text\n77,{'🦋' * 16_400}\n"))
    with pytest.raises(UserError, match=r"32,767 characters, tweet 77") as error:
        exporting.export(study, tmp_path / "out.xlsx")
    assert ".csv" in error.value.next_step
    assert list(tmp_path.glob("*out*")) == []
    with pytest.raises(FormatLimit, match="1,048,575 tweets"):
        write_xlsx(tmp_path / "b.xlsx", Values(["id"], [False], 1_048_576), iter(()))


@pytest.mark.parametrize("suffix", list(FORMATS))
def test_an_empty_study_gives_a_table_without_rows(study: Study, tmp_path: Path, suffix: str) -> None:
    report = exporting.export(study, tmp_path / f"out{suffix}")
    assert report.rows == 0
    assert _read(tmp_path / f"out{suffix}") == []


def test_how_labels_came_about_is_exported(study: Study, write: Write, tmp_path: Path) -> None:
    rows = "\n".join(f"{n},tweet {n},en" for n in range(1, 5))
    importing.import_file(study, write(f"id,text,lang\n{rows}"))
    who = study.coder("Ana")
    plan = RepeatPlan(share=1.0, labels_between=1)
    work = Labelling(study, who, queue=RepeatingQueue(RandomQueue(who), who, plan))
    first = work.current()
    assert first is not None
    work.label("pro", suggestion_shown="anti (light model of 40 labels)")
    second = work.current()
    assert second is not None and second.id != first.id
    work.label("neutral")
    turn = work.turn()
    assert turn is not None and turn.repeat and turn.tweet == first.id
    work.label("anti")
    exporting.export(study, tmp_path / "out.csv")
    with open(tmp_path / "out.csv", encoding="utf-8-sig", newline="") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    one, other = found[first.tweet_id], found[second.tweet_id]
    assert (one["label"], one["label_sources"], one["repeats"]) == ("pro", "Ana: random", "Ana: anti")
    assert one["suggestions_shown"] == "Ana: anti (light model of 40 labels)"
    assert (other["label_sources"], other["suggestions_shown"], other["repeats"]) == ("Ana: random", "", "")
    rest = [row for key, row in found.items() if key not in (first.tweet_id, second.tweet_id)]
    assert all(row["label_sources"] == "" for row in rest)
