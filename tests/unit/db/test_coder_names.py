"""Names of coders: unique, and the same in whatever order copies come together."""

from hypothesis import given
from hypothesis import strategies as st

from db.coder_names import names_of

IDS = [f"{n:x}".rjust(4, "a") + "0" * 28 for n in range(6)] + ["a" * 4 + "1" * 28]
# Among the names are those that another coder may have been given.
NAMES = ["Ana", "Ben", f"Ana ({IDS[1][:4]})", f"Ana ({IDS[1][:5]})", "Ana (aaaa)", "Ben (x)"]
# (UUID, name, when the name was corrected)
Named = tuple[str, str, str]
CODERS = st.dictionaries(
    st.sampled_from(IDS), st.tuples(st.sampled_from(NAMES), st.sampled_from(["", "2026-01", "2026-02"]))
).map(lambda found: [(id, *said) for id, said in found.items()])


def test_the_smaller_uuid_keeps_the_name() -> None:
    first, second = "1a2b" + "0" * 28, "9c8d" + "0" * 28
    assert names_of([(second, "Ana", ""), (first, "Ana", "")]) == {first: "Ana", second: "Ana (9c8d)"}
    # A person who typed the name that another was given apart.
    third = "ffff" + "0" * 28
    names = names_of([(second, "Ana", ""), (first, "Ana", ""), (third, "Ana (9c8d)", "")])
    assert names == {first: "Ana", second: "Ana (9c8d0)", third: "Ana (9c8d)"}


def test_the_name_corrected_last_counts() -> None:
    id = "1a2b" + "0" * 28
    for name in ("Aan", "Zana"):
        assert names_of([(id, name, ""), (id, "Ana", "2026-01"), (id, "Anna", "2025-12")]) == {id: "Ana"}


def _told(names: dict[str, str], *said: list[Named]) -> list[Named]:
    """Return the names as a file keeps them: with the time of the last correction."""
    when: dict[str, str] = {}
    for id, _, at in [one for coders in said for one in coders]:
        when[id] = max(when.get(id, ""), at)
    return [(id, name, when[id]) for id, name in names.items()]


@given(one=CODERS, two=CODERS, three=CODERS)
def test_names_do_not_depend_on_the_order(one: list[Named], two: list[Named], three: list[Named]) -> None:
    at_once = names_of([*three, *two, *one])
    assert len(set(at_once.values())) == len(at_once)
    left = names_of([*_told(names_of([*one, *two]), one, two), *three])
    right = names_of([*one, *_told(names_of([*two, *three]), two, three)])
    assert left == right == at_once
    assert names_of(_told(at_once, one, two, three)) == at_once
