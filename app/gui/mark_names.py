"""What the marks beside a label are called, with the sign that tells each apart without its word."""

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication


def _tr(text: str) -> str:
    return QCoreApplication.translate("mark_names", text)


def mark_sign(mark: str) -> str:
    """Return the sign of a mark; a dot for one that a newer version of the program gave."""
    return {"uncertain": "⚑", "quoting": "❝", "sarcasm": "∿", "unclear_target": "◎"}.get(mark, "·")


def mark_name(mark: str) -> str:
    """Return the name of a mark."""
    names = {
        "uncertain": _tr("Uncertain"),
        "quoting": _tr("Quoting"),
        "sarcasm": _tr("Sarcasm"),
        "unclear_target": _tr("Unclear target"),
    }
    return names.get(mark, mark.replace("_", " "))


def mark_meaning(mark: str) -> str:
    """Return what a mark says, as a tooltip."""
    return {
        "uncertain": _tr("You are not sure of the class"),
        "quoting": _tr("The tweet quotes or reports what somebody else says"),
        "sarcasm": _tr("The tweet is sarcastic or ironic"),
        "unclear_target": _tr("It is unclear whom or what the tweet is about"),
    }[mark]


def marks_told(marks: Iterable[str]) -> str:
    """Return marks as a line: signs and names."""
    return " · ".join(f"{mark_sign(mark)} {mark_name(mark)}" for mark in marks)
