"""Lock files: one holder at a time, none half written, none left by the dead."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from app.study.training_process import began
from tests.conftest import ROOT
from training.contract.run_lock import LockHeld, lock_holder, take_lock

_TAKER = """
import sys, time
from pathlib import Path
from app.study.training_process import began
from training.contract.run_lock import LockHeld, take_lock
begin = float(sys.argv[2])
time.sleep(max(0.0, begin - time.time()))
try:
    take_lock(Path(sys.argv[1]), began)
except LockHeld:
    print("held")
else:
    print("taken", flush=True)
    sys.stdin.read()
"""


def test_the_holder_is_found_and_may_take_it_again(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    assert lock_holder(lock, began) is None
    take_lock(lock, began)
    take_lock(lock, began, held=True)
    with pytest.raises(LockHeld):
        take_lock(lock, began)
    assert lock_holder(lock, began) == os.getpid()
    assert [path.name for path in tmp_path.iterdir()] == ["lock.json"]


@pytest.mark.parametrize(
    "left", ["", "{", "[]", '{"pid": "x", "started": 1}', '{"pid": 1e400, "started": 1}']
)
def test_what_cannot_be_read_is_no_lock(tmp_path: Path, left: str) -> None:
    lock = tmp_path / "lock.json"
    lock.write_text(left, encoding="utf-8")
    assert lock_holder(lock, began) is None
    take_lock(lock, began)
    assert lock_holder(lock, began) == os.getpid()


def test_another_process_of_the_same_number_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    mine = psutil.Process().create_time()
    lock.write_text(json.dumps({"pid": os.getpid(), "started": mine - 60}), encoding="utf-8")
    assert lock_holder(lock, began) is None


def test_what_a_killed_process_left_is_no_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as killed:
        then = psutil.Process(killed.pid).create_time()
        lock.write_text(json.dumps({"pid": killed.pid, "started": then}), encoding="utf-8")
        assert lock_holder(lock, began) == killed.pid
        killed.kill()
    assert lock_holder(lock, began) is None
    take_lock(lock, began)
    assert lock_holder(lock, began) == os.getpid()


def test_of_several_at_once_one_gets_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    begin = time.time() + 1.5
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKER, str(lock), str(begin)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    answers = [taker.stdout.readline().strip() for taker in takers if taker.stdout is not None]
    assert sorted(answers) == ["held", "held", "held", "taken"]
    holder = takers[answers.index("taken")]
    assert lock_holder(lock, began) == holder.pid
    with pytest.raises(LockHeld) as refused:
        take_lock(lock, began)
    assert refused.value.pid == holder.pid
    for taker in takers:
        taker.communicate(timeout=20)
    assert lock_holder(lock, began) is None
