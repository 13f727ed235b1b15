"""Label events are only added, and everything derived from them can be derived again."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from db import label_overview, labels, tweets
from db.engine import StudyFile
from db.tables import CurrentLabel, LabelEvent, Tweet, new_uuid
from tests.unit.db.conftest import event

MakeStudy = Callable[[int], StudyFile]


@pytest.mark.parametrize("statement", ["UPDATE label_events SET leaf = 'anti'", "DELETE FROM label_events"])
def test_events_are_never_changed_or_removed(make_study: MakeStudy, statement: str) -> None:
    file = make_study(2)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
    with pytest.raises(IntegrityError, match="only ever added"), file.writing() as session:
        session.execute(text(statement))
    with file.reading() as session:
        assert session.scalar(select(LabelEvent.leaf)) == "pro"


def test_an_event_needs_its_tweet_and_coder(make_study: MakeStudy) -> None:
    file = make_study(1)
    for wrong in (event(99, "pro"), event(1, "pro", coder=9)):
        with pytest.raises(IntegrityError), file.writing() as session:
            labels.add_event(session, wrong)


def test_numbers_of_events_are_never_used_twice(make_study: MakeStudy) -> None:
    file = make_study(3)
    with file.writing() as session:
        assert labels.add_event(session, event(1, "pro"))[0] == 1
    with pytest.raises(KeyError), file.writing() as session:
        labels.add_event(session, event(2, "pro"))
        raise KeyError
    with file.writing() as session:
        labels.add_first_labels(session, [event(2, "anti"), event(3, "pro")])
        assert labels.last_seq(session) == 3
        assert labels.add_event(session, event(1, None))[0] == 4


def _derived(session: Session) -> tuple[list[object], list[object]]:
    current = session.execute(
        select(CurrentLabel.tweet_id, CurrentLabel.coder_id, CurrentLabel.leaf, CurrentLabel.seq).order_by(
            CurrentLabel.tweet_id, CurrentLabel.coder_id
        )
    )
    states = session.execute(select(Tweet.id, Tweet.labelled, Tweet.agreed_leaf).order_by(Tweet.id))
    return list(current), list(states)


_ACTS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["pro", "anti", "neutral", None]), st.integers(1, 2)),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_ACTS)
def test_derived_state_follows_the_events(
    make_study: MakeStudy, acts: list[tuple[int, str | None, int]]
) -> None:
    file = make_study(4)
    model: dict[tuple[int, int], str] = {}
    with file.writing() as session:
        for tweet, leaf, coder in acts:
            labels.add_event(session, event(tweet, leaf, coder))
            model.pop((tweet, coder), None)
            if leaf is not None:
                model[tweet, coder] = leaf
    with file.writing() as session:
        before = _derived(session)
        for tweet in range(1, 5):
            given_leaves = {leaf for (t, _), leaf in model.items() if t == tweet}
            agreed = next(iter(given_leaves)) if len(given_leaves) == 1 else None
            assert labels.state(session, tweet)[:2] == (bool(given_leaves), agreed)
        labels.rebuild(session)
        assert _derived(session) == before


def test_many_first_labels_equal_one_by_one(make_study: MakeStudy) -> None:
    one, many = make_study(20), make_study(20)
    given_leaves = ["pro", "anti", "neutral", "unrelated"]
    events = [event(n, given_leaves[n % 4], coder) for coder in (1, 2) for n in range(1, 21)]
    for values in events:
        with one.writing() as session:
            labels.add_event(session, values)
    with many.writing() as session:
        labels.add_first_labels(session, [{k: v for k, v in e.items() if k != "kind"} for e in events])
    with one.reading() as left, many.reading() as right:
        assert _derived(left) == _derived(right)
        assert tweets.languages(left) == {"de": (10, 10), "en": (10, 10)}


def test_the_queue_visits_every_tweet_once_in_an_order_of_its_own(make_study: MakeStudy) -> None:
    file = make_study(30)
    place, order = (50, 0), []
    for _ in range(30):
        with file.writing() as session:
            found = labels.next_unlabelled(session, place, None, None)
            assert found is not None
            place = found
            order.append(found[1])
            labels.add_event(session, event(found[1], "pro"))
    assert sorted(order) == list(range(1, 31))
    assert order != sorted(order)
    with file.reading() as session:
        assert labels.next_unlabelled(session, place, None, None) is None
        ben = event(1, "pro", 2)["coder_id"]
        seen = set()
        place = (50, 0)
        for _ in range(30):
            found = labels.next_unlabelled(session, place, ["de"], ben)
            assert found is not None
            place = found
            seen.add(found[1])
        assert seen == set(range(2, 31, 2))
        # Several languages are one queue: the same as all where they are all there are.
        for without in (None, ben):
            for place in ((0, 0), (50, 0), (2**62, 5)):
                found = labels.next_unlabelled(session, place, ["de", "en"], without)
                assert found == labels.next_unlabelled(session, place, None, without)


def test_labels_given_apart_contradict_each_other_until_the_coder_settles_it(make_study: MakeStudy) -> None:
    file = make_study(1)
    with file.writing() as session:
        _, first = labels.add_event(session, event(1, "pro"))
        pair = (1, str(event(1, "pro")["coder_id"]))
        # What came with another copy: given in knowledge of the first label only, as the one given here.
        labels.add_event(session, event(1, "anti", given="2026-11-25"))
        apart = event(1, "neutral", given="2026-11-24T12") | {"id": new_uuid(), "parents": [first], "seq": 99}
        session.execute(insert(LabelEvent.__table__).values(**apart))  # type: ignore[arg-type]
        labels.derive(session, [pair])
        assert labels.state(session, 1)[:2] == (True, None), "two heads that differ are no agreement"
        current = session.execute(select(CurrentLabel.leaf, CurrentLabel.contested)).one()
        assert (current.leaf, current.contested) == ("anti", True)
        _, settled = labels.add_event(session, event(1, "neutral"))
        assert labels.state(session, 1)[:2] == (True, "neutral")
        assert len(session.scalars(select(LabelEvent.parents).where(LabelEvent.id == settled)).one()) == 2
        before = _derived(session)
        labels.rebuild(session)
        assert _derived(session) == before


def test_a_repeat_is_kept_and_changes_no_label(make_study: MakeStudy) -> None:
    file = make_study(1)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
        labels.add_event(session, event(1, "anti", repeat=True))
        assert labels.state(session, 1)[:2] == (True, "pro")
        labels.rebuild(session)
        assert labels.state(session, 1)[:2] == (True, "pro")
        assert session.scalars(select(LabelEvent.leaf).where(LabelEvent.repeat)).all() == ["anti"]


def test_the_gold_label_stands_whatever_the_coders_say(make_study: MakeStudy) -> None:
    file = make_study(2)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
        labels.add_event(session, event(1, "anti", 2))
        session.execute(text("UPDATE tweets SET gold_leaf = 'neutral'"))
        labels.refresh(session, [1, 2])
        assert label_overview.agreed(session) == {1: "neutral", 2: "neutral"}
        labels.add_event(session, event(1, "anti"))
        assert label_overview.agreed(session)[1] == "neutral"
        labels.rebuild(session)
        assert label_overview.agreed(session)[1] == "neutral"
