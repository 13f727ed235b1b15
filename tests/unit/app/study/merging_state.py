"""What a study holds, in a form in which copies can be compared: by ids that all copies share."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.study.study import Study
from db import adjudications, labels, sealing
from db.tables import (
    Adjudication,
    CodebookVersion,
    Coder,
    CurrentLabel,
    LabelEvent,
    Tweet,
)


@dataclass
class State:
    """Events and what is derived from them. Equal for copies that came together in whatever order."""

    tweets: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    current: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)
    events: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    decisions: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    coders: dict[str, str] = field(default_factory=dict)
    codebooks: set[str] = field(default_factory=set)
    codebook: str = ""
    test_rows: set[str] = field(default_factory=set)
    drawings: set[tuple[str, int | None]] = field(default_factory=set)


def state_of(study: Study) -> State:
    """Read the state of a study."""
    with study.reading() as session:
        found = State()
        tweets = {t.id: t for t in session.scalars(select(Tweet))}
        assert sorted(tweets) == list(range(1, len(tweets) + 1)), "numbers of tweets have no gap"
        for t in tweets.values():
            found.tweets[t.tweet_id] = (t.text, t.labelled, t.agreed_leaf, t.gold_leaf, t.locked, t.sealed)
        ids: dict[int, str] = {}
        for e in session.scalars(select(LabelEvent)):
            ids[e.seq] = e.id
            tweet = tweets[e.tweet_id].tweet_id
            found.events[e.id] = (e.coder_id, tweet, e.leaf, e.given, sorted(e.parents), e.undoes)
        for c in session.scalars(select(CurrentLabel)):
            key = (tweets[c.tweet_id].tweet_id, c.coder_id)
            found.current[key] = (c.leaf, c.contested, ids[c.seq])
        for a in session.scalars(select(Adjudication)):
            found.decisions[a.id] = (a.coder_id, tweets[a.tweet_id].tweet_id, a.leaf, a.given)
        found.coders = {c.id: c.name for c in session.scalars(select(Coder))}
        found.codebooks = set(session.scalars(select(CodebookVersion.sha256)))
        found.test_rows = {tweets[t].tweet_id for t in session.scalars(sealing.test_rows())}
        found.drawings = {(split.id, split.seed) for split in sealing.drawings(session)}
    study.read_codebook()
    found.codebook = study.codebook.to_toml()
    return found


def derived_again(study: Study) -> State:
    """Derive everything anew and read the state."""
    with study.writing() as session:
        labels.rebuild(session)
        adjudications.derive_gold(session, list(session.scalars(select(Tweet.id))))
    return state_of(study)


def decide(study: Study, tweet: int, leaf: str | None, coder: str, given: str) -> None:
    """Adjudicate a tweet."""
    key = study.coder(coder).id
    with study.writing() as session:
        _add(
            session,
            coder_id=key,
            tweet_id=tweet,
            codebook_version_id=study.codebook_version,
            leaf=leaf,
            given=given,
        )
        adjudications.derive_gold(session, [tweet])


def _add(session: Session, **values: Any) -> None:
    session.execute(insert(Adjudication).values(id=str(uuid.uuid4()), reason="", **values))
