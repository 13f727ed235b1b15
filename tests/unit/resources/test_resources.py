"""The bundled files are whole, and fit each other."""

import csv
import datetime
import hashlib
import importlib.util
import io
import re
import tomllib
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import resources
from tests.conftest import ROOT

LANGUAGES = ["ar", "de", "en", "es", "fr", "hi", "hu", "id", "it", "ko", "pl", "pt", "tr"]
LEAVES = ["pro", "anti", "neutral", "unrelated"]
EPOCH_MS = 1288834974657
"""Where the clock in a tweet's id begins: 2010-11-04 01:42:54.657 UTC."""


@pytest.fixture(scope="module")
def tweets() -> list[dict[str, str]]:
    text = resources.sample_study_bytes().decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def codebook() -> dict[str, Any]:
    return tomllib.loads(resources.default_codebook_text())


def options() -> list[dict[str, Any]]:
    return [option for question in codebook()["questions"] for option in question["options"]]


def models() -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = tomllib.loads(resources.models_toml_text())["models"]
    return models


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# The codebook


def test_walking_the_codebook_gives_the_papers_leaves_in_order() -> None:
    book = codebook()
    questions = {question["code"]: question for question in book["questions"]}

    def walk(code: str) -> list[str]:
        found: list[str] = []
        for option in questions[code]["options"]:
            found += walk(option["follow_up"]) if "follow_up" in option else [option["code"]]
        return found

    assert walk(book["start"]) == LEAVES


def test_every_option_can_be_told_by_word_shape_and_colour() -> None:
    for field in ("code", "name", "colour", "shape"):
        values = [option[field] for option in options()]
        assert len(set(values)) == len(values), field
    leaves = [option for option in options() if "follow_up" not in option]
    assert sorted(option["key"] for option in leaves) == ["1", "2", "3", "4"]


def test_every_leaf_tells_the_coder_what_belongs_there() -> None:
    for option in options():
        assert len(option["definition"].split()) > 60, option["code"]
        assert "\\" not in option["definition"]
        if "follow_up" not in option:
            assert len(option["examples"]) >= 3


@pytest.mark.parametrize("background", ["#ffffff", "#1e1e1e"])
def test_colours_stand_out_on_light_and_dark(background: str) -> None:
    for option in options():
        darker, lighter = sorted([luminance(option["colour"]), luminance(background)])
        assert (lighter + 0.05) / (darker + 0.05) >= 3, option["code"]


# The sample study


def test_every_language_has_tweets_of_every_leaf(tweets: list[dict[str, str]]) -> None:
    per_language = Counter(tweet["lang"] for tweet in tweets)
    assert sorted(per_language) == LANGUAGES
    assert min(per_language.values()) >= 30
    per_leaf = Counter((tweet["lang"], tweet["label"]) for tweet in tweets)
    assert set(per_leaf) == {(lang, leaf) for lang in LANGUAGES for leaf in LEAVES}
    assert min(per_leaf.values()) >= 5


def test_ids_are_unique_and_do_not_survive_a_float(tweets: list[dict[str, str]]) -> None:
    ids = [tweet["id"] for tweet in tweets]
    assert len(set(ids)) == len(ids)
    assert all(len(i) == 19 and i.isdecimal() and not i.endswith("0") for i in ids)
    assert any(str(int(float(i))) != i for i in ids)


def test_ids_tell_the_same_time_as_the_dates(tweets: list[dict[str, str]]) -> None:
    for tweet in tweets:
        written = datetime.datetime.fromisoformat(tweet["date"])
        assert int(written.timestamp()) == ((int(tweet["id"]) >> 22) + EPOCH_MS) // 1000
    days = [tweet["date"][:10] for tweet in tweets]
    assert min(days)[:7] != max(days)[:7]
    assert len({day[:7] for day in days}) >= 12


def test_tweets_are_distinct_and_complete(tweets: list[dict[str, str]]) -> None:
    assert len({tweet["text"].casefold() for tweet in tweets}) == len(tweets)
    for tweet in tweets:
        assert None not in tweet
        assert all(tweet[c] for c in ("text", "author", "place")), tweet["id"]
        assert tweet["retweets"].isdecimal()


def test_the_sample_holds_what_real_tweets_hold(tweets: list[dict[str, str]]) -> None:
    texts = [tweet["text"] for tweet in tweets]
    for sign in ("\n", '"', ",", "#", "@", "https://t.co/", "\u200d", "\U0001f1ea", "\U0001f3fd"):
        assert any(sign in text for text in texts), repr(sign)
    arabic = [tweet["text"] for tweet in tweets if tweet["lang"] == "ar"]
    prose = [
        " ".join(word for word in text.split() if word[0] not in "#@" and "://" not in word)
        for text in arabic
    ]
    assert any({"AL", "L"} <= {unicodedata.bidirectional(c) for c in text} for text in prose)
    hindi = "".join(tweet["text"] for tweet in tweets if tweet["lang"] == "hi")
    assert any(unicodedata.category(c) == "Mc" for c in hindi)
    assert any(len(text) > 240 for text in texts)
    assert any(len(text) < 40 for text in texts)


