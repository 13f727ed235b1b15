"""Taking in another copy of the study, attached as the schema `copy`. Needs the write lock.

Everything is a union: what has a UUID comes by it, tweets by their own id, codebook versions by their content,
imports by file and time. What follows from it (current labels, gold labels, names of coders, locks) is derived
from the union, so that it does not matter in which order copies are taken in. SQL does the work in windows of
rows, so that memory is bounded whatever the size of the files.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, delete, func, select, text
from sqlalchemy.orm import Session

from db import adjudications, labels, sealing, tweets
from db.coder_names import names_of, without_suffix
from db.locks import derive_all_locked
from db.tables import (
    Adjudication,
    Assignment,
    CodebookVersion,
    Import,
    LabelEvent,
    Lock,
    Merge,
    ScoreLook,
    Split,
    Tweet,
)

# Rows of one statement.
WINDOW = 5000
# What is told by name is bounded; the counts are exact.
MAX_TOLD = 1000

_EVENTS: Any = LabelEvent.__table__
_DECISIONS: Any = Adjudication.__table__
_TWEETS: Any = Tweet.__table__

# Progress: told how many rows of the copy were looked at; may raise, to stop.
Step = Callable[[int], None]


@dataclass
class Taken:
    """What came with a copy. Tweets are told by their own ids, at most `MAX_TOLD` of each kind.

    `labels`: {coder's name: number of new label events}; the `same_…` were here already. `disputed` are tweets
    whose labels contradict each other now and did not before, `decided_apart` those whose gold label was decided
    in both copies, differently; the decision given last stands. `other_text`: the copy has another text under
    the same id; the text here is kept. `renamed`: {name now: name before, here or in the copy}, where two coders
    had one name; `corrected` the same where somebody corrected a name. `in_locked` counts new labels in finished
    batches, `labelled_unaware` tweets of the sealed test set that were labelled in a copy that did not know of the
    seal. `others` counts whatever else is new: imports, coders, codebook versions, assignments, locks, looks at
    scores.
    """

    tweets: int = 0
    same_tweets: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    same_labels: int = 0
    decisions: int = 0
    same_decisions: int = 0
    test_rows: int = 0
    others: int = 0
    disputed: list[str] = field(default_factory=list)
    disputed_count: int = 0
    decided_apart: list[str] = field(default_factory=list)
    decided_apart_count: int = 0
    other_text: list[str] = field(default_factory=list)
    other_text_count: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    corrected: dict[str, str] = field(default_factory=dict)
    in_locked: int = 0
    labelled_unaware: int = 0

    @property
    def is_new(self) -> bool:
        """Whether the copy had anything that was not here."""
        came = self.tweets or self.labels or self.decisions or self.test_rows or self.others
        return bool(came or self.renamed or self.corrected)


def take_in(session: Session, file_name: str, when: str, step: Step = lambda rows: None) -> tuple[Taken, int]:
    """Take in the attached copy and return what came and the key of the merge, 0 where nothing was new."""
    taken = Taken()
    merge = Merge(file_name=file_name, merged=when)
    session.add(merge)
    session.flush()
    labels_before, decisions_before = labels.last_seq(session), _last_decision(session)
    _map_codebooks(session, taken)
    _map_imports(session, taken)
    _take_coders(session, taken)
    _take_tweets(session, taken, step)
    came = _take_events(session, _EVENTS, merge.id, step)
    taken.same_labels = _count(session, "copy.label_events") - came
    taken.decisions = _take_events(session, _DECISIONS, merge.id, step)
    taken.same_decisions = _count(session, "copy.adjudications") - taken.decisions
    _count_labels(session, labels_before, taken)
    _take_work(session, taken)
    _take_test_rows(session, labels_before, taken)
    _derive(session, labels_before, decisions_before, taken)
    session.execute(text("DROP TABLE temp.codebook_here"))
    session.execute(text("DROP TABLE temp.import_here"))
    if not taken.is_new:
        session.execute(delete(Merge).where(Merge.id == merge.id))
        return taken, 0
    return taken, merge.id


def keep_report(session: Session, merge: int, report: Mapping[str, object]) -> None:
    """Keep what a merge did, beside it."""
    session.get_one(Merge, merge).report = dict(report)


def rows_of_copy(session: Session) -> int:
    """Return how many rows `take_in` tells to have looked at in the end."""
    return sum(_count(session, f"copy.{table}") for table in ("tweets", "label_events", "adjudications"))


def _count(session: Session, table: str) -> int:
    return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def _changed(session: Session, statement: str, **values: object) -> int:
    """Run a statement and return how many rows it added or changed."""
    result: Any = session.execute(text(statement), values)
    return int(result.rowcount)


def _names(columns: Iterable[str], alias: str = "") -> str:
    return ", ".join(f'{alias}"{column}"' for column in columns)


def _map_codebooks(session: Session, taken: Taken) -> None:
    """Add the versions that are not here, and note which one here each version of the copy is.

    A version is told by its time and content; one that comes back to earlier words is a version of its own, as
    it asks for second looks of its own.
    """
    session.execute(
        text("CREATE TEMP TABLE codebook_here (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL)")
    )
    here = {(row.created, row.sha256): row.id for row in session.scalars(select(CodebookVersion))}
    theirs = session.execute(
        text(
            "SELECT id, created, toml, sha256, touched FROM copy.codebook_versions ORDER BY created, id"
        ).columns(
            *(CodebookVersion.__table__.c[name] for name in ("id", "created", "toml", "sha256", "touched"))
        )
    )
    for id, created, toml, sha256, touched in theirs.all():
        if (created, sha256) not in here:
            version = CodebookVersion(created=created, toml=toml, sha256=sha256, touched=touched)
            session.add(version)
            session.flush()
            here[created, sha256] = version.id
            taken.others += 1
        session.execute(
            text("INSERT INTO temp.codebook_here VALUES (:theirs, :ours)"),
            {"theirs": id, "ours": here[created, sha256]},
        )


def _map_imports(session: Session, taken: Taken) -> None:
    """Add the imports that are not here, and note which one here each import of the copy is."""
    session.execute(text("CREATE TEMP TABLE import_here (theirs INTEGER PRIMARY KEY, ours INTEGER NOT NULL)"))
    same = "m.file_name = c.file_name AND m.sha256 = c.sha256 AND m.started = c.started"
    columns = [column.name for column in Import.__table__.columns if column.name != "id"]
    taken.others += _changed(
        session,
        f"INSERT INTO main.imports ({_names(columns)}) SELECT {_names(columns, 'c.')} FROM copy.imports c "
        f"WHERE NOT EXISTS (SELECT 1 FROM main.imports m WHERE {same}) ORDER BY c.id",
    )
    session.execute(
        text(
            "INSERT INTO temp.import_here "
            f"SELECT c.id, min(m.id) FROM copy.imports c JOIN main.imports m ON {same} GROUP BY c.id"
        )
    )


def _take_coders(session: Session, taken: Taken) -> None:
    """Add the coders that are not here, and give each the name that follows from all coders there are.

    Of two names of one coder, and of what languages the coder reads, what was said last counts.
    """
    here = _rows(session, "SELECT id, name, named FROM main.coders")
    there = _rows(session, "SELECT id, name, named FROM copy.coders")
    ours, theirs = ({row.id: row.name for row in rows} for rows in (here, there))
    names = names_of([*here, *there])
    # A name is free for its new bearer only when the old one has let go of it.
    for id, name in ours.items():
        if names[id] != name:
            session.execute(text("UPDATE main.coders SET name = id WHERE id = :id"), {"id": id})
            corrected = without_suffix(id, names[id]) != without_suffix(id, name)
            (taken.corrected if corrected else taken.renamed)[names[id]] = name
    for id, name in names.items():
        session.execute(text("UPDATE main.coders SET name = :name WHERE id = :id"), {"id": id, "name": name})
        if id not in ours:
            session.execute(
                text(
                    "INSERT INTO main.coders (id, name, created, languages, named, languages_said) "
                    "SELECT id, :name, created, languages, named, languages_said FROM copy.coders WHERE id = :id"
                ),
                {"id": id, "name": name},
            )
            taken.others += 1
    session.execute(
        text(
            "UPDATE main.coders AS m SET named = c.named FROM copy.coders AS c WHERE c.id = m.id AND c.named > m.named"
        )
    )
    taken.others += _changed(
        session,
        "UPDATE main.coders AS m SET languages = c.languages, languages_said = c.languages_said "
        "FROM copy.coders AS c WHERE c.id = m.id "
        "AND (c.languages_said, c.languages) > (m.languages_said, m.languages)",
    )
    for id, name in theirs.items():
        if id not in ours and names[id] != name:
            taken.renamed[names[id]] = name


def _rows(session: Session, statement: str) -> Sequence[Any]:
    return session.execute(text(statement)).all()


def _take_tweets(session: Session, taken: Taken, step: Step) -> None:
    """Append the tweets that are not here, in the copy's order and without a gap in the numbers.

    Near-duplicates are looked for again by whoever groups them: their groups are numbers of one file.
    """
    local = ("id", "import_id", "labelled", "agreed_leaf", "gold_leaf", "group_id", "locked", "sealed")
    columns = [column.name for column in _TWEETS.columns if column.name not in local]
    find = text(
        "SELECT c.id FROM copy.tweets c WHERE c.id > :after AND NOT EXISTS "
        "(SELECT 1 FROM main.tweets m WHERE m.tweet_id = c.tweet_id) ORDER BY c.id LIMIT :limit"
    )
    add = (
        f"INSERT INTO main.tweets (id, {_names(columns)}, import_id, labelled, locked, sealed) "
        f"SELECT :last + j.key + 1, {_names(columns, 'c.')}, i.ours, 0, 0, 0 FROM json_each(:ids) j "
        "CROSS JOIN copy.tweets c ON c.id = j.value CROSS JOIN temp.import_here i ON i.theirs = c.import_id"
    )
    after, last = 0, tweets.last_id(session)
    while ids := list(session.scalars(find, {"after": after, "limit": WINDOW})):
        taken.tweets += _changed(session, add, last=last + taken.tweets, ids=str(ids))
        step(ids[-1] - after)
        after = ids[-1]
    total = _count(session, "copy.tweets")
    step(total - after)
    taken.same_tweets = total - taken.tweets
    other = (
        "FROM copy.tweets c JOIN main.tweets m ON m.tweet_id = c.tweet_id WHERE m.text_hash <> c.text_hash"
    )
    taken.other_text_count = session.scalar(text(f"SELECT count(*) {other}")) or 0
    if taken.other_text_count:
        found = session.scalars(text(f"SELECT c.tweet_id {other} ORDER BY c.id LIMIT {MAX_TOLD}"))
        taken.other_text = list(found)


def _take_events(session: Session, table: Table, merge: int, step: Step) -> int:
    """Append the label events, or adjudications, that are not here, in the copy's order; return how many.

    So an event comes into every file after those that it follows.
    """
    here = {
        "tweet_id": "m.id",
        "codebook_version_id": "b.ours",
        "import_id": "i.ours",
        "merge_id": ":merge",
    }
    columns = [column.name for column in table.columns if column.name != "seq"]
    values = ", ".join(here.get(column, f'c."{column}"') for column in columns)
    imports = (
        "LEFT JOIN temp.import_here i ON i.theirs = c.import_id " if "import_id" in table.columns else ""
    )
    add = (
        f"INSERT INTO main.{table.name} ({_names(columns)}) SELECT {values} FROM copy.{table.name} c "
        "CROSS JOIN copy.tweets t ON t.id = c.tweet_id CROSS JOIN main.tweets m ON m.tweet_id = t.tweet_id "
        f"CROSS JOIN temp.codebook_here b ON b.theirs = c.codebook_version_id {imports}"
        "WHERE c.seq > :after AND c.seq <= :upto "
        f"AND NOT EXISTS (SELECT 1 FROM main.{table.name} k WHERE k.id = c.id) ORDER BY c.seq"
    )
    added, last = 0, session.scalar(text(f"SELECT max(seq) FROM copy.{table.name}")) or 0
    for after in range(0, last, WINDOW):
        added += _changed(session, add, after=after, upto=after + WINDOW, merge=merge)
        step(min(WINDOW, last - after))
    return added


def _last_decision(session: Session) -> int:
    return session.scalar(select(func.max(_DECISIONS.c.seq))) or 0


def _count_labels(session: Session, before: int, taken: Taken) -> None:
    found = session.execute(
        text(
            "SELECT c.name, count(*), sum(t.locked) FROM main.label_events e JOIN main.coders c ON c.id = e.coder_id "
            "JOIN main.tweets t ON t.id = e.tweet_id WHERE e.seq > :before GROUP BY c.id ORDER BY c.name"
        ),
        {"before": before},
    )
    for name, number, locked in found:
        taken.labels[name] = number
        taken.in_locked += locked


def _take_work(session: Session, taken: Taken) -> None:
    """Add the assignments, locks and looks at scores that are not here.

    A lock released anywhere is released, an assignment removed anywhere is removed.
    """
    for table in (Assignment.__table__, Lock.__table__, ScoreLook.__table__):
        columns = [column.name for column in table.columns]
        taken.others += _changed(
            session,
            f"INSERT INTO main.{table} ({_names(columns)}) SELECT {_names(columns)} FROM copy.{table} c "
            f"WHERE NOT EXISTS (SELECT 1 FROM main.{table} m WHERE m.id = c.id)",
        )
    tweet = "JOIN copy.tweets t ON t.id = c.tweet_id JOIN main.tweets m ON m.tweet_id = t.tweet_id WHERE true"
    taken.others += _changed(
        session,
        "INSERT INTO main.assigned_tweets (assignment_id, coder_id, tweet_id, place) "
        f"SELECT c.assignment_id, c.coder_id, m.id, c.place FROM copy.assigned_tweets c {tweet} "
        "ON CONFLICT DO NOTHING",
    )
    locked = _changed(
        session,
        "INSERT INTO main.locked_tweets (lock_id, tweet_id) "
        f"SELECT c.lock_id, m.id FROM copy.locked_tweets c {tweet} ON CONFLICT DO NOTHING",
    )
    released = _changed(
        session,
        "UPDATE main.locks AS m SET released = c.released FROM copy.locks AS c WHERE c.id = m.id "
        "AND c.released IS NOT NULL AND (m.released IS NULL OR c.released < m.released)",
    )
    taken.others += _changed(
        session,
        "UPDATE main.assignments AS m SET removed = c.removed FROM copy.assignments AS c WHERE c.id = m.id "
        "AND c.removed IS NOT NULL AND (m.removed IS NULL OR c.removed < m.removed)",
    )
    taken.others += locked + released
    if locked or released:
        derive_all_locked(session)


def _take_test_rows(session: Session, labels_before: int, taken: Taken) -> None:
    """Take in the drawings of test rows; sealed is what is sealed in either, and its near-duplicates here."""
    taken.labelled_unaware = session.scalar(
        text(
            "SELECT count(DISTINCT e.tweet_id) FROM main.label_events e JOIN main.tweets m ON m.id = e.tweet_id "
            "JOIN copy.tweets c ON c.tweet_id = m.tweet_id "
            "WHERE m.sealed <> c.sealed AND (e.seq > :before) = m.sealed"
        ),
        {"before": labels_before},
    )
    before = set(session.scalars(sealing.test_rows()))
    columns = _names(column.name for column in Split.__table__.columns)
    taken.others += _changed(
        session,
        f"INSERT INTO main.splits ({columns}) SELECT {columns} FROM copy.splits WHERE name = :name "
        "AND id NOT IN (SELECT id FROM main.splits)",
        name=sealing.TEST_SPLIT,
    )
    _changed(
        session,
        "INSERT INTO main.split_tweets (split_id, tweet_id, part) SELECT c.split_id, m.id, 'test' "
        "FROM copy.split_tweets c JOIN copy.splits s ON s.id = c.split_id AND s.name = :name "
        "JOIN copy.tweets t ON t.id = c.tweet_id JOIN main.tweets m ON m.tweet_id = t.tweet_id "
        "WHERE c.part = 'test' ON CONFLICT DO NOTHING",
        name=sealing.TEST_SPLIT,
    )
    taken.test_rows = len(set(session.scalars(sealing.test_rows())) - before)
    taken.others += _changed(
        session,
        "UPDATE main.tweets SET sealed = 1 WHERE NOT +sealed AND tweet_id IN "
        "(SELECT t.tweet_id FROM copy.tweets t WHERE t.sealed IS 1)",
    )
    sealing.seal(session)


def _derive(session: Session, labels_before: int, decisions_before: int, taken: Taken) -> None:
    """Derive the labels of the tweets that something came for, and tell where contradictions appeared."""
    labelled = select(_EVENTS.c.tweet_id).where(_EVENTS.c.seq > labels_before)
    decided = select(_DECISIONS.c.tweet_id).where(_DECISIONS.c.seq > decisions_before)
    touched = sorted(session.scalars(labelled.union(decided)))
    is_disputed = _TWEETS.c.labelled.is_(True) & _TWEETS.c.agreed_leaf.is_(None)
    for batch in tweets.batches(touched):
        disputed = select(_TWEETS.c.id, _TWEETS.c.tweet_id).where(_TWEETS.c.id.in_(batch), is_disputed)
        before = {row.id for row in session.execute(disputed)}
        pairs = select(_EVENTS.c.tweet_id, _EVENTS.c.coder_id).distinct().where(_EVENTS.c.tweet_id.in_(batch))
        labels.derive(session, [(row.tweet_id, row.coder_id) for row in session.execute(pairs)])
        _tell_decided_apart(session, batch, decisions_before, taken)
        adjudications.derive_gold(session, batch)
        for row in session.execute(disputed.order_by(_TWEETS.c.id)):
            if row.id not in before:
                taken.disputed_count += 1
                if len(taken.disputed) < MAX_TOLD:
                    taken.disputed.append(row.tweet_id)


def _tell_decided_apart(session: Session, batch: Sequence[int], before: int, taken: Taken) -> None:
    """Tell on which tweets both copies decided something that the other did not know, with different ends."""
    rows = session.execute(
        text(
            "SELECT a.tweet_id, t.tweet_id, a.leaf, a.seq > :before AS came, EXISTS "
            "(SELECT 1 FROM copy.adjudications c WHERE c.id = a.id) AS theirs FROM main.adjudications a "
            "JOIN main.tweets t ON t.id = a.tweet_id WHERE a.tweet_id IN (SELECT value FROM json_each(:tweets)) "
            "ORDER BY a.tweet_id, a.given, a.id"
        ),
        {"before": before, "tweets": str(list(batch))},
    )
    of_tweet: dict[tuple[int, str], list[Any]] = {}
    for id, tweet_id, leaf, came, theirs in rows:
        of_tweet.setdefault((id, tweet_id), []).append((leaf, bool(came), bool(theirs)))
    for (_, tweet_id), events in of_tweet.items():
        ours_last = [leaf for leaf, came, _ in events if not came][-1:]
        theirs_last = [leaf for leaf, _, theirs in events if theirs][-1:]
        apart = any(came for _, came, _ in events) and any(not theirs for _, _, theirs in events)
        if apart and ours_last != theirs_last:
            taken.decided_apart_count += 1
            if len(taken.decided_apart) < MAX_TOLD:
                taken.decided_apart.append(tweet_id)
