"""What the queues are called, and what each does, in a sentence."""

from PySide6.QtCore import QCoreApplication

from app.study import queues


def _tr(text: str) -> str:
    return QCoreApplication.translate("queue_names", text)


def queue_name(kind: str, class_name: str = "") -> str:
    """Return the name of a queue; `class_name` is that of the class that it brings, where it is a certain one."""
    if kind == queues.RARE_CLASS and class_name:
        return _tr("“{leaf}” first").format(leaf=class_name)
    return {
        queues.RANDOM: _tr("Random"),
        queues.QUOTAS: _tr("Language quotas"),
        queues.UNCERTAIN: _tr("Uncertain first"),
        queues.RARE_CLASS: _tr("Rare class first"),
        queues.CODERS_DISAGREE: _tr("Coders disagree"),
        queues.MODEL_DISAGREES: _tr("Model disagrees"),
        queues.NEAR_DUPLICATES: _tr("Near-duplicates together"),
        queues.SEARCH: _tr("Search result"),
    }[kind]


def queue_meaning(kind: str, class_name: str = "") -> str:
    """Return what a queue does; `class_name` as in `queue_name`."""
    if kind == queues.RARE_CLASS and class_name:
        return _tr(
            "Tweets first that are likeliest of the class “{leaf}”; they are no random sample."
        ).format(leaf=class_name)
    return {
        queues.RANDOM: _tr(
            "Tweets that nobody has labelled, in random order: what a sample for a paper needs."
        ),
        queues.QUOTAS: _tr("Tweets in random order until each language has as many labels as you want."),
        queues.UNCERTAIN: _tr(
            "Tweets first on which a model hesitates most between two classes; the labels are no random sample."
        ),
        queues.RARE_CLASS: _tr(
            "Tweets first that are likeliest of the class with the fewest labels; they are no random sample."
        ),
        queues.CODERS_DISAGREE: _tr(
            "Tweets on which the labels of others contradict each other; what they said is not shown."
        ),
        queues.MODEL_DISAGREES: _tr(
            "Labelled tweets that a model takes for another class, to look at again; what it said is not shown."
        ),
        queues.NEAR_DUPLICATES: _tr(
            "Tweets that have near-duplicates, one group after the other, the largest group first."
        ),
        queues.SEARCH: _tr(
            "The tweets that the filters of the Tweets page let through when “Label one by one” was pressed there."
        ),
    }[kind]


def queue_empty(kind: str, learning: bool = False, silent: bool = False) -> str:
    """Return why a queue has no tweet, and what to do next.

    `learning`: the light model is at it, and may find some; `silent`: no model has said anything yet.
    """
    if learning:
        return _tr(
            "The light model is still learning from the labels. Wait a moment, or choose another queue."
        )
    if silent:
        return _tr(
            "No model has said anything about the labels yet. Classify tweets, or label more of them in another queue."
        )
    why = {
        queues.QUOTAS: _tr("The quotas of all languages are met."),
        queues.CODERS_DISAGREE: _tr("There is no tweet left on which others contradict each other."),
        queues.MODEL_DISAGREES: _tr("There is no label left that a model contradicts."),
        queues.NEAR_DUPLICATES: _tr("There is no tweet left that has near-duplicates."),
    }.get(kind, _tr("All tweets of this queue are labelled."))
    return _tr("{why} Choose another queue.").format(why=why)
