"""The page of tweets: search, filters, pages on demand, the inspector."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui import tweet_model as columns
from app.gui.inspector import Inspector
from app.gui.tweet_columns import shown_columns, text_width
from app.gui.tweet_model import PAGE, TweetModel
from app.gui.tweet_view import text_direction
from app.gui.tweets_page import TweetsPage
from app.study import bulk, tweets
from app.study.importing import import_file
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter, TweetRow

Settled = Callable[[], None]


@pytest.fixture
def page(opened: Callable[..., TweetsPage]) -> TweetsPage:
    """Return the page on the sample study."""
    return opened(TweetsPage())


def test_all_tweets_are_counted_and_shown(page: TweetsPage, study: Study) -> None:
    total = study.counts().tweets
    assert page.model.rowCount() == total
    assert str(total) in page.count.text()
    first = tweets.page(study, None, 0, 1)[0]
    assert page.model.index(0, columns.TEXT).data() == " ".join(first.text.split())
    assert page.model.index(0, columns.AUTHOR).data() == first.author


def test_typing_searches_after_a_pause(
    page: TweetsPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    qtbot.keyClick(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.search.hasFocus()
    qtbot.keyClicks(page.search, "WAGES")
    expected = tweets.count(study, TweetFilter(search="WAGES"))
    assert 0 < expected < study.counts().tweets
    qtbot.waitUntil(lambda: page.model.rowCount() == expected, timeout=5000)
    settled()
    assert all("wages" in page.model.index(r, 0).data().lower() for r in range(expected))
    qtbot.keyClick(page.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.model.rowCount() == study.counts().tweets, timeout=5000)
    assert page.search.text() == ""


def test_search_in_arabic(page: TweetsPage, study: Study, settled: Settled) -> None:
    word = next(r for r in tweets.page(study, TweetFilter(language="ar"), 0, 1)).text.split()[0]
    page.search.setText(word)
    page._ask()
    settled()
    assert page.model.rowCount() == tweets.count(study, TweetFilter(search=word)) > 0


def test_filters(page: TweetsPage, study: Study, settled: Settled) -> None:
    page.language.setCurrentIndex(page.language.findData("ko"))
    page.status.setCurrentIndex(page.status.findData("unlabelled"))
    settled()
    expected = tweets.count(study, TweetFilter(language="ko", status="unlabelled"))
    assert page.model.rowCount() == expected > 0
    assert all(page.model.tweet(r).lang == "ko" for r in range(expected))  # type: ignore[union-attr]
    page.clear_filters()
    page.label.setCurrentIndex(page.label.findData("pro"))
    settled()
    assert page.model.rowCount() == study.counts().per_leaf["pro"]
    assert page.model.index(0, columns.LABEL).data() == study.codebook.leaf("pro").name
    assert page.model.index(0, columns.LABEL).data(columns.LEAF_ROLE).code == "pro"


def test_a_blind_coder_is_told_why_nothing_is_found(page: TweetsPage, qtbot: QtBot, settled: Settled) -> None:
    page.set_coder("Zoe")
    page.label.setCurrentIndex(page.label.findData("pro"))
    settled()
    assert page.stack.currentWidget() is page.no_hit
    assert "only tweets that you labelled are searched" in page.no_hit.text.text()
    page.seeing_wanted.connect(lambda: page.set_coder("Zoe", blind=False))
    with qtbot.waitSignal(page.seeing_wanted):
        qtbot.mouseClick(page.see_all, Qt.MouseButton.LeftButton)
    settled()
    assert page.stack.currentWidget() is page.table and page.model.rowCount() > 0
    page.label.setCurrentIndex(0)
    page.search.setText("no tweet has these words")
    settled()
    qtbot.waitUntil(lambda: page.stack.currentWidget() is page.no_hit, timeout=3000)
    assert "No tweet passes" in page.no_hit.text.text() and not page.see_all.isVisible()


def test_order(page: TweetsPage, study: Study, settled: Settled) -> None:
    last = tweets.page(study, None, study.counts().tweets - 1, 1)[0]
    page.order.setCurrentIndex(page.order.findData("-file"))
    settled()
    assert page.model.tweet(0).id == last.id  # type: ignore[union-attr]
    page.order.setCurrentIndex(page.order.findData("uncertain"))
    settled()
    assert page.model.rowCount() == 0 and page.stack.currentWidget() is page.no_hit
    page.no_hit.button.click()
    settled()
    assert page.model.rowCount() == study.counts().tweets


def test_pages_are_read_when_they_are_asked_for(
    study: Study, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read = tweets.page

    def counted(of: Study, filter: TweetFilter, offset: int, limit: int, order: str) -> list[TweetRow]:
        asked.append(offset)
        return read(of, filter, offset, limit, order)

    monkeypatch.setattr(tweets, "page", counted)
    monkeypatch.setattr(columns, "KEPT_PAGES", 2)
    model = TweetModel()
    model.show_study(study)
    model.ask(TweetFilter())
    settled()
    assert asked == [0]
    deep = 2 * PAGE + 3
    assert model.index(deep, columns.TEXT).data() == "…"
    settled()
    assert asked == [0, 2 * PAGE]
    assert model.index(deep, columns.TEXT).data() == " ".join(read(study, None, deep, 1)[0].text.split())
    model.tweet(PAGE)
    settled()
    assert len(model._pages) == 2 and 0 not in model._pages
    assert asked == [0, 2 * PAGE, PAGE]


def test_selecting_tells_the_inspector(page: TweetsPage, study: Study, qtbot: QtBot) -> None:
    told: list[TweetRow | None] = []
    page.tweet_selected.connect(told.append)
    page.table.setFocus()
    page.table.selectRow(0)
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    second = tweets.page(study, None, 1, 1)[0]
    assert told[-1] is not None and told[-1].id == second.id
    with qtbot.waitSignals([page.page_wanted, page.label_wanted]):
        qtbot.keyClick(page.table, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_labels_the_selected_tweet(page: TweetsPage, qtbot: QtBot, key: Qt.Key) -> None:
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert "selected" in page.notice.text, "with nothing selected it says so"
    page.table.selectRow(3)
    wanted = page.model.tweet(3)
    with qtbot.waitSignal(page.page_wanted), qtbot.waitSignal(page.label_wanted) as told:
        qtbot.keyClick(page.table, key)
    assert wanted is not None and told.args == [wanted.id]
    assert page.notice.text == ""


def test_tab_reaches_the_search_and_the_filters(page: TweetsPage, qtbot: QtBot) -> None:
    page.setFocus()
    assert page.table.hasFocus()
    fields = (page.search, page.language, page.label, page.status, page.order, page.table)
    page.search.setFocus()
    for field in fields:
        assert field.hasFocus(), field.accessibleName()
        qtbot.keyClick(field, Qt.Key.Key_Tab)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Backtab)
    assert page.order.hasFocus()


ALL = {columns.AUTHOR, columns.DATE}


@pytest.mark.parametrize("width", [430, 640, 770, 1400])
@pytest.mark.parametrize("predicted", [False, True])
def test_the_tweet_has_room_in_the_table(width: int, predicted: bool) -> None:
    shown = shown_columns(width, ALL, predicted)
    assert columns.LABEL in shown and (columns.PREDICTION in shown) is predicted
    hidden = set(columns_beside()) - set(shown)
    if width >= 500:
        assert text_width(width, shown) >= 260
    if width == 1400:
        assert hidden == (set() if predicted else {columns.PREDICTION, columns.CONFIDENCE})


def columns_beside() -> range:
    """Return the columns beside that of the tweets."""
    return range(columns.TEXT + 1, columns.COLUMNS)


def test_empty_columns_are_not_shown(
    opened: Callable[..., TweetsPage], empty_study: Study, settled: Settled, tmp_path: Path
) -> None:
    table = tmp_path / "plain.csv"
    table.write_text("id,text,author\n1,one,\n2,two,\n", encoding="utf-8")
    import_file(empty_study, table)
    page = opened(TweetsPage(), empty_study)
    assert page.table.isColumnHidden(columns.AUTHOR) and page.table.isColumnHidden(columns.DATE)
    table.write_text("id,text,author\n3,three,@ana\n", encoding="utf-8")
    import_file(empty_study, table)
    page.study_changed({"tweets"})
    settled()
    assert not page.table.isColumnHidden(columns.AUTHOR) and page.table.isColumnHidden(columns.DATE)
    page.resize(560, 600)
    assert page.table.isColumnHidden(columns.AUTHOR) and page.table.columnWidth(columns.TEXT) >= 260


def test_filters_end_in_dots_where_they_have_no_room(page: TweetsPage) -> None:
    page.resize(1100, 700)
    assert page.language.shown_text() == page.language.currentText()
    page.language.setFixedWidth(90)
    assert page.language.shown_text().endswith("…")


def test_labels_from_elsewhere_appear_and_the_selection_stays(
    page: TweetsPage, study: Study, settled: Settled
) -> None:
    from app.study.labelling import Labelling

    page.table.selectRow(5)
    labelling = Labelling(study, "Mia")
    row = labelling.current()
    assert row is not None
    labelling.label("neutral")
    page.study_changed({"labels"})
    settled()
    assert page.table.selectionModel().selectedRows()[0].row() == 5
    page.table.scrollTo(page.model.index(row.id - 1, 0))
    page.model.tweet(row.id - 1)
    settled()
    assert page.model.tweet(row.id - 1).label == "neutral"  # type: ignore[union-attr]


def test_empty_study(opened: Callable[..., TweetsPage], empty_study: Study, qtbot: QtBot) -> None:
    page = opened(TweetsPage(), empty_study)
    assert page.stack.currentWidget() is page.empty and not page.search.isEnabled()
    with qtbot.waitSignal(page.import_wanted):
        page.empty.button.click()


def test_inspector_tells_what_was_labelled_in_bulk(study: Study, qtbot: QtBot) -> None:
    inspector = Inspector()
    qtbot.addWidget(inspector)
    one, other = tweets.page(study, TweetFilter(status="unlabelled"), 0, 2)
    bulk.label(study, "Ana", [one.id, other.id], "pro")
    bulk.label(study, "Ben", [one.id], "anti", bulk.GROUP)
    Labelling(study, "Ana").undo()
    inspector.show_tweet(one, tweets.history(study, one.id), study.codebook)
    newest, group, first = (fact for _, fact in inspector.history.facts)
    assert "Ana · together with other tweets" in first and "taken back" not in first
    assert "Ben · together with its near-duplicates" in group
    assert "taken back to: no label" in newest and "together with other tweets" in newest


def test_inspector_shows_all_that_is_known(study: Study, qtbot: QtBot) -> None:
    inspector = Inspector()
    qtbot.addWidget(inspector)
    assert inspector.stack.currentWidget() is inspector.empty
    row = tweets.page(study, TweetFilter(language="ar", status="labelled"), 0, 1)[0]
    inspector.show_tweet(row, tweets.history(study, row.id), study.codebook)
    assert inspector.tweet.toPlainText() == row.text
    assert inspector.tweet.direction() == Qt.LayoutDirection.RightToLeft
    facts = dict(inspector.about.facts)
    assert facts["Id"] == row.tweet_id and set(row.extra) <= set(facts) | {
        k for k, v in row.extra.items() if not v
    }
    assert (
        inspector.labels.facts[0][0] == "Ana"
        and study.codebook.leaf(row.label or "").name in inspector.labels.text()
    )
    assert len(inspector.history.facts) == 1
    assert not inspector.bars.isVisibleTo(inspector)
    inspector.show_codebook(study.codebook)
    assert "Pro" in inspector.codebook.text.toPlainText()


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Hello مرحبا", False),
        ("مرحبا hello", True),
        ("@someone https://t.co/x مرحبا بكم", True),
        ("#migration שלום", True),
        ("😀 123 !", False),
        ("@someone", False),
        ("#لاجئين", True),
        ("नमस्ते", False),
    ],
)
def test_text_direction(text: str, right: bool) -> None:
    wanted = Qt.LayoutDirection.RightToLeft if right else Qt.LayoutDirection.LeftToRight
    assert text_direction(text) == wanted


@pytest.mark.parametrize("width", [470, 560, 700, 830, 1400])
def test_the_buttons_have_their_room_at_every_width(
    opened: Callable[..., TweetsPage], qtbot: QtBot, width: int
) -> None:
    page = opened(TweetsPage())
    # As in the window, which makes a page as narrow as it is itself.
    page.setMinimumWidth(1)
    page.resize(width, 600)
    qtbot.wait(10)
    assert page.width() == width
    buttons = [page.label_these, page.together.button, page.locks]
    for shown in (page.count, *buttons):
        assert shown.width() >= shown.sizeHint().width(), shown.text()
        assert shown.x() >= 0 and shown.geometry().right() < page.width()
    assert page.search.width() >= 150
    under = [button.y() > page.search.geometry().bottom() for button in buttons]
    assert under == ([False] * 3 if width >= 830 else [True, True, width > 500])
    assert page.label_these.text() != page.together.button.text()