def test_the_second_coder_agrees_mostly_and_labels_each_language(tweets: list[dict[str, str]]) -> None:
    second = list(csv.DictReader(io.StringIO(resources.second_coder_bytes().decode("utf-8"))))
    first = {tweet["id"]: tweet for tweet in tweets}
    assert len({row["id"] for row in second}) == len(second)
    assert {row["label"] for row in second} == set(LEAVES)
    assert set(Counter(first[row["id"]]["lang"] for row in second).values()) == {8}
    differ = sum(row["label"] != first[row["id"]]["label"] for row in second)
    assert 0.05 < differ / len(second) < 0.2


def test_the_sample_is_a_file_for_those_who_read_files() -> None:
    with resources.sample_study_file() as path:
        assert path.suffix == ".csv"
        assert path.read_bytes() == resources.sample_study_bytes()


# The base models


def test_models_say_all_that_is_shown_before_use() -> None:
    known = ["smollm2-135m", "gemma-3-270m", "llama-3.2-1b", "llama-3.2-3b"]
    assert [model["name"] for model in models()] == known
    for model in models():
        place = (
            ("hub", "revision", "download_size", "terms")
            if "hub" in model
            else ("package", "files", "sha256")
        )
        for key in (
            "title",
            *place,
            "architecture",
            "quantisation",
            "licence",
            "languages",
            "note",
        ):
            assert model[key], (model["name"], key)
        assert model["licence_url"].startswith("https://")
        assert set(model["languages"]) <= set(LANGUAGES)
        assert model["size"] / 1e9 < model["run_memory_gb"] <= model["train_memory_gb"]
        assert 4 * model["parameters"] / 1e9 < model["train_memory_gb"]


def test_what_is_downloaded_is_pinned_to_a_commit() -> None:
    of_hub = [model for model in models() if "hub" in model]
    assert len(of_hub) == 2
    for model in of_hub:
        assert re.fullmatch(r"[0-9a-f]{40}", model["revision"])
        # Two bytes a weight, and a little for the tokenizer.
        assert 2 * model["parameters"] < model["download_size"] < 2 * model["parameters"] + 30_000_000
        assert "sha256" not in model


INSTALLED = [model for model in models() if "package" in model]


@pytest.mark.parametrize("model", INSTALLED, ids=lambda model: model["name"])
def test_the_installed_packages_bring_the_listed_file(model: dict[str, Any]) -> None:
    digest, size = hashlib.sha256(), 0
    for part in model["files"]:
        package, _, inner = part.partition("/")
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.origin is not None, f"{package} is not installed"
        data = Path(spec.origin).parent.joinpath(inner).read_bytes()
        digest.update(data)
        size += len(data)
    assert (digest.hexdigest(), size) == (model["sha256"], model["size"])


# The icons


@pytest.mark.parametrize("name", resources.icon_names())
def test_icons_are_svg_of_one_size(name: str) -> None:
    root = ElementTree.fromstring(resources.icon_bytes(name))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox") == "0 0 24 24"
    assert len(root) > 0


def test_icons_take_the_colour_that_is_asked_for() -> None:
    for name in resources.icon_names():
        svg = resources.icon_bytes(name, "#12ab34")
        if name == resources.APP_ICON:
            assert svg == resources.icon_bytes(name)
        else:
            assert b'"#12ab34"' in svg
            assert b'"#000"' not in svg


def test_the_window_finds_its_icons() -> None:
    needed = (
        "study tweets label train models classify results search undo redo skip back stop play folder "
        "file-import file-export sun moon inspector warning check stancedesk"
    )
    assert set(needed.split()) <= set(resources.icon_names())


def test_an_unknown_icon_is_a_bug() -> None:
    with pytest.raises(LookupError, match="no-such-icon"):
        resources.icon_bytes("no-such-icon")


def test_what_another_machine_installs_is_pinned_as_here() -> None:
    def pins(text: str) -> dict[str, str]:
        lines = [line.partition(";")[0].strip() for line in text.splitlines()]
        return {
            name.lower().replace("_", "-"): version
            for name, _, version in (
                line.partition("==") for line in lines if line and not line.startswith("#")
            )
        }

    here = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    there = pins(resources.elsewhere_text("requirements.txt"))
    assert there == {name: here[name] for name in there}
    assert set(there) >= {"torch", "transformers", "llama-cpp-python", "gguf", "accelerate"}
