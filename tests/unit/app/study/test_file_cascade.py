"""A file's cascade: no more is lost than was promised, nothing is out of order, and a cut changes no byte.

The model is a function of the text that answers at once; that of a real one is tests/end2end/test_file_cascade.py.
"""

import csv
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.inference.classifier import ClassificationStopped
from app.inference.model_file import write_card
from app.study import cascade_text, file_classification
from app.study.base_models import base_file
from app.study.cascade_planning import Terms
from app.study.chunked_classification import Progress, Stop, classify_chunks
from app.study.classification import EMPTY, ClassificationReport
from app.study.codebook import Codebook
from app.study.file_cascade import FileCascade, TextsOfRows, draw_rows
from app.study.file_classification import classify_file
from app.study.part_file import SETTLED, PartFile, part_path
from app.study.seen_texts import digest
from app.study.tabular_files import TableReader, writing_table
from tests.unit.app.inference.conftest import make_card, write_tiny

LEAVES = ("pro", "anti", "neutral", "unrelated")
ASIDE = ("unrelated",)
JOB = {"source": "a", "model": "b", "column": "text", "prompt": "1", "cascade": "{}"}
# Small enough for a test: a bound of 5 % can be proven with some 45 related tweets.
TERMS = Terms(
    bound=0.05,
    least_job=300,
    least_learn=160,
    most_learn=160,
    pays=1.0,
    least_audit=20,
    most_share=0.6,
    seed=3,
)
ABOUT = {
    "pro": ["welcome refugees to our town", "migrants enrich the country"],
    "anti": ["close the border right now", "migrants must leave the country"],
    "neutral": ["the asylum law was changed today", "numbers of refugees were published"],
    "unrelated": [
        "what a goal that was tonight",
        "my cat sleeps a lot these days",
        "rain again this morning",
    ],
}


