"""The names of coders where copies of a study come together: unique, and the same in whatever order they come."""

from collections.abc import Iterable


def names_of(coders: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a name for each coder, from (32 digits of a UUID, a name that the coder has in some copy).

    Of several with the same name the smallest UUID keeps it; to the others' names a piece of their UUID is
    added. The result depends on the set of coders alone and is the same when it is given in again.
    """
    plain: dict[str, str] = {}
    for id, name in coders:
        own = _without_suffix(id, name)
        plain[id] = min(plain.get(id, own), own)
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


def _without_suffix(id: str, name: str) -> str:
    base, bracket, end = name.rpartition(" (")
    is_suffix = bracket and end.endswith(")") and len(end) > 4 and id.startswith(end[:-1])
    return base if is_suffix else name
