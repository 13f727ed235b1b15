"""What is looked at before a run: each check with the condition that it is there for."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import UserError
from app.study import groups, machine_room, preflight, run_plan, training_runs, trials
from app.study.codebook import Codebook
from app.study.importing import import_file
from app.study.preflight import Check, LabelWish, Room, State, disk_check, label_checks, memory_check
from app.study.readiness import readiness
from app.study.sealing import seal_given
from app.study.shelf import Shelf
from app.study.study import Study
from tests.small_base import write_small_base
from training.contract.spec import TrainingSpec
from training.contract.trial import Trial
from training.gguf_file import GGUFFile

Write = Callable[..., Path]
GB = 10**9

TRIAL = Trial(
    machine="A processor, 2 cores", base_sha256="0" * 64, device="cpu", method="lora", precision="bf16",
    compared={"bf16": 400.0, "fp32": 200.0}, training=500.0, scoring=1500.0, watts=30.0, watts_from="assumed",
    longest=90, rows=16, at_once=16, step_seconds=2.5, peak_memory=3 * GB, peak_device_memory=None,
    load_seconds=3.0, export_seconds=9.0, train_tokens=10_000, validation_tokens=1_000, train_rows=200,
    validation_rows=20, seconds=25.0,
)  # fmt: skip


def labelled(study: Study, write: Write, **languages: dict[str, int]) -> None:
    """Take in made-up tweets: for each language, how many of each label ("" for none)."""
    rows = [
        f"{language}{label}{n},{_made_up(f'{language}{label}{n}')},{language},{label}"
        for language, labels in languages.items()
        for label, number in labels.items()
        for n in range(number)
    ]
    import_file(study, write("\n".join(["id,text,lang,label", *rows])))


def _made_up(seed: str) -> str:
    """Return words that no other seed gives, so that no two tweets are alike."""
    return hashlib.sha256(seed.encode()).hexdigest()


def checks_of(study: Study, *languages: str) -> list[Check]:
    return label_checks(readiness(study, languages), study.codebook, languages)


def test_ten_labels_get_a_warning_and_not_a_crash(study: Study, write: Write) -> None:
    labelled(study, write, en={"pro": 5, "anti": 5, "": 3})
    found = checks_of(study)
    assert preflight.stops(found) == []
    assert found[0].state is State.WARNING and "Only 10 labelled tweets" in found[0].sentence
    weak = {check.wish.leaf: check.sentence for check in found if check.what == "classes" and check.wish}
    assert "“Neutral” has no labelled tweet" in weak["neutral"]


def test_a_codebook_without_words_gets_a_hint_that_says_what_to_do() -> None:
    assert preflight.answer_checks(Codebook.default()) == []
    letters = Codebook.from_toml(
        '[[questions]]\ncode = "q"\n[[questions.options]]\ncode = "a"\nkey = "a"\n'
        '[[questions.options]]\ncode = "b"\nkey = "b"\n'
    )
    (check,) = preflight.answer_checks(letters)
    assert check.state is State.OK and "letters" in check.sentence
    assert "“cue”" in check.next_step and "“answer”" in check.next_step


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"pro": 30}, "at least two classes"),
        ({"pro": 30, "": 4}, "at least two classes"),
        ({"": 4}, "No tweet is labelled yet"),
    ],
)
def test_one_class_stops_in_a_sentence(study: Study, write: Write, labels: dict[str, int], said: str) -> None:
    labelled(study, write, en=labels)
    (stop,) = preflight.stops(checks_of(study))
    assert said in stop.sentence
    # Where nothing is left to label, no queue helps.
    assert stop.next_step.startswith("Label" if labels.get("") else "Import")
    assert (stop.wish is not None) == bool(labels.get(""))
    with pytest.raises(UserError, match=said):
        training_runs.check(study, "smollm2-135m", [], {}, lambda _: None, lambda: False)


def test_what_is_missing_in_a_language_names_class_and_queue(study: Study, write: Write) -> None:
    enough = {"pro": 30, "anti": 30, "neutral": 30, "unrelated": 30}
    labelled(study, write, en=enough, es=enough | {"anti": 2, "": 9}, ko={"": 5}, hi={"pro": 9})
    found = {check.wish: check for check in checks_of(study) if check.what == "languages"}
    assert "In es there are few labels of “Anti” (2)" in found[LabelWish("es", "anti")].sentence
    assert "No tweet in ko is labelled" in found[LabelWish("ko")].sentence
    # In Hindi nothing is left to label.
    assert "“Anti” (none)" in found[None].sentence and "Import more tweets in hi" in found[None].next_step
    assert [check.state for check in checks_of(study, "en") if check.what != "labels"] == [State.OK]


def test_near_duplicates_and_the_sealed_set_are_counted(study: Study, write: Write) -> None:
    labelled(study, write, en={"pro": 5, "anti": 5})
    copies = [f"c{n},The very same words in a tweet that was sent again and again,en,pro" for n in range(4)]
    import_file(study, write("\n".join(["id,text,lang,label", *copies])))
    split, _ = preflight.split_checks(readiness(study))
    assert split.state is State.WARNING and "stancedesk duplicates" in split.next_step
    groups.find(study)
    split, sealed = preflight.split_checks(readiness(study))
    assert split.state is State.OK and "(4 labelled tweets)" in split.sentence
    assert "No test set is sealed" in sealed.sentence
    seal_given(study, [11])
    _, sealed = preflight.split_checks(readiness(study))
    assert "1 tweet and 3 near-duplicates of them, 4 of them labelled" in sealed.sentence


@pytest.mark.parametrize(
    ("need", "measured", "state", "said"),
    [
        (3, False, State.OK, "5.0 GB of it free"),
        (6, False, State.WARNING, "Close other programs"),
        (10, False, State.WARNING, "may not get through"),
        (17, False, State.STOP, "smaller base"),
        (10, True, State.STOP, "smaller base"),
    ],
)
def test_memory(need: int, measured: bool, state: State, said: str) -> None:
    found = memory_check(need * GB, 5 * GB, 8 * GB, measured=measured)
    assert found.state is state and said in str(found)


def test_places_on_one_disk_share_its_room() -> None:
    runs, models = Room("the run folders", 1, 3 * GB, 4 * GB), Room("the models", 1, 2 * GB, 4 * GB)
    found = disk_check([runs, models])
    assert found.state is State.STOP and "has 4.0 GB left; training needs about 5.0 GB" in found.sentence
    assert disk_check([runs, replace(models, device=2)]).state is State.OK


def test_time_and_energy_in_plain_words() -> None:
    found = trials.estimate(TRIAL, 2000, 200, 3)
    # 3 times 100,000 tokens at 500 a second, scoring and checks at 1,500, and what comes once.
    assert found.seconds == pytest.approx(600 + 5 + 3 + 9 + 8 + 6 * 10_000 / 1500, rel=0.02)
    assert found.told() == "about 11 minutes and about 0.006 kWh"
    assert "30 watts, assumed" in found.power_told()
    assert [trials.about(s) for s in (4, 44, 80, 119, 5400, 9000)] == [
        "about 10 seconds", "about 40 seconds", "about 80 seconds", "about 2 minutes", "about 1.5 hours",
        "about 2.5 hours",
    ]  # fmt: skip


def test_a_trial_is_told_with_what_it_measured() -> None:
    told = preflight.trial_check(TRIAL)
    assert told.state is State.OK and "90 tokens" in told.sentence and "2.0 times as fast" in told.sentence
    smaller = preflight.trial_check(replace(TRIAL, at_once=4))
    assert smaller.state is State.WARNING and "4 at a time" in smaller.sentence


def test_a_base_file_tells_what_it_needs() -> None:
    file = Shelf().ready_file("smollm2-135m")
    assert file is not None
    weights = machine_room.weights_of(file.path)
    assert weights is not None and weights.linear + weights.other == 134_515_008
    assert weights.memory() == pytest.approx(3.04 * GB, rel=0.01)
    # 30 layers of q, k, v, output, gate, up, down.
    assert weights.trained_bytes("lora", 16) == 4 * 16 * 30 * (2 * 1152 + 2 * 768 + 3 * 2112)
    assert machine_room.weights_of(Path(__file__)) is None


def test_a_base_without_scales_to_train_stops_a_single_file_before_it_begins(
    study: Study, write: Write, tmp_path: Path
) -> None:
    labelled(study, write, en={"pro": 30, "anti": 30})
    scaled, plain = write_small_base(tmp_path / "scaled.gguf"), tmp_path / "plain.gguf"
    base = GGUFFile(scaled)
    name = "blk.1.ffn_up.weight"
    base.copy(plain, {name: (1, lambda: base.numbers(name).astype("<f2").view("u1"))})

    def told(file: Path, method: str) -> list[str]:
        checks = preflight.look(study, str(file), [], {"method": method}, Shelf()).checks
        return [check.next_step for check in preflight.stops(checks) if check.what == "base"]

    assert told(plain, "scales") == ["Choose another base model, or the kind “Base and adapter”."]
    assert told(plain, "lora") == told(scaled, "scales") == []


def test_a_control_group_bounds_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = tmp_path / "slurm" / "job"
    job.mkdir(parents=True)
    (tmp_path / "own").write_text("0::/slurm/job\n")
    (job / "memory.max").write_text("max\n")
    for name, content in (("max", 2_000_000), ("current", 1_500_000), ("stat", "inactive_file 500000")):
        (job.parent / f"memory.{name}").write_text(f"{content}\n")
    (job / "memory.current").write_text("1\n")
    monkeypatch.setattr(machine_room, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine_room, "_OWN_GROUP", tmp_path / "own")
    assert (machine_room.free_memory(), machine_room.total_memory()) == (1_000_000, 2_000_000)


def test_what_was_remembered_tells_the_time_before_a_run(
    study: Study, write: Write, stancedesk_home: Path
) -> None:
    labelled(study, write, en={"pro": 30, "anti": 30})
    shelf = Shelf()
    before = preflight.look(study, "smollm2-135m", [], {"epochs": 3}, shelf)
    assert before.estimate is None
    file = shelf.ready_file("smollm2-135m")
    assert file is not None
    spec = run_plan.spec_of(study.codebook, file, {"epochs": 7, "seed": 9})
    trials._write(file.sha256, spec, {"trial": TRIAL.__dict__})
    three = preflight.look(study, "smollm2-135m", [], {"epochs": 3}, shelf).estimate
    six = preflight.look(study, "smollm2-135m", [], {"epochs": 6}, shelf).estimate
    assert three is not None and six is not None and six.seconds > three.seconds
    # Other settings are another trial.
    assert preflight.look(study, "smollm2-135m", [], {"rank": 4}, shelf).estimate is None


def test_a_run_as_short_as_its_trial_is_not_tried_unless_asked(
    study: Study, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(study, write, en={"pro": 30, "anti": 30})
    tried: list[int] = []

    def try_out(spec: TrainingSpec, *_: object, **__: object) -> None:
        tried.append(spec.epochs)

    monkeypatch.setattr(trials, "try_out", try_out)

    def check(epochs: int, *, anew: bool = False) -> object:
        return training_runs.check(
            study, "smollm2-135m", [], {"epochs": epochs}, lambda event: None, lambda: False, anew=anew
        )

    short = check(3)
    assert isinstance(short, training_runs.Cleared)
    assert short.trial is None and short.as_dict()["estimate"] is None and not tried
    # What `try_out` returns here says that it was stopped.
    assert check(3, anew=True) is None and check(100) is None
    assert tried == [3, 100]