class Answers:
    """Stands for the model: it answers by the words of a text, and of one text in 100 it says something else."""

    leaves = LEAVES
    device = "CPU"
    tuning = SimpleNamespace(batches=dict)

    def __init__(self) -> None:
        self.asked: Counter[bytes] = Counter()

    def classify(
        self, texts: Sequence[str], progress: Progress | None = None, stop: Stop | None = None
    ) -> Any:
        if stop is not None and stop():
            raise ClassificationStopped(np.empty((0, len(LEAVES))), 0)
        marks = {digest(text) for text in texts}
        self.asked.update(marks)
        if progress is not None:
            progress(len(texts) // 2, len(texts))
        return np.asarray([said(text) for text in texts], dtype=np.float32).reshape(-1, len(LEAVES))


def said(text: str) -> list[float]:
    if digest(text) == digest(""):
        return [float("nan")] * len(LEAVES)
    draw = random.Random(digest(text))
    leaf = next((leaf for leaf, about in ABOUT.items() if any(words in text for words in about)), "unrelated")
    if draw.random() < 1 / 100:
        leaf = draw.choice(LEAVES)
    return [0.91 if one == leaf else 0.03 for one in LEAVES]


def is_related(text: str) -> bool:
    return digest(text) != digest("") and LEAVES[int(np.argmax(said(text)))] not in ASIDE


def make_stream(number: int, seed: int) -> list[tuple[str, str]]:
    """Return tweets (text, language): four in five unrelated, a third of them copies of others, some without text."""
    draw = random.Random(seed)
    originals = []
    for n in range(number * 2 // 3):
        leaf = draw.choices(LEAVES, weights=[1, 2, 1, 16])[0]
        originals.append((f"{draw.choice(ABOUT[leaf])} {n} {draw.randrange(50)}", draw.choice(["en", "de"])))
    weights = [1 / rank for rank in range(1, len(originals) + 1)]
    stream = [
        *originals,
        *draw.choices(originals, weights, k=number - len(originals) - 5),
        *[("\x01", "en")] * 5,
    ]
    draw.shuffle(stream)
    return stream


def chunks_of(stream: Sequence[tuple[str, str]], size: int = 256) -> Callable[[], Any]:
    def chunks() -> Any:
        for start in range(0, len(stream), size):
            part = stream[start : start + size]
            yield TextsOfRows([text for text, _ in part], [language for _, language in part])

    return chunks


def run(
    path: Path, stream: Sequence[tuple[str, str]], terms: Terms = TERMS, language: str = "lang"
) -> tuple[dict[str, Any], list[int], Answers]:
    """Run a cascade; return its facts, the number that stands for each row's text, and the model."""
    chunks, model = chunks_of(stream), Answers()
    with PartFile(path, JOB, LEAVES) as part:
        cascade = FileCascade(part, terms, LEAVES, ASIDE, len(stream), chunks)
        assert cascade.prepare(model, terms.seed or 0, language)
        assert classify_chunks(chunks(), model, part, settle=cascade.settle)
        cascade.end()
        assert part.rows == len(stream) == part.failed + sum(part.per_leaf) + part.settled.per_leaf.sum()
        ids = np.concatenate([part.chunk(number)[0] for number in range(part.chunks)]).tolist()
        found = np.concatenate([part.chunk(number)[1] for number in range(part.chunks)])
    for (text, _), one, row in zip(stream, ids, found, strict=True):
        if one == SETTLED:
            assert row.argmax() == LEAVES.index("unrelated") and row.sum() == pytest.approx(1, abs=1e-5)
        else:
            assert np.array_equal(row, np.asarray(said(text), dtype=np.float32), equal_nan=True)
    facts = cascade.facts
    assert facts is not None
    return facts, ids, model


def test_of_no_stream_more_is_lost_than_was_promised_but_seldom(tmp_path: Path) -> None:
    broken = in_all = 0
    for seed in range(5):
        stream = make_stream(3000, seed)
        facts, ids, model = run(tmp_path / f"{seed}", stream, replace(TERMS, seed=seed))
        settled = [one == SETTLED for one in ids]
        assert facts["stage"] == "done" and facts["settled"] == sum(settled)
        in_all += sum(settled)
        related = [is_related(text) for text, _ in stream]
        lost = sum(a and b for a, b in zip(settled, related, strict=True)) / sum(related)
        broken += lost > TERMS.bound
        assert set(model.asked.values()) == {1}, "a text was computed twice"
        assert len(model.asked) < len({digest(text) for text, _ in stream})
    assert in_all > 3500
    # Promised are 90 %: of five, three broken ones come in one case of a hundred.
    assert broken < 3


def test_what_is_told_is_what_was_counted(tmp_path: Path) -> None:
    stream = make_stream(3000, 1)
    facts, ids, _ = run(tmp_path / "part", stream)
    by_language = Counter(lang for (_, lang), one in zip(stream, ids, strict=True) if one == SETTLED)
    assert {code: of["settled"] for code, of in facts["languages"].items() if of["settled"]} == by_language
    of_model = [text for (text, _), one in zip(stream, ids, strict=True) if one != SETTLED]
    assert facts["related"] == sum(map(is_related, of_model))
    assert facts["selected"] == facts["eligible"] == 3000 and facts["labels"] == 0
    assert facts["audit"]["tweets"] >= 10 and facts["ahead"] <= facts["allowed"]
    told = cascade_text.outcome(facts)
    assert f"settled {sum(by_language.values()):,} of 3,000" in told and "at most 5.00 %" in told
    assert f"Of {facts['audit']['tweets']} tweets drawn at random from those to be settled" in told
    assert "the column “lang”" in cascade_text.languages(facts)


def test_never_settled_are_texts_that_the_model_has_answered_in_a_sample_and_rare_languages(
    tmp_path: Path,
) -> None:
    stream = make_stream(3000, 2)
    rare = {n for n in range(len(stream)) if n % 100 == 0}
    stream = [(text, "fi" if n in rare else lang) for n, (text, lang) in enumerate(stream)]
    facts, ids, model = run(tmp_path / "part", stream)
    assert facts["stage"] == "done" and facts["languages"]["fi"]["cascaded"] is False
    assert all(ids[n] != SETTLED for n in rare)
    assert "too few tweets were drawn: fi" in cascade_text.languages(facts)
    drawn = draw_rows(TERMS.seed or 0, 3000, facts["most"])[: facts["drawn"]]
    known = {digest(stream[n][0]) for n in drawn} | {digest("")}
    assert all(one != SETTLED for (text, _), one in zip(stream, ids, strict=True) if digest(text) in known)
    # Some text was answered in the audit: that an equal row is settled all the same is the rule's, not the cache's.
    assert len(model.asked) > len(known)


def test_rows_are_drawn_uniformly_and_in_memory_that_does_not_grow_with_the_file() -> None:
    # A permutation of these would take eight gigabytes.
    drawn = draw_rows(3, 10**9, 60_000)
    assert len(set(drawn)) == 60_000 and drawn == draw_rows(3, 10**9, 60_000)
    counts = Counter(number // 10**8 for number in drawn)
    # Three and a half standard deviations of 6,000, of all rows and of a first part of them.
    assert all(abs(counts[tenth] - 6000) < 260 for tenth in range(10))
    first = Counter(number // 10**8 for number in drawn[:6000])
    assert all(abs(first[tenth] - 600) < 82 for tenth in range(10))


def test_without_languages_all_are_pooled_and_that_is_told(tmp_path: Path) -> None:
    stream = make_stream(3000, 3)
    facts, ids, _ = run(tmp_path / "none", stream, language="")
    assert facts["languages"].keys() == {""} and SETTLED in ids
    assert "no column of languages" in cascade_text.languages(facts)
    # A column with a value of its own in nearly each row is none of languages, whatever its name.
    many = [(text, f"x{n}") for n, (text, _) in enumerate(stream)]
    again, other_ids, _ = run(tmp_path / "many", many)
    assert again["language_column"] == "" and other_ids == ids


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"least_job": 4000}, "has 3,000 tweets that could be settled; a sample pays from 4,000"),
        ({"bound": 0.001}, "to prove a bound of 0.10%"),
    ],
)
def test_where_it_does_not_pay_all_rows_go_through_the_model(
    tmp_path: Path, terms: dict[str, Any], why: str
) -> None:
    facts, ids, _ = run(tmp_path / "part", make_stream(3000, 4), replace(TERMS, **terms))
    assert facts["stage"] == "declined" and SETTLED not in ids
    assert why in cascade_text.outcome(facts)


