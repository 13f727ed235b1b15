"""Import: encodings, delimiters, columns, ids, labels, duplicates, and files that are none."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.study import importing, labelling, tweets
from app.study.columns import ROLES, clean_id, is_damaged, language_code
from app.study.import_report import Rejected
from app.study.study import Study
from app.study.text_table import find_dialect
from tests.conftest import ROOT

Write = Callable[..., Path]

TEXTS = {
    "en": 'They said "go home", he stayed; fine, | ok 👍🏽',
    "es": "¿Quién cruza un desierto por gusto? ¡Nadie!\nVías seguras",
    "ar": "لا أحد يختار أن يترك بيته، افتحوا الباب #لاجئون",
    "de": "Größe zählt nicht, Übergriffe schon; so ist das",
    "fr": "Où est l’été, déjà ? « là-bas »",
    "hi": "शरणार्थियों का स्वागत है 🙏",
    "hu": "Őszintén: árvíztűrő tükörfúrógép",
    "id": "Mereka bukan ancaman, mereka tetangga",
    "it": "Perché no? È così; punto",
    "ko": "난민을 환영합니다, 정말로",
    "pl": "Zażółć gęślą jaźń | tab\there",
    "pt": "Não há ninguém ilegal; coração",
    "tr": "Sınır namustur diyorduk, İstanbul ığdır",
}


def _table(delimiter: str = ",", newline: str = "\r\n") -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline)
    writer.writerow(["id", "text", "lang", "user", "created_at", "likes"])
    for n, (lang, text) in enumerate(TEXTS.items()):
        writer.writerow([f"{1234567890123456789 + n}", text, lang, f"@u{n}", "2022-02-24 05:00", n])
    return out.getvalue()


def _rows(study: Study) -> list[tweets.TweetRow]:
    return [row for chunk in tweets.iterate(study) for row in chunk]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_all_scripts_in_all_encodings_and_delimiters(
    study: Study, write: Write, encoding: str, delimiter: str
) -> None:
    path = write(_table(delimiter), encoding=encoding)
    found = importing.preview(path)
    assert found.delimiter == delimiter
    report = importing.import_file(study, path)
    assert (report.accepted, report.rejected, report.has_header) == (13, [], True)
    assert report.columns == {
        "text": "text",
        "id": "id",
        "lang": "lang",
        "author": "user",
        "date": "created_at",
    }
    rows = _rows(study)
    assert {row.lang: row.text for row in rows} == TEXTS
    assert [row.tweet_id for row in rows] == [str(1234567890123456789 + n) for n in range(13)]
    assert rows[3].author == "@u3" and rows[3].created_at == "2022-02-24 05:00"
    assert rows[3].extra == {"likes": "3"}


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_western_encodings(study: Study, write: Write, encoding: str) -> None:
    path = write("id;text;lang\n1;Größe, déjà vu, ¿qué?;de\n2;plain;en\n", encoding=encoding)
    assert importing.import_file(study, path).encoding == "cp1252"
    assert _rows(study)[0].text == "Größe, déjà vu, ¿qué?"


def test_an_encoding_can_be_told(study: Study, write: Write) -> None:
    path = write("id;text\n1;Zażółć gęślą jaźń\n", encoding="cp1250")
    importing.import_file(study, path, encoding="cp1250")
    assert _rows(study)[0].text == "Zażółć gęślą jaźń"
    with pytest.raises(UserError, match="klingon"):
        importing.import_file(study, path, encoding="klingon")


def test_a_few_broken_bytes_cost_their_rows_only(study: Study, write: Write) -> None:
    good = "".join(f"{n},{'привет мир ' * 5}\n" for n in range(1, 50))
    path = write(b"id,text\n" + good.encode() + b"98,broken \xff\xfe here\n99,fine\n")
    report = importing.import_file(study, path)
    assert report.encoding == "utf-8"
    assert report.accepted == 50
    assert [row for row, _ in report.rejected] == [51]


def test_ids_stay_text(study: Study, write: Write) -> None:
    ids = ["1234567890123456789", "007", "0", " 9007199254740993 ", "abc-1e5", '="1587654321098765432"', "-5"]
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["id", "text"], *([i, f"text {i}"] for i in ids)])
    report = importing.import_file(study, write(out.getvalue()))
    assert report.rejected == []
    assert [row.tweet_id for row in _rows(study)] == [clean_id(i) for i in ids]
    assert clean_id('="1587654321098765432"') == "1587654321098765432"


@given(st.integers(0, 2**64))
def test_whole_numbers_are_sound_and_floats_are_damaged(number: int) -> None:
    assert clean_id(str(number)) == str(number)
    assert not is_damaged(str(number))
    assert is_damaged(f"{float(number):.5E}")
    assert is_damaged(f"{float(number):.5E}".replace(".", ","))


def test_damaged_ids_are_rejected_with_the_reason(study: Study, write: Write) -> None:
    path = write('id,text\n1.23457E+18,a\n"1,23457E+18",b\n1234567890123456768.0,c\n12e5,d\n,e\n')
    report = importing.import_file(study, path)
    assert [row.tweet_id for row in _rows(study)] == ["12e5"]
    assert [row for row, _ in report.rejected] == [2, 3, 4, 6]
    assert "spreadsheet" in report.rejected[0].reason
    assert "id is empty" in report.rejected[3].reason


def test_rounded_ids_are_warned_of(study: Study, write: Write) -> None:
    rows = "".join(f"{1234567890000000 + n}000,text {n}\n" for n in range(25))
    report = importing.import_file(study, write("id,text\n" + rows.replace("7890000000", "7890000000")))
    assert report.accepted == 25 and not report.warnings
    rows = "".join(f"{123456789012300 + n}0000,other {n}\n" for n in range(25))
    assert "rounded" in importing.import_file(study, write("id,text\n" + rows)).summary()


def test_without_ids_they_are_made_of_the_text(study: Study, write: Write) -> None:
    first = importing.import_file(study, write("text\nhello, you\nhello; there\nhello, you\n"))
    assert (first.accepted, first.duplicates, first.delimiter) == (2, 1, "")
    again = importing.import_file(study, write('lang,tweet\nen,"hello, you"\nen,new\n', "other.csv"))
    assert (again.accepted, again.duplicates) == (1, 1)


def test_importing_twice_adds_nothing(study: Study, write: Write) -> None:
    path = write("id,text,label\n1,one,pro\n2,two,anti\n3,three,\n")
    first = importing.import_file(study, path)
    assert (first.accepted, first.labels, first.duplicates) == (3, 2, 0)
    second = importing.import_file(study, path)
    assert (second.accepted, second.labels, second.duplicates, second.rows) == (0, 0, 3, 3)
    assert len(tweets.history(study, 1)) == 1
    # Nor does it bring back what the coder took back by hand.
    work = labelling.Labelling(study, "imported")
    work.show(1)
    work.clear()
    assert importing.import_file(study, path).labels == 0
    assert set(labelling.current_labels(study)) == {2}


def test_same_id_same_text_is_a_duplicate_other_text_is_rejected(study: Study, write: Write) -> None:
    report = importing.import_file(study, write("id,text\n1,one\n1,one\n1,another\n2,two\n"))
    assert (report.accepted, report.duplicates, report.rejected_count) == (2, 1, 1)
    assert report.rejected == [Rejected(4, "The id 1 belongs to a tweet with another text.")]
    assert importing.import_file(study, write("id,text\n2,zwei\n")).rejected_count == 1


def test_labels_in_many_spellings(study: Study, write: Write) -> None:
    path = write(
        "id,text,stance\n1,a,Pro-Immigration\n2,b,ANTI\n3,c,immigration / neutral\n"
        "4,d,nonsense\n5,e,\n6,f,nonsense\n"
    )
    report = importing.import_file(study, path, coder="Ana")
    assert labelling.current_labels(study) == {1: "pro", 2: "anti", 3: "neutral"}
    assert (report.accepted, report.labels, report.unknown_labels) == (6, 3, {"nonsense": 2})
    assert "“nonsense”" in report.summary()
    assert {row.label_coder for row in _rows(study)} == {"Ana", ""}


def test_labels_of_another_codebook_are_told_their_classes(study: Study, write: Write) -> None:
    path = write("id,text,stance\n1,a,for\n2,b,against\n3,c,against\n4,d,Pro\n5,e,odd\n6,f,\n")
    assert importing.unknown_labels(path, "stance", study.codebook) == {"against": 2, "for": 1, "odd": 1}
    with pytest.raises(UserError, match="no class “con”"):
        importing.import_file(study, path, classes={"against": "con"})
    assert study.counts().tweets == 0
    classes = {"against": "anti", "for": "pro"}
    report = importing.import_file(study, path, classes=classes)
    assert labelling.current_labels(study) == {1: "pro", 2: "anti", 3: "anti", 4: "pro"}
    assert report.unknown_labels == {"odd": 1} and report.as_dict()["classes"] == classes
    assert "“against” as “anti”" in report.summary()


def test_one_column_cannot_be_two_things(study: Study, write: Write) -> None:
    path = write("id,text,author\n1,a,@a\n")
    with pytest.raises(UserError, match="“text” is chosen twice, as text and as author"):
        importing.import_file(study, path, {"text": "text", "author": "text"})
    assert study.counts().tweets == 0


def test_the_report_is_in_plain_words(study: Study, write: Write) -> None:
    path = write("id,text,label\n1,one,pro\n2,,\n")
    told = importing.import_file(study, path).summary()
    assert told == "1 tweet accepted, 1 row rejected, 1 label taken in from the column “label” as “imported”."
    path = write("id,text,label\n1,one,pro\n3,three,anti\n4,four,con\n")
    told = importing.import_file(study, path, coder="Ana").summary()
    assert (
        told
        == "2 tweets accepted, 1 already there, 2 labels taken in from the column “label” as “Ana”. "
        + ("1 label is not in the codebook (“con”).")
    )


def test_labels_for_tweets_that_are_there(study: Study, write: Write) -> None:
    importing.import_file(study, write("id,text\n1,one\n2,two\n"))
    path = write("id,text,label\n1,one,pro\n2,two,anti\n1,one,neutral\n", "labels.csv")
    report = importing.import_file(study, path, coder="Ana")
    assert (report.accepted, report.duplicates, report.labels, report.label_conflicts) == (0, 3, 2, 1)
    again = importing.import_file(study, path, coder="Ana")
    assert (again.labels, again.label_conflicts) == (0, 1)
    assert importing.import_file(study, path, coder="Ben").labels == 2
    assert labelling.current_labels(study) == {1: "pro", 2: "anti"}


def test_rows_that_are_not_taken_say_why(study: Study, write: Write) -> None:
    path = write("id,text,lang\n1,ok,en\n2,few\n3,many,en,more\n4,,en\n\n5,  ,en\n6,a\0b,en\n7,ok,en\n")
    report = importing.import_file(study, path)
    assert report.accepted == 2
    assert [row for row, _ in report.rejected] == [3, 4, 5, 7, 8]
    assert ["2 fields" in report.rejected[0].reason, "4 fields" in report.rejected[1].reason] == [True, True]
    assert "text is empty" in report.rejected[2].reason
    assert "NUL" in report.rejected[4].reason
    assert report.rows == report.accepted + report.duplicates + report.rejected_count


def test_a_stray_control_character_is_kept(study: Study, write: Write) -> None:
    importing.import_file(study, write("id,text\n1,bell \x07 and \x1b escape\n"))
    assert _rows(study)[0].text == "bell \x07 and \x1b escape"


def test_an_unclosed_quotation_mark_is_told(study: Study, write: Write) -> None:
    report = importing.import_file(
        study, write('id,text\n1,fine\n2,"never closed\n3,c\n4,"d" and more\n5,e\n')
    )
    assert report.accepted >= 1
    assert "quotation mark" in " ".join(r.reason for r in report.rejected) or report.rows < 5


@pytest.mark.parametrize(
    ("code", "expected"),
    [("in", "id"), ("iw", "he"), ("pt-BR", "pt"), (" EN ", "en"), ("und", ""), ("English", "en"), ("", "")],
)
def test_languages_are_iso_codes(code: str, expected: str) -> None:
    assert language_code(code) == expected


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("tweet_id,full_text,lang", "id text lang"),
        ("ID,Texto,Idioma,Etiqueta,Fecha", "id text lang label date"),
        ("Kennung,Nachricht,Sprache,Kategorie", "id text lang label"),
        ("المعرف,النص,اللغة", "id text lang"),
        ("아이디,본문,언어,라벨", "id text lang label"),
        ("azonosító,szöveg,nyelv,címke", "id text lang label"),
        ("row,text,id_str,id", "- text id -"),
    ],
)
def test_columns_are_guessed_by_names(write: Write, header: str, roles: str) -> None:
    names = header.split(",")
    expected = {role: name for role, name in zip(roles.split(), names, strict=True) if role != "-"}
    values = {"text": "some long text of a tweet", "lang": "en", "label": "pro", "id": "123", "date": "2022"}
    role = {name: role for role, name in expected.items()}
    row = ",".join(values[role[name]] if name in role else "7" for name in names)
    found = importing.preview(write(f"{header}\n{row}\n"))
    assert found.columns == expected
    assert found.rows == [row.split(",")]


def test_a_table_without_header(study: Study, write: Write) -> None:
    rows = "".join(f"{1500000000000000000 + n},this is the text of tweet {n},en,pro\n" for n in range(5))
    found = importing.preview(write(rows))
    assert not found.has_header
    assert found.columns == {"text": "column 2", "id": "column 1", "lang": "column 3", "label": "column 4"}
    report = importing.import_file(study, write(rows))
    assert (report.accepted, report.labels) == (5, 5)


def test_columns_can_be_told(study: Study, write: Write) -> None:
    path = write("a,b,text\n1,the text,other\n", "x.csv")
    report = importing.import_file(study, path, {"text": "b", "id": "a", "lang": ""})
    assert report.columns == {"text": "b", "id": "a"}
    (row,) = _rows(study)
    assert (row.tweet_id, row.text, row.extra) == ("1", "the text", {"text": "other"})
    with pytest.raises(UserError, match="no column “c”"):
        importing.import_file(study, path, {"text": "c"})
    with pytest.raises(UserError, match="“colour”"):
        importing.import_file(study, path, {"colour": "a"})


def test_columns_of_the_same_name_are_all_kept(study: Study, write: Write) -> None:
    importing.import_file(study, write("id,text,x,x,,label\n1,hello,a,b,c,pro\n"))
    assert _rows(study)[0].extra == {"x": "a", "x (2)": "b", "column 5": "c"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b" \r\n\r\n", "is empty"),
        (b"id,text,lang\n", "no rows"),
        (b"PK\x03\x04" + bytes(100), "spreadsheet"),
        (b"PAR1" + bytes(100), "Parquet"),
        (b"GGUF" + bytes(100), "model file"),
        (bytes(range(256)) * 40, "not a text file"),
        (b"\x00" * 5000, "is empty"),
        (os.urandom(50_000), "not a text file"),
    ],
    ids=["empty", "mark", "blank", "header", "xlsx", "parquet", "gguf", "bytes", "zeros", "random"],
)
def test_files_that_are_no_tables(study: Study, write: Write, content: bytes, told: str) -> None:
    with pytest.raises(UserError) as error:
        importing.import_file(study, write(content))
    assert told in error.value.message
    assert error.value.next_step.endswith(".")
    assert study.counts().tweets == 0


def test_paths_that_are_no_files(study: Study, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(UserError):
            importing.import_file(study, path)


# With more control characters than text a file is taken for a binary one.
_CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\r\n\x85"), max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_CELL, _CELL), min_size=1, max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8-sig", "utf-16"]),
)
def test_any_text_arrives_as_it_is(
    write: Write,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    delimiter: str,
    encoding: str,
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "text", "other"])
    writer.writerows([f"id{n}", text, other] for n, (text, other) in enumerate(rows))
    path = write(out.getvalue(), encoding=encoding)
    with Study.create(tmp_path_factory.mktemp("s") / "a.stancedesk") as study:
        # A text may be a language's code or a date: what "other" holds is not to be guessed here.
        columns = dict.fromkeys(ROLES, "") | {"id": "id", "text": "text"}
        report = importing.import_file(study, path, columns, has_header=True, delimiter=delimiter)
        found = [(row.tweet_id, row.text, row.extra["other"]) for row in _rows(study)]
    expected = [(f"id{n}", text, other) for n, (text, other) in enumerate(rows) if text.strip()]
    assert found == expected
    assert report.rejected_count == len(rows) - len(expected)


@given(st.binary(max_size=400))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_break_the_preview(write: Write, content: bytes) -> None:
    try:
        found = importing.preview(write(content))
    except UserError as error:
        assert error.message
    else:
        assert "text" in found.columns


@given(st.text(max_size=400))
def test_no_text_breaks_the_dialect(sample: str) -> None:
    assert find_dialect(sample).delimiter


def test_progress_and_stop(study: Study, write: Write) -> None:
    path = write("id,text\n" + "".join(f"{n},tweet number {n}\n" for n in range(10_000)))
    told: list[tuple[int, int]] = []
    report = importing.import_file(
        study, path, progress=lambda done, total: told.append((done, total)), stop=lambda: len(told) > 5
    )
    assert report.stopped and 0 < report.accepted < 10_000
    assert report.summary().startswith("Stopped")
    assert told == sorted(told) and told[-1][1] == path.stat().st_size
    rest = importing.import_file(study, path, progress=lambda done, total: told.append((done, total)))
    assert rest.accepted + report.accepted == 10_000
    assert told[-1] == (path.stat().st_size,) * 2


def test_a_killed_import_is_completed_by_importing_again(study: Study, write: Write) -> None:
    total = 60_000
    path = write("id,text,label\n" + "".join(f"{n},tweet number {n},pro\n" for n in range(total)))
    study.close()
    code = (
        "import sys; from app.study.study import Study; from app.study.importing import import_file; "
        "import_file(Study.open(sys.argv[1]), sys.argv[2])"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(study.path), str(path)], cwd=ROOT)
    with Study.open(study.path) as watching:
        deadline = time.monotonic() + 60
        while tweets.count(watching) < 4000 and time.monotonic() < deadline:
            time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    with Study.open(study.path) as again:
        there = tweets.count(again)
        assert 4000 <= there < total
        # Whole rows: each tweet came with its label.
        assert again.counts().labelled == there
        report = importing.import_file(again, path)
        assert (report.accepted, report.labels, report.duplicates) == (total - there, total - there, there)
        assert labelling.current_labels(again).keys() == set(range(1, total + 1))


def test_rows_for_testing_are_marked(study: Study, write: Write) -> None:
    from app.study import sealing

    importing.import_file(study, write("id,text\n1,one\n2,two\n"))
    importing.import_file(study, write("id,text\n2,two\n3,three\n", "test.csv"), test=True)
    assert sealing.test_tweets(study) == {2, 3}


def test_real_tweets_arrive_with_every_label(study: Study, shared_data: Path) -> None:
    path = shared_data / "immigration" / "train.csv"
    report = importing.import_file(study, path)
    assert (report.accepted, report.labels, report.rejected_count) == (2625, 2625, 0)
    with open(path, encoding="utf-8", newline="") as file:
        expected = [(r["id"], r["text"], r["lang"], r["label"]) for r in csv.DictReader(file)]
    assert [(r.tweet_id, r.text, r.lang, r.label) for r in _rows(study)] == expected
    assert importing.import_file(study, path).duplicates == 2625
    other = importing.import_file(study, shared_data / "multilingual" / "tweets.csv")
    assert other.rows == 24264 and other.rejected_count == 0


def test_a_study_is_no_table_and_is_not_looked_into(study: Study) -> None:
    with pytest.raises(UserError, match="is a study, not a table"):
        importing.import_file(study, study.path)
