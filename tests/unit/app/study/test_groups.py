"""The near-duplicates of a study: written, kept up after imports and merges, shown, and never divided."""

import random
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from app.study import bulk, groups, importing, merging, sampling, sealing, tweets
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter
from db import groups as queries
from db.tables import Tweet

WELCOME = "Refugees are welcome in our little town, whoever says otherwise does not speak for us"
HARBOUR = "난민을 태운 배가 오늘 아침 항구에 도착했고 자원봉사자들이 물과 담요를 나누어 주었습니다"
TEXTS = [
    "Something else entirely, about the weather in the mountains and the price of bread",
    WELCOME,
    HARBOUR,
    f"RT @ana: {WELCOME}",
    f"{HARBOUR} https://t.co/abc",
    f"{WELCOME} 😀",
    "Another tweet that stands alone, about football and nothing but football",
]
GROUPS = [0, 2, 3, 2, 3, 2, 0]


def add(study: Study, path: Path, texts: list[str], labels: list[str] | None = None, first: int = 1) -> None:
    table = path / "table.csv"
    columns = [labels or [""] * len(texts), texts]
    rows = [f'{n},"{tweet}",en,{leaf}' for n, (leaf, tweet) in enumerate(zip(*columns, strict=True), first)]
    table.write_text("\n".join(["id,text,lang,label", *rows]), encoding="utf-8")
    importing.import_file(study, table, coder="Ana")


def stored(study: Study) -> list[int]:
    with study.reading() as session:
        return [group or 0 for group in session.scalars(select(Tweet.group_id).order_by(Tweet.id))]


def test_groups_are_written_and_shown(study: Study, tmp_path: Path) -> None:
    add(study, tmp_path, TEXTS)
    assert not groups.are_current(study)
    report = groups.find(study)
    assert stored(study) == GROUPS and groups.are_current(study)
    assert (report.tweets, report.groups, report.grouped, report.largest, report.changed) == (7, 2, 5, 3, 5)
    assert [row.similar for row in tweets.page(study)] == [0, 2, 1, 2, 1, 2, 0]
    assert [row.id for row in tweets.page(study, TweetFilter(group=2))] == [2, 4, 6]
    assert tweets.count(study, TweetFilter(status="grouped")) == 5
    assert groups.members(study, 4) == [2, 4, 6] and groups.members(study, 1) == [1]


def test_again_changes_nothing(study: Study, tmp_path: Path) -> None:
    add(study, tmp_path, TEXTS)
    groups.find(study)
    assert groups.find(study).changed == 0
    assert groups.keep_up(study) is None


def test_a_tweet_that_comes_later_joins_its_group_and_leaves_it_to_another(
    study: Study, tmp_path: Path
) -> None:
    add(study, tmp_path, TEXTS[:4])
    groups.find(study)
    assert stored(study) == [0, 2, 0, 2]
    add(study, tmp_path, TEXTS[4:], first=5)
    report = groups.keep_up(study)
    assert report is not None and stored(study) == GROUPS


def test_a_stop_changes_nothing(study: Study, tmp_path: Path) -> None:
    add(study, tmp_path, TEXTS)
    report = groups.find(study, stop=lambda: True)
    assert report.stopped and "Stopped" in report.summary()
    assert stored(study) == [0] * 7 and not groups.are_current(study)


