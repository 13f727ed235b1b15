"""The shelf: bases that are put together and verified, models that are placed whole or not at all."""

from pathlib import Path

import pytest

from app.errors import UserError
from app.study.shelf import Shelf, is_model_name, link_or_copy


def test_the_embedded_base_is_there_and_is_the_right_file() -> None:
    base = Shelf().base_file("smollm2-135m")
    assert base.path.read_bytes()[:4] == b"GGUF"
    assert base.licence == "Apache-2.0"
    (listed,) = [b for b in Shelf().bases() if b.name == "smollm2-135m"]
    assert listed.available and listed.size == base.path.stat().st_size


def test_a_base_of_parts_is_put_together_once(stancedesk_home: Path) -> None:
    (gemma,) = [b for b in Shelf().bases() if b.name == "gemma-3-270m"]
    if not gemma.available:
        pytest.skip("the Gemma packages are not installed (make GEMMA=no)")
    first = Shelf().base_file("gemma-3-270m")
    written = first.path.stat().st_mtime_ns
    assert first.path.stat().st_size == gemma.size
    assert Shelf().base_file("gemma-3-270m").path.stat().st_mtime_ns == written
    assert [p.name for p in first.path.parent.iterdir()] == [first.path.name]


@pytest.mark.parametrize("name", ["no-such-base", "/nowhere/base.gguf"])
def test_an_unknown_base_is_told(name: str) -> None:
    with pytest.raises(UserError, match="There is no base model"):
        Shelf().base_file(name)


def test_a_model_without_a_card_is_no_model_of_ours(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    source = tmp_path / "plain"
    source.mkdir()
    link_or_copy(Shelf().base_file("smollm2-135m").path, source / "model.gguf")
    with pytest.raises(UserError, match="was not fine-tuned by StanceDesk"):
        shelf.place(source, "plain")
    assert shelf.models() == []


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\\b", "/abs"])
def test_names_that_are_no_folder_name(name: str, tmp_path: Path) -> None:
    assert not is_model_name(name)
    with pytest.raises(UserError):
        Shelf(tmp_path).remove(name)


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "mine").mkdir()
    assert shelf.free_name("mine") == "mine-2"
    assert shelf.free_name("mine", {"mine-2"}) == "mine-3"
    assert shelf.free_name("my model: ünï/x") == "my-model-ünï-x"
    assert shelf.free_name("///") == "model"


def test_a_half_copied_model_is_never_listed(tmp_path: Path) -> None:
    (tmp_path / ".new.partial").mkdir()
    assert Shelf(tmp_path).models() == []
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.gguf").write_bytes(b"GGUF")
    (entry,) = Shelf(tmp_path).models()
    assert entry.name == "broken" and entry.card is None and entry.problem


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A shelf with one model, which is broken: what is done to it does not depend on what is in it."""
    folder = tmp_path / "shelf" / "mine"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"GGUF")
    return Shelf(tmp_path / "shelf")


def test_a_model_gets_another_name_and_its_files_stay_as_they_are(shelf: Shelf) -> None:
    assert shelf.rename("mine", " yours ").name == "yours"
    assert [model.name for model in shelf.models()] == ["yours"]
    assert (shelf.folder / "yours" / "model.gguf").read_bytes() == b"GGUF"
    assert shelf.rename("yours", "yours").name == "yours"


@pytest.mark.parametrize("wanted", ["", "a/b", "..", ".hidden", "two words", "taken", "a\\b"])
def test_a_name_that_cannot_be_changes_nothing(shelf: Shelf, wanted: str) -> None:
    (shelf.folder / "taken").mkdir()
    with pytest.raises(UserError):
        shelf.rename("mine", wanted)
    assert shelf.has("mine") and shelf.has("taken")


def test_a_note_is_kept_with_its_model(shelf: Shelf) -> None:
    shelf.set_note("mine", "  Second round, نسخة ثانية\nwith Ben's labels  ")
    (model,) = shelf.models()
    assert model.note == "Second round, نسخة ثانية\nwith Ben's labels"
    assert shelf.rename("mine", "other").note == model.note
    shelf.set_note("other", " ")
    assert shelf.models()[0].note == "" and not (shelf.folder / "other" / "note.txt").exists()
    with pytest.raises(UserError, match="no model “mine”"):
        shelf.set_note("mine", "x")


def test_a_removed_model_comes_back_with_all_that_it_had(shelf: Shelf) -> None:
    shelf.set_note("mine", "keep me")
    removed = shelf.remove("mine")
    assert shelf.models() == [] and not shelf.has("mine")
    assert [one.name for one in shelf.removed()] == ["mine"] and removed.size == 4
    back = shelf.bring_back("mine")
    assert (back.name, back.note) == ("mine", "keep me")
    assert shelf.removed() == []
    with pytest.raises(UserError, match="No removed model"):
        shelf.bring_back("mine")


def test_one_comes_back_beside_another_that_took_its_name(shelf: Shelf) -> None:
    shelf.remove("mine")
    (shelf.folder / "mine").mkdir()
    assert shelf.bring_back("mine").name == "mine-2"


def test_removed_models_are_deleted_when_their_days_are_over(shelf: Shelf) -> None:
    until = shelf.remove("mine").until
    shelf.forget_old(until - 1)
    assert shelf.removed()
    shelf.forget_old(until + 1)
    assert shelf.removed() == []


def test_removed_for_good_is_gone(shelf: Shelf) -> None:
    shelf.remove("mine")
    shelf.delete_removed("mine")
    assert shelf.removed() == [] and list((shelf.folder / ".removed").iterdir()) == []
