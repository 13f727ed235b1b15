"""What a tweet answers or quotes, where the file that it came from says so.

Twitter's own exports, twarc and the usual scrapers name these columns in a few dozen ways; all of them come to the
study as extra columns. The other tweet is taken from the study where its id is there, else its text from a column.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.study import columns
from app.study.study import Study
from app.study.tweets import TweetRow
from db import tweets as queries

REPLY, QUOTE, THREAD = "reply", "quote", "thread"

# Names are compared folded (`columns.folded`): without case, blanks, dots and underscores.
_IDS = {
    REPLY: (
        "inreplytostatusidstr", "inreplytostatusid", "inreplytotweetidstr", "inreplytotweetid", "inreplytoid",
        "inreplyto", "replyto", "replytoid", "replytotweetid", "replytostatusid", "repliedtoid",
        "repliedtotweetid", "referencedtweetsrepliedtoid", "parentid", "parenttweetid",
    ),
    QUOTE: (
        "quotedstatusidstr", "quotedstatusid", "quotedtweetid", "quotedid", "quoteid", "quotetweetid",
        "quotedtweet", "referencedtweetsquotedid",
    ),
    THREAD: ("conversationidstr", "conversationid", "threadid"),
}  # fmt: skip
_TEXTS = {
    REPLY: (
        "inreplytotext", "replytotext", "repliedtotext", "repliedtotweettext", "parenttext", "parenttweettext",
        "inreplytofulltext",
    ),
    QUOTE: (
        "quotedtext", "quotedtweettext", "quotedstatustext", "quotedfulltext", "quotedstatusfulltext", "quotetext",
        "quotedcontent", "quotedtweetcontent",
    ),
}  # fmt: skip
_AUTHORS = {
    REPLY: (
        "inreplytoscreenname", "inreplytousername", "inreplytouser", "replytouser", "replytousername",
        "repliedtousername", "parentauthor",
    ),
    QUOTE: (
        "quotedscreenname", "quotedusername", "quotedauthor", "quotedstatususerscreenname", "quoteduser",
        "quoteduserscreenname",
    ),
}  # fmt: skip
_REFERENCED = "referencedtweets"
_KINDS = {"replied_to": REPLY, "quoted": QUOTE}
_NOTHING = frozenset(["", "nan", "none", "null", "na", "n/a", "0", "-1", "[]", "{}"])
_ID = re.compile(r"\d{1,20}")


@dataclass(frozen=True)
class Context:
    """A tweet that another one answers (`reply`), quotes (`quote`), or whose thread it is in (`thread`).

    Without a `text` only its author is known. `tweet` is its primary key where the study has it.
    """

    kind: str
    text: str
    author: str = ""
    created_at: str = ""
    tweet: int | None = None


@dataclass(frozen=True)
class _Named:
    """What the columns of a tweet name."""

    ids: dict[str, str]
    texts: dict[str, str]
    authors: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.ids or self.texts or self.authors)


def context(study: Study, row: TweetRow) -> tuple[Context, ...]:
    """Return what is known of the tweets around one: the start of its thread, what it answers, what it quotes."""
    named = _named(row.extra)
    if not named:
        return ()
    with study.reading() as session:
        found = queries.by_tweet_id(session, sorted(set(named.ids.values()) - {row.tweet_id}))
    shown: list[Context] = []
    for kind in (REPLY, QUOTE, THREAD):
        other = found.get(named.ids.get(kind, ""))
        if other is not None:
            one = Context(kind, other.text, other.author, other.created_at, other.id)
        else:
            one = Context(kind, named.texts.get(kind, ""), named.authors.get(kind, ""))
        # The start of the thread is often what is answered: once is enough.
        is_shown = one.tweet is not None and one.tweet in [s.tweet for s in shown]
        if (one.text or one.author) and not is_shown:
            shown.append(one)
    return tuple(sorted(shown, key=lambda one: one.kind != THREAD))


def has_context(extra: Mapping[str, str]) -> bool:
    """Say whether a tweet's columns name another tweet."""
    return bool(_named(extra))


def _named(extra: Mapping[str, str]) -> _Named:
    values = {}
    for name, value in extra.items():
        plain = value.strip() if isinstance(value, str) else ""
        if plain.casefold() not in _NOTHING:
            values[columns.folded(name)] = plain
    named = _Named({}, {}, {})
    if not values:
        return named
    for kind, names in _IDS.items():
        for name in names:
            value = columns.clean_id(values.get(name, "")).removesuffix(".0")
            if _ID.fullmatch(value):
                named.ids.setdefault(kind, value)
            elif value.startswith("@"):
                # Some files have under "in_reply_to" whom, not what.
                named.authors.setdefault(kind, value)
    for into, known in ((named.texts, _TEXTS), (named.authors, _AUTHORS)):
        for kind, names in known.items():
            for name in names:
                if name in values:
                    into.setdefault(kind, values[name])
    for kind, tweet_id in _referenced(values.get(_REFERENCED, "")).items():
        named.ids.setdefault(kind, tweet_id)
    return named


def _referenced(value: str) -> dict[str, str]:
    """Read Twitter's list of referenced tweets, as JSON or as Python wrote it into a table."""
    if not value.startswith(("[", "{")):
        return {}
    try:
        found = json.loads(value)
    except ValueError:
        try:
            found = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return {}
    ids = {}
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict):
            kind, tweet_id = _KINDS.get(str(one.get("type"))), str(one.get("id", ""))
            if kind is not None and _ID.fullmatch(tweet_id):
                ids[kind] = tweet_id
    return ids
