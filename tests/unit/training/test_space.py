"""The room that a run needs on the disk: reckoned before, looked after meanwhile."""

import errno
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from app.study.machine_room import weights_of
from tests.unit.training.conftest import start_training, train
from tests.unit.training.test_process import wait_for
from training import space
from training.bases import Base
from training.contract import run_room
from training.contract.run_folder import RunFolder
from training.gguf_file import GGUFFile
from training.space import Room, in_words, is_full, trained_bytes

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("method", "file"), [("lora", "adapter_model.safetensors"), ("scales", "scales.safetensors")]
)
def test_what_is_reckoned_is_what_is_written(
    make_run: Callable[..., RunFolder], small_base: Path, method: str, file: str
) -> None:
    run = make_run(rank=8, epochs=1, method=method)
    train(run.path)
    base = Base.open(GGUFFile(small_base))
    # Beside the numbers there are only their names.
    assert trained_bytes(base, method, 8) == pytest.approx((run.adapter / file).stat().st_size, rel=0.05)
    model = sum(path.stat().st_size for path in run.model.rglob("*.gguf"))
    trained = trained_bytes(base, method, 8)
    need = run_room.model_bytes(small_base.stat().st_size, trained, one_file=method == "scales")
    assert model <= need <= 1.2 * model
    weights = weights_of(small_base)
    # The program reckons from the head of the file alone, and comes to the same.
    assert weights is not None and weights.trained_bytes(method, 8) == trained


def test_the_largest_checkpoint_is_not_larger_than_reckoned(
    make_run: Callable[..., RunFolder], small_base: Path
) -> None:
    run = make_run(epochs=200, method="lora")
    process = start_training(run.path)
    wait_for(run, "evaluated", process)
    run.stop.touch()
    process.communicate(timeout=120)
    (checkpoint,) = run.checkpoints.iterdir()
    need = run_room.checkpoint_bytes(trained_bytes(Base.open(GGUFFile(small_base)), "lora", 16))
    # Half of it: the one before is there, too, while it is written. The averages of the steps and of the
    # rounds, two of six parts, begin later.
    assert 0.65 * need < 2 * checkpoint.stat().st_size < 1.05 * need


def test_a_shortage_is_told_once_until_there_is_room_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []
    free = [500_000_000, 90_000_000, 80_000_000, 500_000_000, 10]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, free.pop(0)))
    monkeypatch.setattr(space, "_LOOK_SECONDS", 0.0)
    room = Room(tmp_path, 400_000_000, told.append)
    for _ in range(5):
        room.look()
    assert len(told) == 2
    assert told[0].startswith("The disk has 90 MB left; this run needs 0.4 GB to its end. Free some space")


def test_a_run_does_not_begin_where_it_could_not_end(
    make_run: Callable[..., RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    from training.contract.events import EventLog
    from training.errors import TrainingError
    from training.run import run as run_it

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 0, 20_000_000))
    with pytest.raises(
        TrainingError, match=r"20 MB left; this run needs \d+ MB to its end\. Free some space"
    ):
        run_it(run, None, EventLog(run.events), lambda: None)
    assert not run.checkpoints.exists()


def test_errors_that_say_that_the_disk_is_full() -> None:
    assert is_full(OSError(errno.ENOSPC, "No space left on device"))
    assert is_full(OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert not is_full(OSError(errno.EACCES, "Permission denied"))
    assert not is_full(ValueError("no"))
    assert (in_words(35_000_000), in_words(2_340_000_000)) == ("35 MB", "2.3 GB")
