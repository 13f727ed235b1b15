"""The names of coders where copies of a study come together: unique, and the same in whatever order they come."""

from collections.abc import Iterable


def names_of(coders: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Return a name for each coder, from (32 digits of a UUID, a name that the coder has in some copy, when).

    "When" is the time at which somebody corrected the name, "" for never: the name corrected last counts. Of
    several coders with the same name the smallest UUID keeps it; to the others' names a piece of their UUID is
    added. The result depends on the set of coders alone and is the same when it is given in again.
    """
    said: dict[str, tuple[str, str]] = {}
    for id, name, when in coders:
        own = (when, without_suffix(id, name))
        known = said.get(id, own)
        # Corrected at the same moment, or never: one of them, the same in every copy.
        said[id] = max(known, own) if known[0] != own[0] else min(known, own)
    plain = {id: name for id, (_, name) in said.items()}
    names: dict[str, str] = {}
    rest = []
    for id in sorted(plain):
        if plain[id] in names.values():
            rest.append(id)
        else:
            names[id] = plain[id]
    for id in rest:
        used = set(names.values())
        names[id] = next(n for n in (f"{plain[id]} ({id[:k]})" for k in range(4, 33)) if n not in used)
    return names


def without_suffix(id: str, name: str) -> str:
    """Return a coder's name without the piece of its UUID that `names_of` may have added."""
    base, bracket, end = name.rpartition(" (")
    is_suffix = bracket and end.endswith(")") and len(end) > 4 and id.startswith(end[:-1])
    return base if is_suffix else name
