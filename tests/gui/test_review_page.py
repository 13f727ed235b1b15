"""The review page: by key and by mouse, undo and redo, restarts, filters, what it says while it is empty."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot
from sqlalchemy import update

from app.gui.disagreements_tab import DisagreementsTab
from app.gui.inspector import Inspector
from app.gui.review_page import ReviewPage
from app.study import locks, review, tweets
from app.study.labelling import Labelling
from app.study.review import Review
from app.study.study import Study
from db.tables import Tweet

Settled = Callable[[], None]
DISPUTED = (3, 5, 8, 13)
OTHERS = {"pro": "anti", "anti": "neutral", "neutral": "unrelated", "unrelated": "pro"}


@pytest.fixture
def disputed(study: Study) -> Iterator[Study]:
    """Return the sample study; Ben differs from Ana on four tweets and agrees on one."""
    work = Labelling(study, "Ben")
    for tweet in (*DISPUTED, 20):
        label = tweets.get(study, [tweet])[0].label
        assert label is not None
        work.show(tweet)
        note = "<b>irony</b>" if tweet == 3 else ""
        work.label(
            label if tweet == 20 else OTHERS[label],
            seconds=4.0,
            note=note,
            marks=["uncertain"] if tweet == 3 else [],
        )
    yield study


@pytest.fixture
def page(opened: Callable[..., ReviewPage], disputed: Study, settled: Settled) -> ReviewPage:
    """Return the page with someone who decides."""
    found = opened(ReviewPage(), disputed)
    found.set_coder("Mia", blind=False)
    settled()
    return found


def _tab(page: ReviewPage) -> DisagreementsTab:
    return page.disagreements


def _in_sight(page: ReviewPage) -> int | None:
    return page.disagreements.case.row.id if page.disagreements.case is not None else None


def _gold(study: Study, tweet: int) -> str | None:
    return tweets.get(study, [tweet])[0].gold


def test_one_key_decides_saves_and_moves_on(
    page: ReviewPage, disputed: Study, qtbot: QtBot, settled: Settled
) -> None:
    tab = _tab(page)
    assert _in_sight(page) == 3 and tab.list.tweets.rowCount() == 4
    assert tab.desk.tweet.tweet == tweets.get(disputed, [3])[0].text
    assert page.state_text() == "4" and page.bar.tabText(0) == "Disagreements  4"
    qtbot.keyClick(tab, Qt.Key.Key_2)
    assert _gold(disputed, 3) == "anti" and _in_sight(page) == 5
    settled()
    assert tab.list.tweets.rowCount() == 3 and tab.list.chosen() == 5
    assert "Anti" in tab.bar.last_act.text() and page.state_text() == "3"
    for _ in range(3):
        qtbot.keyClick(tab, Qt.Key.Key_4)
    assert review.counts(disputed).disputed == 0 and _in_sight(page) is None
    assert tab.stack.currentWidget() is tab.end and "4 tweets" in tab.end.state.text.text()
    settled()
    assert page.undo() and _in_sight(page) == 13 and tab.stack.currentWidget() is tab.desk


def test_the_labels_stand_side_by_side(page: ReviewPage, disputed: Study) -> None:
    cards = _tab(page).desk.labels.cards
    assert [card.accessibleName().split(":")[0] for card in cards] == ["Ana", "Ben"]
    texts = [label.text() for label in cards[1].findChildren(QLabel)]
    assert any("Uncertain" in text for text in texts) and "“<b>irony</b>”" in texts
    assert any("4 s" in text and "codebook 1" in text for text in texts)


def test_by_mouse(page: ReviewPage, disputed: Study, qtbot: QtBot, settled: Settled) -> None:
    tab = _tab(page)
    qtbot.mouseClick(
        tab.list.viewport(),
        Qt.MouseButton.LeftButton,
        pos=tab.list.visualRect(tab.list.tweets.index(2, 0)).center(),
    )
    assert _in_sight(page) == 8
    qtbot.mouseClick(tab.desk.leaves.buttons["neutral"], Qt.MouseButton.LeftButton)
    assert _gold(disputed, 8) == "neutral" and _in_sight(page) == 13
    settled()
    assert tab.list.chosen() == 13


def test_the_reason_is_typed_and_no_key_of_it_decides(
    page: ReviewPage, disputed: Study, qtbot: QtBot
) -> None:
    tab = _tab(page)
    qtbot.keyClick(tab, Qt.Key.Key_R)
    assert tab.desk.reason.hasFocus()
    qtbot.keyClicks(tab.desk.reason, "see rule 3 r")
    assert _gold(disputed, 3) is None and _in_sight(page) == 3
    qtbot.keyClick(tab.desk.reason, Qt.Key.Key_Return)
    assert not tab.desk.reason.hasFocus()
    qtbot.keyClick(tab, Qt.Key.Key_1)
    assert tweets.get(disputed, [3])[0].gold_reason == "see rule 3 r"
    assert tab.desk.reason.text() == ""
    qtbot.keyClick(tab, Qt.Key.Key_Backspace)
    assert _in_sight(page) == 13
    page.show_tweet(3)
    assert tab.desk.reason.text() == "see rule 3 r" and "Mia decided" in tab.desk.decision.text()
    assert tab.desk.leaves.buttons["pro"].isChecked()
    qtbot.keyClick(tab, Qt.Key.Key_Delete)
    assert _gold(disputed, 3) is None and _in_sight(page) == 3


def test_undo_and_redo(page: ReviewPage, disputed: Study, qtbot: QtBot) -> None:
    tab = _tab(page)
    assert not page.can_undo() and not page.undo()
    qtbot.keyClick(tab, Qt.Key.Key_1)
    qtbot.keyClick(tab, Qt.Key.Key_2)
    assert page.undo() and _in_sight(page) == 5 and _gold(disputed, 5) is None
    assert page.undo() and _in_sight(page) == 3 and not page.can_undo()
    assert page.redo() and _gold(disputed, 3) == "pro" and _in_sight(page) == 5
    assert page.redo() and _gold(disputed, 5) == "anti" and not page.redo()


def test_a_restart_goes_on(page: ReviewPage, opened: Callable[..., ReviewPage], disputed: Study, qtbot: QtBot,
                           settled: Settled) -> None:  # fmt: skip
    qtbot.keyClick(_tab(page), Qt.Key.Key_1)
    page.study_closing()
    page.hide()
    with Study.open(disputed.path) as again:
        other = opened(ReviewPage(), again)
        other.set_coder("Mia", blind=False)
        settled()
        assert _in_sight(other) == 5 and other.can_undo() and other.undo()
        assert _in_sight(other) == 3 and _gold(again, 3) is None
        other.study_closing()
        settled()


def test_next_and_previous_go_round(page: ReviewPage, qtbot: QtBot) -> None:
    tab = _tab(page)
    seen = []
    for _ in range(5):
        seen.append(_in_sight(page))
        qtbot.keyClick(tab, Qt.Key.Key_Space)
    assert seen == [3, 5, 8, 13, 3]
    qtbot.keyClick(tab, Qt.Key.Key_Left)
    assert _in_sight(page) == 3


def test_filters(page: ReviewPage, disputed: Study, qtbot: QtBot, settled: Settled) -> None:
    tab = _tab(page)
    given = [dict(tweets.get(disputed, [tweet])[0].labels) for tweet in DISPUTED]
    one, other = given[2]["Ana"], given[2]["Ben"]
    tab.filters.one.setCurrentIndex(tab.filters.one.findData(one))
    tab.filters.other.setCurrentIndex(tab.filters.other.findData(other))
    settled()
    expected = [t for t, labels in zip(DISPUTED, given, strict=True) if set(labels.values()) == {one, other}]
    assert tab.list.tweets.rowCount() == len(expected) and _in_sight(page) == expected[0]
    for _ in expected:
        qtbot.keyClick(tab, Qt.Key.Key_1)
    assert tab.stack.currentWidget() is tab.end and "filters" in tab.end.state.text.text()
    qtbot.mouseClick(tab.end.button, Qt.MouseButton.LeftButton)
    settled()
    assert tab.list.tweets.rowCount() == 4 - len(expected)
    tab.filters.state.setCurrentIndex(1)
    settled()
    assert tab.list.tweets.rowCount() == len(expected) and "decided" in tab.count.text()
    assert not tab.filters.coders.isVisible()


def test_a_tweet_on_which_all_agree_can_be_decided(page: ReviewPage, disputed: Study, qtbot: QtBot) -> None:
    page.show_tweet(20)
    assert _in_sight(page) == 20
    qtbot.keyClick(_tab(page), Qt.Key.Key_4)
    assert tweets.get(disputed, [20])[0].label == "unrelated" and _in_sight(page) == 3


def test_a_locked_tweet_is_told_and_stays(page: ReviewPage, disputed: Study, qtbot: QtBot) -> None:
    locks.lock(disputed, "pilot", "Mia", [3])
    qtbot.keyClick(_tab(page), Qt.Key.Key_1)
    assert _gold(disputed, 3) is None and _in_sight(page) == 3
    assert "pilot" in _tab(page).notice.text and "Release the batch" in _tab(page).notice.text
    page.show_tweet(3)
    assert "pilot" in _tab(page).desk.locked.text()


def test_the_name_is_asked(
    opened: Callable[..., ReviewPage], disputed: Study, qtbot: QtBot, settled: Settled
) -> None:
    page = opened(ReviewPage(), disputed)
    tab = _tab(page)
    assert tab.stack.currentWidget() is tab.nobody
    qtbot.keyClick(tab, Qt.Key.Key_1)
    assert review.counts(disputed).adjudicated == 0
    with qtbot.waitSignal(page.coder_wanted):
        qtbot.keyClick(tab.nobody.button, Qt.Key.Key_Space)
    page.set_coder("Mia", blind=False)
    settled()
    assert tab.stack.currentWidget() is tab.desk and tab.bar.coder.text() == "Mia"


def test_what_changes_elsewhere_is_taken_in(page: ReviewPage, disputed: Study, settled: Settled) -> None:
    Review(disputed, "Noor").adjudicate(5, "pro")
    _tab(page).desk.reason.setText("half a reason")
    page.study_changed({"labels"})
    settled()
    assert _in_sight(page) == 3 and _tab(page).desk.reason.text() == "half a reason"
    assert _tab(page).list.tweets.rowCount() == 3 and page.state_text() == "3"


def test_it_tells_of_decisions_and_not_at_each_key(page: ReviewPage, qtbot: QtBot) -> None:
    told: list[set[str]] = []
    page.study_touched.connect(told.append)
    for _ in range(3):
        qtbot.keyClick(_tab(page), Qt.Key.Key_1)
    assert told == []
    qtbot.waitUntil(lambda: told == [{"labels"}], timeout=3000)


@pytest.mark.parametrize(
    ("coders", "words"), [((), "Nobody has labelled"), (("Ana",), "only “Ana”"), (("Ana", "Ben"), "agree")]
)
def test_empty_states_say_what_to_do_next(
    opened: Callable[..., ReviewPage], empty_study: Study, tmp_path: Path, qtbot: QtBot, coders: tuple[str, ...],
    words: str, settled: Settled,
) -> None:  # fmt: skip
    from app.study.importing import import_file

    one = tmp_path / "one.csv"
    one.write_text("id,text,lang\n1,Only one,en\n", encoding="utf-8")
    import_file(empty_study, one)
    for coder in coders:
        work = Labelling(empty_study, coder)
        work.show(1)
        work.label("pro")
    page = opened(ReviewPage(), empty_study)
    page.set_coder("Mia", blind=False)
    settled()
    tab = _tab(page)
    assert tab.stack.currentWidget() is tab.end and words in tab.end.state.text.text()
    assert not tab.side.isVisible()
    with qtbot.waitSignal(page.page_wanted) as wanted:
        qtbot.mouseClick(tab.end.button, Qt.MouseButton.LeftButton)
    assert wanted.args == ["label"]


def _seal(study: Study, *sealed: int) -> None:
    with study.writing() as session:
        session.execute(update(Tweet).where(Tweet.id.in_(sealed)).values(sealed=True))


def test_sealed_tweets_wait_for_the_own_label(
    page: ReviewPage, disputed: Study, qtbot: QtBot, settled: Settled
) -> None:
    tab = _tab(page)
    _seal(disputed, 3, 5)
    page.study_changed({"labels"})
    settled()
    assert tab.list.tweets.rowCount() == 2 and page.state_text() == "2"
    assert tab.left_out.text() == "2 sealed tweets wait for your own label."
    page.show_tweet(5)
    assert _in_sight(page) != 5 and "sealed test set" in tab.notice.text
    for _ in range(6):
        qtbot.keyClick(tab, Qt.Key.Key_1)
    assert _gold(disputed, 3) is None and _gold(disputed, 5) is None and _gold(disputed, 8) == "pro"
    settled()
    assert tab.stack.currentWidget() is tab.end
    assert "2 sealed tweets wait for your own label" in tab.end.state.text.text()
    page.set_coder("Ben", blind=False)
    settled()
    assert tab.list.tweets.rowCount() == 2 and _in_sight(page) == 3 and not tab.left_out.isVisible()


def test_locked_tweets_are_not_left_to_decide(page: ReviewPage, disputed: Study, settled: Settled) -> None:
    locks.lock(disputed, "pilot", "Mia", [3])
    page.study_changed({"labels"})
    settled()
    tab = _tab(page)
    assert tab.list.tweets.rowCount() == 3 and page.state_text() == "3"
    assert (
        tab.count.text() == "3 left to decide"
        and "One more disagreement is in a locked" in tab.left_out.text()
    )


def test_a_blind_person_asks_before_seeing_what_others_labelled(
    opened: Callable[..., ReviewPage], disputed: Study, qtbot: QtBot, settled: Settled
) -> None:
    page = opened(ReviewPage(), disputed)
    page.set_coder("Mia")
    settled()
    tab = _tab(page)
    assert tab.stack.currentWidget() is tab.unseen and not tab.side.isVisible() and tab.case is None
    assert "Blind coding: disagreements show what others labelled." in tab.unseen.text.text()
    page.show_tweet(8)
    qtbot.keyClick(tab, Qt.Key.Key_1)
    assert tab.case is None and review.counts(disputed).adjudicated == 0
    qtbot.mouseClick(tab.unseen.button, Qt.MouseButton.LeftButton)
    settled()
    assert _in_sight(page) == 8 and tab.list.tweets.rowCount() == 4 and not tab.blind.isVisible()
    qtbot.keyClick(tab, Qt.Key.Key_1)
    assert _gold(disputed, 8) == "pro" and _in_sight(page) == 13
    # For this sign-in alone.
    page.set_coder("Noor")
    settled()
    assert tab.stack.currentWidget() is tab.unseen and tab.case is None
    qtbot.keyClick(tab, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    settled()
    assert tab.stack.currentWidget() is tab.desk and tab.list.tweets.rowCount() == 3


def test_a_blind_coder_sees_the_disagreements_with_the_own_label(
    opened: Callable[..., ReviewPage], disputed: Study, qtbot: QtBot, settled: Settled
) -> None:
    work = Labelling(disputed, "Cem")
    work.show(5)
    work.label("neutral")
    page = opened(ReviewPage(), disputed)
    page.set_coder("Cem")
    settled()
    tab = _tab(page)
    assert _in_sight(page) == 5 and tab.list.tweets.rowCount() == 1 and tab.blind.isVisible()
    assert tab.count.text() == "1 of 4 left to decide" and page.state_text() == "4"
    qtbot.keyClick(tab, Qt.Key.Key_Space)
    assert _in_sight(page) == 5
    qtbot.mouseClick(tab.blind.button, Qt.MouseButton.LeftButton)
    settled()
    assert tab.list.tweets.rowCount() == 4 and _in_sight(page) == 5 and not tab.blind.isVisible()


def test_second_look(page: ReviewPage, disputed: Study, qtbot: QtBot, settled: Settled) -> None:
    label = dict(tweets.get(disputed, [3])[0].labels)["Ben"]
    disputed.set_codebook(disputed.codebook, touched=[label])
    page.set_coder("Ben", blind=False)
    page.study_changed({"codebook"})
    settled()
    tab = page.second_look
    own = tab.counts["Ben"]
    assert own and page.bar.tabText(2) == f"Second look  {own}"
    qtbot.keyClick(page, Qt.Key.Key_3, Qt.KeyboardModifier.AltModifier)
    assert page.stack.currentWidget() is tab and tab.list.tweets.rowCount() == own
    with qtbot.waitSignal(page.label_wanted) as wanted:
        qtbot.keyClick(tab.list, Qt.Key.Key_Return)
    assert wanted.args[0][0] == 3 and len(wanted.args[0]) == own
    work = Labelling(disputed, "Ben")
    for tweet in wanted.args[0]:
        work.show(tweet)
        work.label(label)
    page.study_changed({"labels"})
    settled()
    assert tab.stack.currentWidget() is tab.end and "Ben" not in tab.counts
    assert page.bar.tabText(2) == "Second look" and "Ana" in tab.end.text.text()
    with qtbot.waitSignal(page.coder_wanted):
        qtbot.mouseClick(tab.sign_in, Qt.MouseButton.LeftButton)


def test_one_label_that_wants_a_second_look_is_told_as_one(
    page: ReviewPage, disputed: Study, settled: Settled
) -> None:
    work = Labelling(disputed, "Cem")
    work.show(5)
    work.label("neutral")
    disputed.set_codebook(disputed.codebook, touched=["neutral"])
    page.set_coder("Cem", blind=False)
    page.study_changed({"codebook"})
    settled()
    assert page.second_look.text.text().startswith("One of Cem's labels was given")
    assert page.bar.tabText(2) == "Second look  1"


def test_the_keys_of_decisions_do_nothing_on_another_tab(
    page: ReviewPage, disputed: Study, qtbot: QtBot
) -> None:
    page.show_tab(page.second_look)
    for widget in (page, page.second_look, page.second_look.list):
        qtbot.keyClick(widget, Qt.Key.Key_1)
    assert review.counts(disputed).adjudicated == 0


def test_the_inspector_tells_of_decisions(disputed: Study, qtbot: QtBot) -> None:
    Review(disputed, "Mia").adjudicate(3, "pro", "rule 3")
    inspector = Inspector()
    qtbot.addWidget(inspector)
    inspector.show_tweet(tweets.get(disputed, [3])[0], tweets.history(disputed, 3), disputed.codebook)
    assert "gold label" in inspector.history.text() and "rule 3" in inspector.history.text()
    assert "Gold label" in inspector.labels.text()
