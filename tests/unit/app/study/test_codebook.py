"""The codebook: the default tree, mistakes told with their place, and labels of files recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UserError
from app.study.codebook import Codebook, Option, Question

SMALL = """
name = "Mood"
version = "2"
start = "mood"
[[questions]]
code = "mood"
name = "Mood"
text = "How?"
[[questions.options]]
code = "good"
name = "Good"
key = "g"
answer = "fine"
colour = "#00aa00"
[[questions.options]]
code = "bad"
name = "Bad"
key = "b"
answer = "poor"
"""


def test_the_default_is_the_papers_tree() -> None:
    codebook = Codebook.default()
    assert codebook.leaf_codes == ("pro", "anti", "neutral", "unrelated")
    assert codebook.leaf("pro").path == {"topic": "immigration", "stance": "pro"}
    assert codebook.leaf("unrelated").path == {"topic": "unrelated"}
    assert all(leaf.key and leaf.colour and leaf.definition and leaf.examples for leaf in codebook.leaves)
    assert codebook.cue and all(leaf.answer for leaf in codebook.leaves)
    assert Codebook.from_toml(codebook.to_toml()) == codebook


@pytest.mark.parametrize(
    ("label", "leaf"),
    [
        ("pro", "pro"),
        ("PRO", "pro"),
        (" Pro-Immigration ", "pro"),
        ("anti_immigration", "anti"),
        ("anti immigration", "anti"),
        ("immigration/neutral", "neutral"),
        ("Unrelated", "unrelated"),
        ("immigration", None),
        ("approve", None),
        ("", None),
        ("1", None),
    ],
)
def test_labels_of_files_are_recognised(label: str, leaf: str | None) -> None:
    assert Codebook.default().find_leaf(label) == leaf


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "Mood"', "name = ", "not valid TOML"),
        ('start = "mood"', 'start = "none"', "“none”"),
        ('start = "mood"', 'begin = "mood"', "“begin” at the top"),
        ('key = "g"', "", "“good” has no key"),
        ('key = "b"', 'key = "G"', "same key"),
        ('key = "g"', 'key = "gg"', "one character"),
        ('key = "g"', "key = 7", "must be text in quotes"),
        ('code = "bad"', 'code = "good"', "two options with the code “good”"),
        ('code = "bad"', 'code = "b d"', "option 2 of question “mood”"),
        ('code = "bad"', "", "option 2 of question “mood”"),
        ('colour = "#00aa00"', 'colour = "green"', "“green”"),
        ('key = "b"', 'follow_up = "why"', "“why”, which is not there"),
        ('key = "b"', 'follow_up = "mood"', "two ways"),
        ('name = "Bad"', 'naem = "Bad"', "“naem” in option 2 of question “mood”"),
        ('answer = "poor"', "", "“bad” has no “answer”"),
        ('answer = "poor"', 'answer = "so so"', "one word, it is “so so”"),
        ('answer = "poor"', 'answer = "fine"', "“good” and “bad” have the same answer"),
        ('name = "Bad"', 'examples = "one"', "list of texts"),
        ("[[questions]]", "[questions]", "[[questions]] tables"),
    ],
)
def test_mistakes_name_their_place(old: str, new: str, told: str) -> None:
    text = SMALL.replace(old, new, 1)
    if old == "[[questions]]":
        text = 'name = "x"\n[questions]\ncode = "a"\n'
    assert text != SMALL
    with pytest.raises(UserError) as error:
        Codebook.from_toml(text)
    assert told in error.value.message
    assert error.value.next_step


def _tree(leaves: int) -> str:
    options = "".join(
        f'[[questions.options]]\ncode = "c{n}"\nkey = "{chr(0x4E00 + n)}"\n' for n in range(leaves)
    )
    return f'[[questions]]\ncode = "q"\n{options}'


@pytest.mark.parametrize(("leaves", "fine"), [(1, False), (2, True), (26, True), (27, False)])
def test_two_to_twenty_six_classes(leaves: int, fine: bool) -> None:
    if fine:
        assert len(Codebook.from_toml(_tree(leaves)).leaves) == leaves
    else:
        with pytest.raises(UserError):
            Codebook.from_toml(_tree(leaves))


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=6, max_size=6))
def test_any_text_survives_toml(texts: list[str]) -> None:
    name, question, option, definition, first, second = texts
    options = (
        Option("a", option or "a", definition, (first, second), "1", answer="é"),
        Option("b", "b", key="2", colour="#123456", shape="▲", answer="否"),
    )
    questions = (Question("q", "q", options, question),)
    cue = "".join(filter(str.isprintable, definition)).strip()
    codebook = Codebook(name or "Codebook", "1", "q", questions, cue)
    assert Codebook.from_toml(codebook.to_toml()) == codebook


def test_a_circle_beside_the_tree_is_found() -> None:
    text = (
        SMALL
        + """
[[questions]]
code = "x"
[[questions.options]]
code = "o1"
follow_up = "y"
[[questions.options]]
code = "o2"
key = "k"
[[questions]]
code = "y"
[[questions.options]]
code = "o3"
follow_up = "x"
[[questions.options]]
code = "o4"
key = "l"
"""
    )
    with pytest.raises(UserError, match="never asked"):
        Codebook.from_toml(text)
