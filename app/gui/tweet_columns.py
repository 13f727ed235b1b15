"""Which columns of the table of tweets are shown, and how wide the tweets' own is."""

from collections.abc import Collection

from app.gui.tweet_model import AUTHOR, CONFIDENCE, DATE, LABEL, LANGUAGE, PREDICTION

WIDTHS = {LANGUAGE: 100, AUTHOR: 136, DATE: 100, LABEL: 112, PREDICTION: 112, CONFIDENCE: 104}
"""The width of each column beside the tweet's, in device-independent pixels."""
LEAST_TEXT = 260
# What goes first where the tweet needs the room: the inspector shows it as well.
_GIVEN_UP = (DATE, AUTHOR, CONFIDENCE, LANGUAGE)


def shown_columns(width: int, filled: Collection[int], predicted: bool) -> list[int]:
    """Return the columns beside the tweet's that a table of this width shows.

    Those of `filled` have something to show; without predictions their columns would only take room. Label
    and prediction always stay: in a very narrow table one scrolls sideways.
    """
    shown = [
        column
        for column in WIDTHS
        if (predicted or column not in (PREDICTION, CONFIDENCE))
        and (column not in (AUTHOR, DATE) or column in filled)
    ]
    for column in _GIVEN_UP:
        if text_width(width, shown) >= LEAST_TEXT:
            break
        if column in shown:
            shown.remove(column)
    return shown


def text_width(width: int, shown: Collection[int]) -> int:
    """Return what is left of a table's width for the tweets."""
    return width - sum(WIDTHS[column] for column in shown)
