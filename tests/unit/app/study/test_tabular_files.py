"""Tables of any size: each format gives back what was written, in order; broken ones are told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UserError
from app.study.tabular_files import CHUNK, TableReader, writing_table

# A bare carriage return inside a CSV field is folded by spreadsheets and is none of a tweet's characters.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=40)
tables = st.lists(
    st.fixed_dictionaries({"id": st.from_regex(r"[0-9]{19}", fullmatch=True), "text": texts}), min_size=1
)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
@given(rows=tables)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, ending: str, rows: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("t") / f"table{ending}"
    # A first row that is long and plain, so that a header is never a matter of taste.
    rows = [{"id": "1745000000000000000", "text": "a plain first tweet, with a comma"}, *rows]
    with writing_table(path, ["id", "text"], {}, None) as out:
        out.write(rows)  # type: ignore[arg-type]
    with TableReader(path) as table:
        assert table.columns == ["id", "text"]
        assert [row for chunk in table.chunks() for row in chunk] == rows


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_long_tables_come_in_chunks(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table{ending}"
    rows = [{"id": f"{n:019}", "text": f"tweet {n}"} for n in range(CHUNK * 2 + 5)]
    with writing_table(path, ["id", "text"], {}, None) as out:
        for start in range(0, len(rows), 1000):
            out.write(rows[start : start + 1000])  # type: ignore[arg-type]
    with TableReader(path) as table:
        sizes = [len(chunk) for chunk in table.chunks()]
    assert sizes == [CHUNK, CHUNK, 5]


def test_a_parquet_keeps_its_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"id": pa.array([2**60 + 1], pa.int64()), "tags": [["a", "b"]]}), source)
    with TableReader(source) as table:
        rows = [row | {"p": 0.5} for chunk in table.chunks() for row in chunk]
        with writing_table(target, [*table.columns, "p"], {"p": "number"}, table.schema) as out:
            out.write(rows)
    found = pq.read_table(target)
    assert found.schema.field("id").type == pa.int64()
    assert found.to_pylist() == [{"id": 2**60 + 1, "tags": ["a", "b"], "p": 0.5}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("ragged.csv", b"id,text\n1,one\n2,two,three\n"),
        ("twice.csv", b"text,text\na,b\n"),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n'),
        ("list.jsonl", b'["a"]\n'),
        ("latin.jsonl", b'{"text": "\xe9"}\n'),
        ("not.parquet", b"PAR1 but not really"),
        ("table.ods", b"x"),
    ],
)
def test_broken_tables_are_told_in_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as told, TableReader(path) as table:
        list(table.chunks())
    assert path.name in str(told.value)


def test_a_failure_leaves_nothing_and_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("what was there", encoding="utf-8")
    with pytest.raises(RuntimeError), writing_table(path, ["a"], {}, None) as out:
        out.write([{"a": "1"}])
        raise RuntimeError("in the middle")
    assert path.read_text(encoding="utf-8") == "what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_of_one_column(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text('text\n"a tweet, with a comma"\nanother\n', encoding="utf-8")
    with TableReader(path) as table:
        assert [row["text"] for chunk in table.chunks() for row in chunk] == [
            "a tweet, with a comma",
            "another",
        ]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_table_tells_how_far_it_is_read_and_can_be_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table{ending}"
    with writing_table(path, ["id", "text"], {}, None) as out:
        out.write([{"id": str(n), "text": f"a tweet with the number {n}"} for n in range(3000)])
    with TableReader(path) as table:
        for _ in range(2):
            shares = []
            for rows in table.chunks(750):
                assert len(rows) == 750
                shares.append(table.share_read)
            assert shares == sorted(shares) and shares[-1] == 1.0
            assert all(abs(share - quarter / 4) < 0.1 for quarter, share in enumerate(shares, 1))


def test_json_lines_bring_their_columns_while_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    lines = ['{"text": "a"}\n'] * (CHUNK + 1) + ['{"text": "b", "late": 1}\n']
    path.write_text("".join(lines), encoding="utf-8")
    with TableReader(path) as table:
        assert table.columns == ["text"]
        assert sum(map(len, table.chunks())) == CHUNK + 2
        assert table.columns == ["text", "late"]


def test_half_a_character_does_not_end_the_writing(tmp_path: Path) -> None:
    """JSON can say it, and a cut-off emoji in a tweet is one; UTF-8 cannot."""
    half, rows = "cut \ud83d", [{"text": "cut \ud83d", "list": ["\ud83d"]}]
    for ending, expected in ((".jsonl", half), (".csv", "cut �"), (".parquet", "cut �")):
        path = tmp_path / f"out{ending}"
        with writing_table(path, ["text", "list"], {}, None) as out:
            out.write(rows)
        with TableReader(path) as table:
            assert next(table.chunks())[0]["text"] == expected


def test_a_parquet_passes_on_what_python_has_no_value_for(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "text": pa.array(["a", None, "c"]),
        "half": pa.array([1.5, 2.5, None], pa.float32()).cast(pa.float16()),
        "time": pa.array([1, 2, 3], pa.timestamp("ns", "UTC")),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
        "price": pa.array([1, 2, 3], pa.decimal128(20, 4)),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    }
    table = pa.table(columns).replace_schema_metadata({"who": "wrote it"})
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(table, source, row_group_size=2)
    with (
        TableReader(source) as reader,
        writing_table(target, [*reader.columns, "p"], {"p": "number"}, reader.schema) as out,
    ):
        for rows in reader.chunks(2):
            out.write(rows, [{"p": 0.5}] * len(rows))
    found = pq.read_table(target)
    assert found.drop_columns(["p"]).equals(pq.read_table(source))
    assert found.schema.metadata[b"who"] == b"wrote it"
    assert found["p"].to_pylist() == [0.5] * 3