# The whole command, with the model that answers at once


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny(path, base_file("smollm2-135m").path, "llama", layers=1, window=0)
    write_card(path, make_card(path, codebook=Codebook.default().to_toml()))
    return path


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_classification, "open_classifier", lambda *_: nullcontext(Answers()))
    monkeypatch.setattr(file_classification, "tuned", lambda *_: None)
    # Rows a chunk, so that a short table has several.
    monkeypatch.setattr(file_classification, "CHUNK", 128)


def write(path: Path, stream: Sequence[tuple[str, str]]) -> Path:
    with writing_table(path, ["id", "text", "lang"], {}, None) as out:
        out.write([{"id": f"{n:019}", "text": text, "lang": lang} for n, (text, lang) in enumerate(stream)])
    return path


class PowerCut(Exception):
    """Ends a job in the middle, without its leave."""


def cut_after(events: int) -> Callable[[dict[str, Any]], None]:
    heard = 0

    def on_event(event: dict[str, Any]) -> None:
        nonlocal heard
        heard += 1
        if heard > events:
            raise PowerCut

    return on_event


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 10**6),
    number=st.integers(800, 1500),
    cuts=st.lists(st.integers(1, 30), max_size=4),
    stops=st.lists(st.integers(0, 20), max_size=2),
    endings=st.tuples(*[st.sampled_from([".csv", ".jsonl", ".parquet"])] * 2),
)
def test_any_file_cut_off_anywhere_ends_as_one_that_was_not(
    tmp_path_factory: pytest.TempPathFactory,
    model: Path,
    seed: int,
    number: int,
    cuts: list[int],
    stops: list[int],
    endings: tuple[str, str],
) -> None:
    folder = tmp_path_factory.mktemp("files")
    stream = make_stream(number, seed)
    source = write(folder / f"in{endings[0]}", stream)
    terms = replace(TERMS, bound=0.1, seed=None)
    whole, cut = (folder / f"{name}{endings[1]}" for name in ("whole", "cut"))
    undisturbed = classify_file(source, whole, str(model), cascade=terms)
    for events in cuts:
        try:
            classify_file(source, cut, str(model), cascade=terms, on_event=cut_after(events))
            break
        except PowerCut:
            assert not cut.exists()
    for asked in stops:
        left = [asked]

        def stop(left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] < 0

        classify_file(source, cut, str(model), cascade=terms, stop=stop)
    report = classify_file(source, cut, str(model), cascade=terms)
    assert cut.read_bytes() == whole.read_bytes() and not part_path(cut).exists()
    assert counts(report) == counts(undisturbed)
    check_rows(cut, stream, report)


def counts(report: ClassificationReport) -> tuple[Any, ...]:
    assert report.cascade is not None
    facts = {name: value for name, value in report.cascade.items() if not name.startswith("seconds")}
    return report.selected, report.predicted, report.settled, report.failed, report.per_leaf, facts


def check_rows(path: Path, stream: Sequence[tuple[str, str]], report: ClassificationReport) -> None:
    """Every row is there, in order, and is predicted, settled, or failed with a reason; counts reconcile."""
    with TableReader(path) as table:
        rows = [row for chunk in table.chunks() for row in chunk]
    assert [row["text"] for row in rows] == [text for text, _ in stream]
    assert [int(row["id"]) for row in rows] == list(range(len(stream)))
    found: Counter[str] = Counter()
    for row in rows:
        by = row["predicted_by"] or "nobody"
        found[by] += 1
        if by == "nobody":
            assert row["predicted_status"] == EMPTY and not row["predicted_label"]
            continue
        assert row["predicted_status"] == "classified"
        probabilities = [float(row[f"p_{leaf}"]) for leaf in LEAVES]
        assert sum(probabilities) == pytest.approx(1, abs=1e-4)
        assert row["predicted_label"] == LEAVES[int(np.argmax(probabilities))]
        if by == "model":
            assert probabilities == pytest.approx(said(row["text"]), abs=1e-6)
        else:
            assert row["predicted_label"] == "unrelated"
    assert found == Counter(
        {"model": report.predicted, "light model": report.settled, "nobody": report.failed}
    )
    assert report.selected == len(stream) == report.predicted + report.settled + report.failed
    assert sum(report.per_leaf.values()) == report.predicted + report.settled


