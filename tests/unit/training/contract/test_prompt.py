"""The prompt: what a tweet looks like to the model, and which tokens stand for the classes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.contract.prompt import (
    PROMPT_VERSION,
    Prompt,
    PromptError,
    encode_prompt,
    fine_tuned_prompt,
    normalise,
)


def words(text: str) -> list[int]:
    """Split before each blank, as a vocabulary without surprises would."""
    return [sum(map(ord, part)) + 1000 * len(part) for part in text.replace(" ", "\0 ").split("\0") if part]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("See https://t.co/abc now", "See http now"),
        ("www.example.org", "http"),
        ("@Ana_1 @Ben @Çelik hello @Dora", "@user hello @user"),
        (".@ana @ben", ".@user"),
        ("look https://t.co/a https://t.co/b", "look http"),
        ("http https", "http https"),
        ("mail a@b.org", "mail a@b.org"),
        ("  a\n\n b\tc\u00a0d ", "a b c d"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9"),
        ("a\u0000b\ud800c", "a b c"),
        ("@ana: @ben", "@user: @user"),
        ("@ana's @ben's", "@user's @user's"),
        ("مرحبا @ana @ben شكرا", "مرحبا @user شكرا"),
        ("RT @ana: let them in https://t.co/a", "let them in http"),
        ("RT @ana: rt @ben @cem let them in", "let them in"),
        ("RT @ana: @ben let them in", "@user let them in"),
        ("let them in RT @ana: no", "let them in RT @user: no"),
        ("RT @ana: دعهم يدخلون 😀", "دعهم يدخلون 😀"),
        ("RT @ana:", "RT @user:"),
        ("art @ana", "art @user"),
    ],
)
def test_what_the_model_sees(text: str, seen: str) -> None:
    assert normalise(text) == seen


def test_a_model_of_an_earlier_normaliser_sees_tweets_as_it_was_trained() -> None:
    now = fine_tuned_prompt(2)
    before = Prompt.from_dict(now.as_dict() | {"version": "1.2"})
    assert before.normalised("RT @ana: let @ana in") == "RT @user: let @user in"
    assert before.as_dict()["version"] == "1.2"
    assert encode_prompt(before, words, None).text_tokens("RT @ana: hi") == words("RT @user: hi")
    assert encode_prompt(now, words, None).text_tokens("RT @ana: hi") == words("hi")


@given(
    st.lists(
        st.sampled_from(
            ["@ana", "@", "RT ", "rt @ana", ":", "http", "https://t.co/x", "a", " ", "\n", "'", "é", "😀"]
        )
    )
)
def test_normalising_twice_changes_nothing_more(parts: list[str]) -> None:
    once = normalise("".join(parts))
    assert normalise(once) == once


@given(st.text(max_size=40))
def test_any_text_is_normalised_once_and_for_all(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert "\n" not in once and once == once.strip()


def test_a_tweet_is_laid_out_in_pieces_and_each_answer_is_one_token() -> None:
    encoded = encode_prompt(fine_tuned_prompt(4), words, 1)
    assert encoded.prompt.answers == (" A", " B", " C", " D")
    assert encoded.leaf_tokens == tuple(words(letter)[0] for letter in encoded.prompt.answers)
    assert encoded.ids("@a hello") == [1, *words("@user hello"), *words("\nClass:")]


def test_a_long_tweet_is_cut_and_its_cue_stays() -> None:
    encoded = encode_prompt(fine_tuned_prompt(4, max_text_tokens=3), words, None)
    assert encoded.ids("a b c d e") == [*words("a b c"), *words("\nClass:")]
    assert encoded.text_tokens(" \n ") == []


def test_words_complete_a_sentence_of_the_codebook() -> None:
    prompt = fine_tuned_prompt(2, cue="This is", words=["good", "bad"])
    encoded = encode_prompt(prompt, words, 1)
    assert encoded.ids("hello") == [1, *words("hello"), *words("\nThis is")]
    assert encoded.leaf_tokens == (words(" good")[0], words(" bad")[0])
    assert Prompt.from_dict(prompt.as_dict()) == prompt


def test_a_base_that_cannot_answer_is_refused() -> None:
    with pytest.raises(PromptError, match="more than one token"):
        encode_prompt(fine_tuned_prompt(4), lambda text: [ord(c) for c in text], None)
    with pytest.raises(PromptError, match="tell the answers apart"):
        encode_prompt(fine_tuned_prompt(4), lambda text: [7 for _ in text.split(" ")], None)


def test_a_prompt_survives_its_card_and_another_version_is_refused() -> None:
    prompt = fine_tuned_prompt(4, max_text_tokens=99)
    assert Prompt.from_dict(prompt.as_dict()) == prompt
    with pytest.raises(PromptError, match=f"builds version {PROMPT_VERSION}"):
        Prompt.from_dict(prompt.as_dict() | {"version": "0.0"})


def test_a_chat_models_turns_stand_around_prefix_and_tweet_and_are_parsed_by_themselves() -> None:
    prompt = Prompt((" A", " B"), prefix="codes ", cue="Class:", opening="<s>user", closing="</user>")
    assert Prompt.from_dict(prompt.as_dict()) == prompt
    # A card without turns is as older programs know it.
    assert not {"opening", "closing"} & fine_tuned_prompt(4).as_dict().keys()
    turns = {"<s>user": [1, 90], "</user>": [91]}
    encoded = encode_prompt(prompt, words, None, turns.__getitem__)
    assert encoded.ids("hello") == [1, 90, *words("codes "), *words("hello"), 91, *words("Class:")]
    # Where the model begins each sequence with the token that the template wrote, it stands there once.
    assert encode_prompt(prompt, words, 1, turns.__getitem__).before == encoded.before
    assert encode_prompt(prompt, words, 5, turns.__getitem__).before == (5, *encoded.before)
    with pytest.raises(PromptError, match="not to train"):
        encode_prompt(prompt, words, None)


@pytest.mark.parametrize("count", [1, 27])
def test_too_few_and_too_many_classes_are_told(count: int) -> None:
    with pytest.raises(PromptError, match=f"this one has {count}"):
        fine_tuned_prompt(count)
