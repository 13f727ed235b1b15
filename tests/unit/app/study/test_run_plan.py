"""What a run is asked to do: the words that a model learns to give."""

from dataclasses import replace

from app.study.codebook import Codebook
from app.study.run_plan import prompt_of

LETTERS = """
[[questions]]
code = "mood"
[[questions.options]]
code = "good"
key = "g"
[[questions.options]]
code = "bad"
key = "b"
"""


def test_a_model_learns_the_codebooks_words() -> None:
    prompt = prompt_of(Codebook.default())
    assert prompt.answers == (" positive", " negative", " neutral", " unrelated")
    assert prompt.cue == "\nThis tweet about immigration is"


def test_a_codebook_without_words_is_answered_in_letters() -> None:
    prompt = prompt_of(replace(Codebook.from_toml(LETTERS), cue="It is"))
    assert (prompt.answers, prompt.cue) == ((" A", " B"), "\nClass:")


def test_words_of_its_own_come_first_and_a_cue_may_be_left_out() -> None:
    text = LETTERS.replace('key = "g"', 'key = "g"\nanswer = "fine"').replace(
        'key = "b"', 'key = "b"\nanswer = "poor"'
    )
    prompt = prompt_of(Codebook.from_toml(text))
    assert (prompt.answers, prompt.cue) == ((" fine", " poor"), "\nClass:")


def test_a_study_that_is_older_than_the_words_has_those_of_the_same_classes() -> None:
    lines = Codebook.default().to_toml().splitlines()
    before = Codebook.from_toml("\n".join(line for line in lines if not line.startswith(("answer", "cue"))))
    assert not before.cue and not any(leaf.answer for leaf in before.leaves)
    assert prompt_of(before) == prompt_of(Codebook.default())
    assert prompt_of(replace(before, name="Vaccines")).answers[0] == " A"
