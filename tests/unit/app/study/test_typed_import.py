"""Import of Excel workbooks, Parquet and JSON lines: every text as it is, and ids that stay what they were."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import UserError
from app.study import importing, labelling, tweets
from app.study.study import Study

TEXTS = ["plain, “quoted”", "مرحبا 👍🏽", "नमस्ते\nदुनिया", "안녕하세요"]
IDS = [1790000000000000001, 2**53 + 1, 7, 1587654321098765432]


def _rows(study: Study) -> list[tweets.TweetRow]:
    return [row for chunk in tweets.iterate(study) for row in chunk]


def _workbook(path: Path, rows: list[list[Any]], sheet: str = "Tweets") -> Path:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "About"
    cells = book.create_sheet(sheet)
    for row in rows:
        cells.append(row)
    book.save(path)
    return path


def test_a_workbook_is_imported(study: Study, tmp_path: Path) -> None:
    rows = [
        [str(i), text, "en", "pro", datetime(2024, 3, 1, 10, 30), 5, 1.5, None]
        for i, text in zip(IDS, TEXTS, strict=True)
    ]
    path = _workbook(
        tmp_path / "t.xlsx", [["id", "text", "lang", "label", "date", "likes", "score", "empty"], *rows]
    )
    found = importing.preview(path)
    assert (found.kind, found.sheet, found.encoding, found.has_header) == ("xlsx", "Tweets", "", True)
    assert found.rows[1][1] == TEXTS[1]
    told: list[tuple[int, int]] = []
    report = importing.import_file(study, path, progress=lambda done, total: told.append((done, total)))
    assert (report.accepted, report.labels, report.rejected) == (4, 4, [])
    assert [(row.tweet_id, row.text) for row in _rows(study)] == [
        (str(i), text) for i, text in zip(IDS, TEXTS, strict=True)
    ]
    first = _rows(study)[0]
    assert first.created_at == "2024-03-01T10:30:00"
    assert first.extra == {"likes": "5", "score": "1.5", "empty": ""}
    assert told[-1][0] == told[-1][1]


def test_long_numbers_in_a_workbook_are_damaged_and_told(study: Study, tmp_path: Path) -> None:
    ids = [123456789012345, 1234567890123456, 1.79e18, 1790000000000000000, "1790000000000000001"]
    path = _workbook(tmp_path / "t.xlsx", [["id", "text"], *([i, f"tweet {n}"] for n, i in enumerate(ids))])
    report = importing.import_file(study, path)
    assert [row.tweet_id for row in _rows(study)] == ["123456789012345", "1790000000000000001"]
    assert [row for row, _ in report.rejected] == [3, 4, 5]
    assert all("spreadsheet" in reason for _, reason in report.rejected)


def test_rows_of_a_workbook_keep_their_numbers(study: Study, tmp_path: Path) -> None:
    path = _workbook(
        tmp_path / "t.xlsx", [[], ["id", "text"], [1, "one"], [], [2, None], [3, "three", "too much"], [4]]
    )
    report = importing.import_file(study, path, {"label": ""})
    assert [row.text for row in _rows(study)] == ["one", "three"]
    assert [row for row, _ in report.rejected] == [5, 7]


def test_parquet_is_imported_with_exact_ids(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"id": pa.array(IDS, pa.int64()), "text": TEXTS, "tags": [["a", "b"], [], None, ["é"]]}),
        path,
    )
    report = importing.import_file(study, path)
    assert (report.accepted, report.rejected) == (4, [])
    assert [(row.tweet_id, row.text) for row in _rows(study)] == [
        (str(i), text) for i, text in zip(IDS, TEXTS, strict=True)
    ]
    assert [row.extra["tags"] for row in _rows(study)] == ['["a", "b"]', "[]", "", '["é"]']


def test_ids_that_pandas_made_floats_are_told(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": [float(IDS[0]), 5.0, None], "text": ["a", "b", "c"]}), path)
    report = importing.import_file(study, path)
    assert [row.tweet_id for row in _rows(study)] == ["5"]
    assert [row for row, _ in report.rejected] == [1, 3]


def test_json_lines_are_imported(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    rows: list[dict[str, Any]] = [{"id": i, "full_text": text} for i, text in zip(IDS, TEXTS, strict=True)]
    rows[2] |= {"label": "anti", "place": {"name": "Paris"}}
    # Half of a character, as programs leave it that cut texts.
    lines = [json.dumps(row) for row in rows] + ['{"id": 9, "full_text": "cut \\ud83d"}']
    path.write_text("\n".join(lines), encoding="utf-8")
    report = importing.import_file(study, path)
    assert [(row.tweet_id, row.text) for row in _rows(study)] == [
        (str(i), text) for i, text in zip(IDS, TEXTS, strict=True)
    ]
    assert [row for row, _ in report.rejected] == [5]
    assert labelling.current_labels(study) == {3: "anti"}
    assert _rows(study)[2].extra == {"place": '{"name": "Paris"}'}


@pytest.mark.parametrize("ending", ["xlsx", "parquet", "jsonl"])
@pytest.mark.parametrize("content", [b"", b"nonsense " * 20, b"PK\x03\x04" + bytes(200)])
def test_files_that_are_none_are_told(study: Study, tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"t.{ending}"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        importing.preview(path)
    assert "t." in error.value.message
    for missing in (tmp_path / f"none.{ending}", tmp_path):
        with pytest.raises(UserError):
            importing.preview(missing)


@pytest.mark.parametrize("rows", [[], [["id", "text"]]])
def test_an_empty_workbook_is_told(study: Study, tmp_path: Path, rows: list[list[Any]]) -> None:
    with pytest.raises(UserError, match=r"t\.xlsx"):
        importing.preview(_workbook(tmp_path / "t.xlsx", rows))
