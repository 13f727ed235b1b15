"""The sealed test set and the looks at it, in sentences for a terminal and for a paper."""

from collections.abc import Sequence

from app.study.score_looks import Look, up_to
from app.study.sealing import Drawing, SealedSet

WHY_COUNTED = (
    "Each look counts: what is chosen after it fits these very tweets, so later scores are a little too good."
)


def times(number: int) -> str:
    """Return how often in words: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def looks_told(looks: Sequence[Look]) -> str:
    """Return how often a score on the sealed test set was looked at, and why that matters."""
    if not looks:
        return "No score on the sealed test set was looked at yet."
    models = len({look.model_sha256 for look in looks})
    which = "one model" if models == 1 else f"{models:,} models"
    return f"Scores on the sealed test set were looked at {times(len(looks))}, with {which}. {WHY_COUNTED}"


def paper_sentence(sealed: SealedSet, look: str) -> str:
    """Return what a paper should say of the test set and the looks before one; "" where it is no look of these."""
    place = up_to(sealed.looks, look)
    if place is None:
        return ""
    this = next(one for one in sealed.looks if one.id == look)
    if not place.before:
        scored = "It had not been scored before the scores reported here."
    else:
        models = "one model" if place.models_before == 1 else f"{place.models_before:,} models"
        scored = f"It had been scored {times(place.before)}, with {models}, before the scores reported here."
    return f"{_how_drawn(sealed, this)} {scored}"


def drawing_told(drawing: Drawing) -> str:
    """Return what a drawing did, in sentences."""
    told = [
        f"{_tweets(drawing.tweets)} in {_languages(len(drawing.languages))} sealed, drawn at random with seed "
        f"{drawing.seed}."
    ]
    if drawing.copies:
        told.append(
            f"{_tweets(drawing.copies)} more, near-duplicates of these, stay out of training and are not scored."
        )
    if drawing.labelled_before:
        told.append(
            f"{_tweets(drawing.labelled_before)} had been labelled before: these could not be drawn, so the test set "
            "speaks for the study only if they were a random choice, too."
        )
    for language, missing in drawing.short.items():
        told.append(
            f"In {language or 'no language'} {_tweets(missing)} fewer than asked for: no more are left."
        )
    return " ".join(told)


def _how_drawn(sealed: SealedSet, look: Look) -> str:
    of = f"The test set of {_tweets(look.rows)} in {_languages(int(look.scores.get('languages', 0)))}"
    if not sealed.drawings:
        return f"{of} was set apart from training."
    seeds = sorted({drawing.seed for drawing in sealed.drawings})
    with_seed = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    how = f"was drawn at random per language ({with_seed})"
    before = sum(drawing.labelled_before for drawing in sealed.drawings)
    when = " before labelling began" if not before else " from the tweets not labelled by then"
    kept = ", labelled without sight of model predictions, and kept with its near-duplicates from training"
    given = f"; {_tweets(sealed.given)} of it came with a file" if sealed.given else ""
    return f"{of} {how}{when}{kept}{given}."


def _tweets(number: int) -> str:
    return f"{number:,} tweet{'' if number == 1 else 's'}"


def _languages(number: int) -> str:
    return f"{number} language{'' if number == 1 else 's'}"