def test_a_job_that_settles_is_cut_off_at_each_stage(tmp_path: Path, model: Path) -> None:
    """As above, of a stream of which much is settled for certain: what is drawn above may be declined."""
    stream = make_stream(3000, 5)
    source = write(tmp_path / "in.csv", stream)
    whole, cut = tmp_path / "whole.csv", tmp_path / "cut.csv"
    undisturbed = classify_file(source, whole, str(model), cascade=TERMS)
    assert undisturbed.settled > 700
    check_rows(whole, stream, undisturbed)
    reached = []
    for stage in ("draw", "sample", "sample", "learn", "classify", "write"):

        def on_event(event: dict[str, Any], stage: str = stage) -> None:
            if event["event"] == ("stage" if stage == "learn" else "progress") and event["stage"] == stage:
                raise PowerCut

        with pytest.raises(PowerCut):
            classify_file(source, cut, str(model), cascade=TERMS, on_event=on_event)
        with PartFile(part_path(cut), read_job(cut), LEAVES) as part:
            reached.append(None if part.cascade is None else part.cascade.stage)
    assert reached == [None, "learn", "learn", "learn", "classify", "done"]
    report = classify_file(source, cut, str(model), cascade=TERMS)
    assert cut.read_bytes() == whole.read_bytes() and counts(report) == counts(undisturbed)


def read_job(target: Path) -> dict[str, str]:
    import sqlite3

    with sqlite3.connect(part_path(target)) as part:
        (job,) = part.execute("SELECT value FROM job WHERE key = 'job'").fetchone()
    part.close()
    found: dict[str, str] = json.loads(job)
    return found


def test_another_cascade_is_told_on_a_half_done_job(tmp_path: Path, model: Path) -> None:
    source, target = write(tmp_path / "in.csv", make_stream(1200, 6)), tmp_path / "out.csv"
    others: list[Terms | None] = [None, TERMS, replace(TERMS, bound=0.1)]
    for begun in others:
        with pytest.raises(PowerCut):
            classify_file(source, target, str(model), cascade=begun, restart=True, on_event=cut_after(30))
        kept = part_path(target).read_bytes()
        for other in others:
            if other != begun:
                with pytest.raises(UserError, match=r"begun with another choice of --cascade.*--restart"):
                    classify_file(source, target, str(model), cascade=other)
        assert part_path(target).read_bytes() == kept
    classify_file(source, target, str(model), cascade=others[-1])
    assert target.exists()


def test_settled_rows_keep_to_prefix_and_threshold(tmp_path: Path, model: Path) -> None:
    source, target = write(tmp_path / "in.csv", make_stream(3000, 5)), tmp_path / "out.csv"
    report = classify_file(source, target, str(model), cascade=TERMS, prefix="m_", undecided_below=0.9)
    with open(target, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    settled = [row for row in rows if row["m_predicted_by"] == "light model"]
    assert len(settled) == report.settled > 0
    for row in settled:
        unsure = float(row["m_confidence"]) < 0.9
        assert row["m_predicted_label"] == ("undecided" if unsure else "unrelated")
    # The same file has the columns now.
    with pytest.raises(UserError, match="already has the column “m_predicted_"):
        classify_file(target, tmp_path / "twice.csv", str(model), cascade=TERMS, prefix="m_")


def test_a_codebook_without_unrelated_is_refused(tmp_path: Path, model: Path) -> None:
    options = "".join(
        f'[[questions.options]]\ncode = "{code}"\nkey = "{key}"\n' for key, code in enumerate(LEAVES, 1)
    )
    flat = tmp_path / "flat.gguf"
    flat.write_bytes(model.read_bytes())
    write_card(flat, make_card(flat, codebook=f'[[questions]]\ncode = "one"\n{options}'))
    source = write(tmp_path / "in.csv", make_stream(800, 7))
    with pytest.raises(UserError, match="nothing to settle"):
        classify_file(source, tmp_path / "out.csv", str(flat), cascade=TERMS)
    assert not part_path(tmp_path / "out.csv").exists()
