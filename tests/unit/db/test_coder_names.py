"""Names of coders: unique, and the same in whatever order copies come together."""

from hypothesis import given
from hypothesis import strategies as st

from db.coder_names import names_of

IDS = [f"{n:x}".rjust(4, "a") + "0" * 28 for n in range(6)] + ["a" * 4 + "1" * 28]
# Among the names are those that another coder may have been given.
NAMES = ["Ana", "Ben", f"Ana ({IDS[1][:4]})", f"Ana ({IDS[1][:5]})", "Ana (aaaa)", "Ben (x)"]
CODERS = st.dictionaries(st.sampled_from(IDS), st.sampled_from(NAMES)).map(lambda found: list(found.items()))


def test_the_smaller_uuid_keeps_the_name() -> None:
    first, second = "1a2b" + "0" * 28, "9c8d" + "0" * 28
    assert names_of([(second, "Ana"), (first, "Ana")]) == {first: "Ana", second: "Ana (9c8d)"}
    # A person who typed the name that another was given apart.
    third = "ffff" + "0" * 28
    names = names_of([(second, "Ana"), (first, "Ana"), (third, "Ana (9c8d)")])
    assert names == {first: "Ana", second: "Ana (9c8d0)", third: "Ana (9c8d)"}


@given(one=CODERS, two=CODERS, three=CODERS)
def test_names_do_not_depend_on_the_order(
    one: list[tuple[str, str]], two: list[tuple[str, str]], three: list[tuple[str, str]]
) -> None:
    at_once = names_of([*three, *two, *one])
    assert len(set(at_once.values())) == len(at_once)
    left = names_of([*names_of([*one, *two]).items(), *three])
    right = names_of([*one, *names_of([*two, *three]).items()])
    assert left == right == at_once
    assert names_of(at_once.items()) == at_once