def test_a_write_that_was_cut_off_is_known_to_be_unfinished(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(study, tmp_path, TEXTS)
    monkeypatch.setattr(groups, "CHUNK", 2)
    write, calls = queries.write, []

    def cut_off(*given: object) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(given)
        write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(queries, "write", cut_off)
    with pytest.raises(KeyboardInterrupt):
        groups.find(study)
    assert 0 < sum(map(bool, stored(study))) < 5 and not groups.are_current(study)
    monkeypatch.undo()
    groups.keep_up(study)
    assert stored(study) == GROUPS


def test_copies_that_merge_have_the_same_groups_in_either_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.stancedesk" for name in ("one", "other")]
    with Study.create(paths[0]) as first:
        add(first, tmp_path, TEXTS[:2])
        first.save_copy(paths[1])
        add(first, tmp_path, TEXTS[2:5], first=3)
        groups.find(first)
    with Study.open(paths[1]) as second:
        add(second, tmp_path, TEXTS[5:], first=6)
        groups.find(second)
        second.save_copy(tmp_path / "apart.stancedesk")
        merging.merge(second, paths[0])
        assert not groups.are_current(second)
        groups.keep_up(second)
    with Study.open(paths[0]) as first:
        merging.merge(first, tmp_path / "apart.stancedesk")
        groups.keep_up(first)
    assert _as_ids(paths[0]) == _as_ids(paths[1])


def _as_ids(path: Path) -> set[frozenset[str]]:
    with Study.open(path) as study, study.reading() as session:
        found: dict[int, set[str]] = {}
        for row in session.execute(select(Tweet.tweet_id, Tweet.group_id)):
            found.setdefault(row.group_id or -int(row.tweet_id), set()).add(row.tweet_id)
        return {frozenset(group) for group in found.values()}


def test_one_of_each_group_is_offered_until_somebody_labels_one(study: Study, tmp_path: Path) -> None:
    add(study, tmp_path, TEXTS)
    groups.find(study)

    def offered(coder: str | None = None) -> list[int]:
        with study.reading() as session:
            return list(
                session.scalars(select(Tweet.id).where(queries.one_of_each(coder)).order_by(Tweet.id))
            )

    ana, ben = study.coder("Ana"), study.coder("Ben")
    assert offered() == offered(ana.id) == [1, 2, 3, 7]
    work = Labelling(study, ana)
    work.show(6)
    work.label("pro")
    assert offered() == [1, 3, 7]
    assert offered(ana.id) == [1, 3, 7] and offered(ben.id) == [1, 2, 3, 7]
    work.undo()
    assert offered() == [1, 2, 3, 7]


def test_which_one_of_a_group_is_offered_is_found_through_an_index(study: Study) -> None:
    with study.reading() as session:
        statement = select(Tweet.id).where(queries.one_of_each())
        sql = statement.compile(session.connection(), compile_kwargs={"literal_binds": True})
        plan = "\n".join(row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
    assert "ix_tweets_group_id" in plan


def test_no_near_duplicate_of_a_test_row_is_trained_on(study: Study, tmp_path: Path) -> None:
    add(study, tmp_path, TEXTS, ["pro", "anti", "pro", "anti", "pro", "anti", "neutral"])
    sealing.seal_given(study, [4])
    # The second repeats the sealed one as a retweet: to the model the very same text, found or not.
    assert [key for key, _ in sampling.trainable_rows(study)] == [1, 3, 5, 6, 7]
    groups.find(study)
    assert [key for key, _ in sampling.trainable_rows(study)] == [1, 3, 5, 7]
    told = bulk.preview(study, "Ben", TweetFilter())
    assert told.sealed == 3 and told.new() == 4, "nor is one labelled in bulk"


def test_a_group_lies_on_one_side_of_training_and_validation(study: Study, tmp_path: Path) -> None:
    rng = random.Random(3)
    words = [chr(97 + rng.randrange(26)) * 2 + chr(97 + rng.randrange(26)) * 3 for _ in range(400)]
    originals = [" ".join(rng.sample(words, 14)) for _ in range(30)]
    add(
        study,
        tmp_path,
        [f"{t} {end}" for t in originals for end in ("", "😀", "#here")],
        ["pro", "anti", "pro"] * 30,
    )
    groups.find(study)
    assert len(set(stored(study))) == 30
    keyed = sampling.trainable_rows(study)
    group_of = sampling.groups_of(study, keyed)
    rest, drawn = sampling.split([row for _, row in keyed], 0.3, 1, group_of)
    assert len(drawn) > 10
    assert not {group_of[row.id] for row in rest} & {group_of[row.id] for row in drawn}


def test_real_tweets(study: Study, shared_data: Path) -> None:
    importing.import_file(study, shared_data / "immigration" / "train.csv")
    report = groups.find(study)
    assert report.groups > 10
    # Of a group of copies nearly all say the same: labels that differ are few.
    with study.reading() as session:
        rows = session.execute(select(Tweet.group_id, Tweet.agreed_leaf).where(Tweet.group_id.is_not(None)))
        found: dict[int, list[str | None]] = {}
        for row in rows:
            found.setdefault(row.group_id, []).append(row.agreed_leaf)
    one_label = sum(len(set(leaves)) == 1 for leaves in found.values())
    assert one_label >= 0.8 * len(found)


def test_a_study_whose_groups_nobody_looked_for_is_not_current(study: Study, tmp_path: Path) -> None:
    assert groups.are_current(study), "there is nothing to look for"
    add(study, tmp_path, TEXTS)
    groups.find(study)
    with study.writing() as session:
        session.execute(update(Tweet).values(group_id=None))
        queries.note_grouped(session, 0)
    assert not groups.are_current(study)
