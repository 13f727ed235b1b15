"""Labels that want a second look: given before the codebook's words on their class were changed.

A tweet is on a coder's list while the coder's label there has a leaf that a later codebook version touched. A
label given under that version or a later one, also the same again, takes it off the list.
"""

from app.study import tweets
from app.study.study import Study
from app.study.tweets import TweetFilter, TweetRow
from db import label_overview


def asked(coder: str = "") -> TweetFilter:
    """Return the filter for the tweets on a coder's list, on anyone's where no name is given."""
    return TweetFilter(status="second_look", coders=(coder,) if coder else ())


def counts(study: Study) -> dict[str, int]:
    """Return {coder's name: number of tweets on the list}, only of those who have some."""
    with study.reading() as session:
        return label_overview.count_outdated(session)


def count(study: Study, coder: str = "") -> int:
    """Return how many tweets are on a coder's list, or on anyone's."""
    return tweets.count(study, asked(coder))


def page(study: Study, coder: str = "", offset: int = 0, limit: int = 100) -> list[TweetRow]:
    """Return one page of a coder's list, or of anyone's, in file order."""
    return tweets.page(study, asked(coder), offset, limit)
