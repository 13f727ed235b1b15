"""A tweet on the screen: links, handles and tags in two directions, and the text as it was when copied."""

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument
from pytestqt.qtbot import QtBot

from app.gui.tweet_view import TweetView, isolated, one_line, text_direction, tweet_html

ARABIC = "RT @ana_1 @bob: شكرا على كل شيء https://t.co/abc #مصر_الآن #now"
PLAIN = [
    "Hello @ana_1 #now https://t.co/abc",
    "नमस्ते #प्रवासी @भारत",
    "안녕 #이민 👩‍👩‍👧‍👦 🏳️‍🌈",
    "<b>&amp;</b> “quotes”\nand a line",
    "",
]


@pytest.fixture
def view(qtbot: QtBot) -> TweetView:
    found = TweetView(20.0)
    qtbot.addWidget(found)
    found.setFixedWidth(700)
    return found


@pytest.mark.parametrize("text", [*PLAIN, ARABIC, "\u2067@ana שלום\u2069"])
def test_a_tweet_is_copied_as_it_is(view: TweetView, text: str) -> None:
    view.show_text(text)
    view.selectAll()
    assert view.createMimeDataFromSelection().text() == text
    assert not view.createMimeDataFromSelection().hasHtml()
    assert view.toPlainText() == text == view.tweet


def test_handles_links_and_tags_stand_alone_in_arabic() -> None:
    shown = isolated(ARABIC)
    for part in ("@ana_1", "@bob", "https://t.co/abc"):
        assert f"\u2066{part}\u2069" in shown
    for part in ("#مصر_الآن", "#now"):
        assert f"\u2068{part}\u2069" in shown
    assert shown.translate(str.maketrans("", "", "\u2066\u2068\u2069")) == ARABIC
    document = QTextDocument()
    document.setHtml(tweet_html(ARABIC))
    assert document.toPlainText() == shown


@pytest.mark.parametrize("text", PLAIN)
def test_nothing_is_added_where_there_is_one_direction(text: str) -> None:
    assert isolated(text) == text


@pytest.mark.parametrize(
    "text", ["plain words " * 20, "مرحبا بكم " * 30, "नमस्ते दुनिया " * 20, "안녕 하세요 " * 30]
)
def test_lines_of_all_scripts_stand_equally_apart(view: TweetView, text: str) -> None:
    view.show()
    view.show_text(text)
    layout = view.document().firstBlock().layout()
    tops = [layout.lineAt(n).y() for n in range(layout.lineCount())]
    pitches = {round(lower - upper, 1) for upper, lower in pairwise(tops)}
    assert len(tops) > 2 and len(pitches) == 1
    assert 1.1 <= pitches.pop() / view.fontMetrics().height() <= 1.35


def test_an_arabic_retweet_is_arabic() -> None:
    assert text_direction(ARABIC) == Qt.LayoutDirection.RightToLeft
    assert text_direction("RT @ana: hello") == Qt.LayoutDirection.LeftToRight
    assert text_direction("RT مرحبا") == Qt.LayoutDirection.LeftToRight


def test_a_tint_tears_no_syllable_apart() -> None:
    assert "<span" not in tweet_html("@भारत")
    assert tweet_html("#प्रवासी").endswith(">#प्रवासी</span>")
    assert "<span" not in tweet_html("mail me: ana@example.org")


def test_the_at_sign_stands_before_its_handle_on_the_screen(view: TweetView) -> None:
    """In an Arabic tweet, too: left of the letters of the handle, which are read from the left."""
    view.show_text("@ana_1 مرحبا")
    shown = view.document().toPlainText()

    layout = view.document().firstBlock().layout()

    def place(part: str) -> float:
        """Return where a character is drawn. (A cursor's place is none where directions meet.)"""
        where = shown.index(part)
        run = layout.lineForTextPosition(where).glyphRuns(where, 1)[0]
        return run.positions()[0].x()

    assert view.direction() == Qt.LayoutDirection.RightToLeft
    assert place("@") < place("a") < place("1")
    assert place("م") < place("@")


def test_in_a_cell_an_arabic_tweet_is_one_run_from_right_to_left() -> None:
    """Where it is cut off the dots follow its last letter: outside of the run they would stand before its first."""
    arabic = "النائب يسأل\nالوزير @user عن"
    shown = one_line(arabic)
    assert shown[0] in "\u2067\u2068" and shown[-1] == "\u2069" and "\n" not in shown
    assert one_line("15 अगस्त 1947\n को") == "15 अगस्त 1947 को"
    assert one_line("@user hello") == "@user hello"
