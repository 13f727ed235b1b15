"""Jobs as real child processes: their events, their ends, being stopped, killed and left alone."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.jobs.job import Job, jobs_folder
from app.jobs.job_list import JobList
from app.jobs.outcome import JobOutcome, outcome_of

from .conftest import StartScript


def wait_for_end(qtbot: QtBot, job: Job, seconds: float = 20) -> JobOutcome:
    if job.outcome is None:
        with qtbot.waitSignal(job.ended, timeout=round(seconds * 1000)):
            pass
    assert job.outcome is not None
    return job.outcome


def record_of(job: Job) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    job.event_received.connect(events.append)
    return events


def test_events_arrive_in_order_and_other_lines_are_passed_over(
    qtbot: QtBot, start_script: StartScript
) -> None:
    job = start_script(
        "tell('stage', stage='train', message='Ünïcode'); print('Loading 100%|####'); print('{\"half')\n"
        "tell('progress', stage='train', done=3, total=9, unit='steps', rate=1.5, seconds_left=4,\n"
        "     message='First form')\n"
        "sys.stderr.write('a library complains'); tell('finished', model='m')"
    )
    events = record_of(job)
    outcome = wait_for_end(qtbot, job)
    assert [event["event"] for event in events] == ["stage", "progress"]
    assert events[0]["message"] == "Ünïcode"
    assert (job.progress.done, job.progress.total, job.progress.seconds_left) == (3, 9, 4)
    assert job.progress.message == "First form"
    assert outcome == JobOutcome("finished", results={"model": "m"})


def test_a_failure_carries_the_sentence_the_next_step_and_the_report(
    qtbot: QtBot, start_script: StartScript
) -> None:
    job = start_script(
        "sys.stderr.write('log line'); "
        "tell('failed', message='Too few labels.', next_step='Label more.', kind='user', detail='d')\n"
        "sys.exit(1)"
    )
    outcome = wait_for_end(qtbot, job)
    assert outcome == JobOutcome("failed", message="Too few labels.", next_step="Label more.", detail="d")
    assert "log line" in job.log.read_text(encoding="utf-8")


def test_exit_status_0_without_a_last_event_is_no_success(qtbot: QtBot, start_script: StartScript) -> None:
    job = start_script("tell('stage', stage='train', message='x'); sys.stderr.write('out of words')")
    outcome = wait_for_end(qtbot, job)
    assert outcome.ending == "interrupted"
    assert "interrupted" in outcome.message
    assert outcome.next_step
    assert outcome.detail == "out of words"


def test_kill_9_is_told_as_interrupted(qtbot: QtBot, start_script: StartScript) -> None:
    job = start_script("tell('stage', stage='train', message='x'); time.sleep(60)")
    with qtbot.waitSignal(job.event_received, timeout=10000):
        pass
    psutil.Process(job.record.pid).kill()
    assert wait_for_end(qtbot, job).ending == "interrupted"


def test_stop_asks_by_file_and_the_child_says_cancelled(qtbot: QtBot, start_script: StartScript) -> None:
    job = start_script(
        "tell('stage', stage='train', message='x')\n"
        "while not stop_file(): time.sleep(0.02)\n"
        "tell('cancelled', after=7)"
    )
    with qtbot.waitSignal(job.event_received, timeout=10000):
        pass
    job.stop()
    assert job.is_stopping
    assert wait_for_end(qtbot, job) == JobOutcome("cancelled", results={"after": 7})


def test_a_child_that_finishes_although_asked_to_stop_has_finished(
    qtbot: QtBot, start_script: StartScript
) -> None:
    job = start_script("while not stop_file(): time.sleep(0.02)\ntell('finished', rows=3)")
    job.stop()
    assert wait_for_end(qtbot, job).is_finished


def test_a_child_that_ignores_all_is_killed_with_its_children(
    qtbot: QtBot, start_script: StartScript, tmp_path: Path
) -> None:
    note = tmp_path / "grandchild"
    job = start_script(
        "import signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "code = 'import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)'\n"
        # As training's own child: in a session of its own.
        "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid))\n"
        "time.sleep(1); tell('stage', stage='train', message='deaf'); time.sleep(60)",
        grace=0.3,
    )
    with qtbot.waitSignal(job.event_received, timeout=20000):
        pass
    begin = time.monotonic()
    job.stop()
    assert wait_for_end(qtbot, job).ending == "cancelled"
    assert time.monotonic() - begin < 15
    grandchild = int(note.read_text())
    qtbot.waitUntil(
        lambda: (
            not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
        ),
        timeout=10000,
    )


def test_asking_twice_does_not_wait_for_the_grace_time(qtbot: QtBot, start_script: StartScript) -> None:
    job = start_script("tell('stage', stage='x', message=''); time.sleep(60)", grace=60.0)
    with qtbot.waitSignal(job.event_received, timeout=10000):
        pass
    job.stop()
    job.stop()
    assert wait_for_end(qtbot, job, 10).ending == "cancelled"


def test_the_child_has_low_priority_and_a_session_of_its_own(qtbot: QtBot, start_script: StartScript) -> None:
    job = start_script("time.sleep(60)")
    process = psutil.Process(job.record.pid)
    if sys.platform != "win32":
        assert process.nice() >= 10
        assert os.getsid(job.record.pid) != os.getsid(0)
    job.stop()
    job.stop()
    wait_for_end(qtbot, job)


def test_a_job_outlives_its_window_and_a_later_one_tells_its_end(
    qtbot: QtBot, start_script: StartScript
) -> None:
    script = (
        "tell('stage', stage='x', message='')\nwhile not stop_file(): time.sleep(0.02)\ntell('finished', n=1)"
    )
    jobs = JobList()
    job = start_script(script, study="/studies/a")
    jobs.add(job)
    pid, folder = job.record.pid, job.folder
    jobs.release_all()
    job.deleteLater()
    del job
    qtbot.wait(300)
    assert psutil.Process(pid).is_running()

    later = JobList()
    ends: list[JobOutcome] = []
    later.ended.connect(lambda _, outcome: ends.append(outcome))
    assert later.attach_running("/studies/b") == []
    (found,) = later.attach_running("/studies/a")
    assert found.title == "A job"
    assert later.attach_running("/studies/a") == []  # known already
    (folder / "stop").touch()
    qtbot.waitUntil(lambda: bool(ends), timeout=10000)
    assert ends == [JobOutcome("finished", results={"n": 1})]
    assert later.running() == []
    assert not folder.exists()


def test_a_job_that_died_while_no_window_was_open_is_told_once(
    qtbot: QtBot, start_script: StartScript
) -> None:
    job = start_script("time.sleep(60)", study="s")
    job.release()
    psutil.Process(job.record.pid).kill()
    ends: list[JobOutcome] = []
    later = JobList()
    later.ended.connect(lambda _, outcome: ends.append(outcome))
    later.attach_running("s")
    qtbot.waitUntil(lambda: bool(ends), timeout=10000)
    assert ends[0].ending == "interrupted"
    assert JobList().attach_running("s") == []


def test_the_list_says_what_was_added_changed_and_removed(qtbot: QtBot, start_script: StartScript) -> None:
    jobs = JobList()
    seen: list[str] = []
    jobs.added.connect(lambda _: seen.append("added"))
    jobs.changed.connect(lambda _: seen.append("changed"))
    jobs.removed.connect(lambda _: seen.append("removed"))
    job = start_script("tell('stage', stage='x', message=''); tell('finished')")
    jobs.add(job)
    assert jobs.running() == [job]
    assert jobs.running_of("train") is job
    assert jobs.running_of("classify") is None
    qtbot.waitUntil(lambda: "removed" in seen, timeout=10000)
    assert seen[0] == "added"
    assert "changed" in seen
    assert jobs.running() == []


def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing(
    qtbot: QtBot, stancedesk_home: Path
) -> None:
    with pytest.raises(OSError, match="could not be started"):
        Job.start("train", "t", [], command=("/nonexistent/program", []))
    assert list(jobs_folder().iterdir()) == []


def test_a_real_command_tells_a_failure_in_a_sentence(qtbot: QtBot, tmp_path: Path) -> None:
    job = Job.start("classify", "t", ["classify", str(tmp_path / "none.stancedesk"), "--model", "m"])
    outcome = wait_for_end(qtbot, job, 60)
    assert outcome.ending == "failed"
    assert not outcome.is_bug
    assert outcome.message
    assert "Traceback" not in outcome.message


@pytest.mark.parametrize(
    ("last", "asked", "ending"),
    [
        (None, False, "interrupted"),
        (None, True, "cancelled"),
        ({"event": "finished", "time": ""}, True, "finished"),
        ({"event": "cancelled", "time": ""}, False, "cancelled"),
        ({"event": "failed", "time": "", "message": "m", "kind": "bug"}, False, "failed"),
    ],
)
def test_outcomes(last: dict[str, Any] | None, asked: bool, ending: str) -> None:
    outcome = outcome_of(last, asked_to_stop=asked, log="l")
    assert outcome.ending == ending
    assert outcome.is_bug is (ending == "failed")
    assert outcome.is_finished is (ending == "finished")
