"""A changed codebook: what differs, and which labels want a second look until they are given again."""

from pathlib import Path

import pytest

from app.errors import UserError
from app.study import codebook_change, second_look
from app.study.codebook import Codebook
from app.study.codebook_change import CodebookChange
from app.study.labelling import Labelling
from app.study.study import Study
from tests.unit.app.study.conftest import add_tweets


def _other(study: Study, old: str, new: str) -> Codebook:
    text = study.codebook.to_toml()
    assert old in text
    return Codebook.from_toml(text.replace(old, new))


@pytest.fixture
def labelled(study: Study, tmp_path: Path) -> Study:
    """Return a study of eight tweets; Ana labelled 1 to 4, Ben 1 and 2, "pro" but for Ana's third."""
    add_tweets(study, tmp_path / "x", 8)
    for coder, given in (("Ana", {1: "pro", 2: "pro", 3: "anti", 4: "pro"}), ("Ben", {1: "pro", 2: "pro"})):
        for tweet, leaf in given.items():
            _label(study, coder, tweet, leaf)
    return study


def _label(study: Study, coder: str, tweet: int, leaf: str) -> Labelling:
    work = Labelling(study, coder)
    work.show(tweet)
    work.label(leaf)
    return work


def _ids(study: Study, coder: str = "") -> list[int]:
    return [row.id for row in second_look.page(study, coder)]


def test_labels_of_touched_leaves_want_a_second_look_until_they_are_given_again(labelled: Study) -> None:
    assert second_look.counts(labelled) == {} and second_look.count(labelled) == 0
    labelled.set_codebook(labelled.codebook, touched=["pro"])
    assert second_look.counts(labelled) == {"Ana": 3, "Ben": 2}
    assert (_ids(labelled, "Ana"), _ids(labelled, "Ben"), _ids(labelled)) == ([1, 2, 4], [1, 2], [1, 2, 4])
    assert [row.id for row in second_look.page(labelled, "Ana", 1, 1)] == [2]
    _label(labelled, "Ana", 1, "pro")
    work = _label(labelled, "Ana", 2, "anti")
    assert (_ids(labelled, "Ana"), _ids(labelled, "Ben")) == ([4], [1, 2])
    # What is taken back is the label of before, which was not looked at again.
    work.undo()
    assert _ids(labelled, "Ana") == [2, 4]
    work.redo()
    assert _ids(labelled, "Ana") == [4]
    labelled.set_codebook(labelled.codebook, touched=["anti"])
    assert second_look.counts(labelled) == {"Ana": 3, "Ben": 2} and _ids(labelled, "Ana") == [2, 3, 4]
    _label(labelled, "Ana", 5, "anti")
    assert _ids(labelled, "Ana") == [2, 3, 4]


def test_a_codebook_that_stays_the_same_is_a_new_version_only_where_it_touches_something(
    labelled: Study,
) -> None:
    labelled.set_codebook(labelled.codebook)
    assert labelled.codebook_version == 1
    labelled.set_codebook(labelled.codebook, touched=["anti", "pro"])
    assert labelled.codebook_version == 2
    with pytest.raises(ValueError):
        labelled.set_codebook(labelled.codebook, touched=["nothing"])


def test_a_label_of_a_class_that_is_gone_is_not_given_again(labelled: Study) -> None:
    work = Labelling(labelled, "Ana")
    work.show(3)
    work.clear()
    labelled.set_codebook(_other(labelled, 'code = "anti"', 'code = "against"'))
    with pytest.raises(UserError, match="no longer has the class “anti”"):
        work.undo()
    work.show(3)
    work.label("against")
    assert _ids(labelled) == []


def test_what_differs(study: Study) -> None:
    same = codebook_change.compare(study.codebook, study.codebook)
    assert not same and same == CodebookChange((), (), (), ())
    renamed = _other(study, 'code = "anti"', 'code = "against"')
    assert codebook_change.compare(study.codebook, renamed) == CodebookChange(("against",), ("anti",), (), ())
    key = next(leaf.key for leaf in study.codebook.leaves if leaf.code == "pro")
    restyled = _other(study, f'key = "{key}"', 'key = "p"')
    assert codebook_change.compare(study.codebook, restyled).restyled == ("pro",)
    reworded = codebook_change.compare(study.codebook, _other(study, '"positive"', '"welcoming"'))
    assert reworded == CodebookChange((), (), (), (), ("pro",)) and reworded
    cue = codebook_change.compare(study.codebook, _other(study, 'cue = "This', 'cue = "That'))
    assert cue.reworded == study.codebook.leaf_codes
    pro = study.codebook.leaf("pro")
    redefined = _other(study, f'name = "{pro.name}"', 'name = "In favour"')
    assert codebook_change.compare(study.codebook, redefined).redefined == ("pro",)
    # The words of an answer above a class are words on the class.
    above = study.codebook.question(study.codebook.start).options[0]
    assert above.follow_up
    upper = _other(study, f'name = "{above.name}"', 'name = "About migration"')
    assert set(codebook_change.compare(study.codebook, upper).redefined) == {"pro", "anti", "neutral"}
