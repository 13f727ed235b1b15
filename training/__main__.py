"""`python -m training RUN_DIR`: fine-tune as a run folder says. `--probe`: what this machine can train with.

`--convert FOLDER --to FILE.gguf`: make a base of a Hugging Face folder; its events go to standard output alone.

Events go to the run's `events.jsonl` and to standard output; everything that libraries print goes to its
`log.txt`. Exit status: 0 for a finished and for a cancelled run (the last event tells which), 1 for a failed
one, 2 for wrong usage. Of several processes (`accelerate launch -m training RUN_DIR`) the first one tells.
"""

import argparse
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from training.contract.events import EventLog
from training.contract.run_folder import RunFolder
from training.contract.run_lock import LockHeld, take_lock
from training.errors import Cancelled, TrainingError, is_out_of_memory
from training.processes import Processes
from training.space import is_full


class Watch:
    """Notices that the run shall stop: its stop file appeared or the system asked it to end."""

    def __init__(self, folder: RunFolder) -> None:
        self._file = folder.stop
        self._signalled = False
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def __call__(self) -> None:
        """Raise `Cancelled` if the run shall stop."""
        if self._signalled:
            raise Cancelled("The run was stopped.")
        if self._file.exists():
            raise Cancelled(f"The run was stopped. Start it again without {self._file.name} to continue.")

    def _note(self, *_: object) -> None:
        self._signalled = True


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Fine-tune as a run folder says.")
    parser.add_argument(
        "run_dir", nargs="?", type=Path, help="folder with spec.json, train.jsonl, validation.jsonl"
    )
    parser.add_argument("--base", type=Path, help="the base model's file, where it is not at the spec's path")
    parser.add_argument(
        "--probe", action="store_true", help="print what this machine can train with, as JSON"
    )
    parser.add_argument("--convert", type=Path, metavar="FOLDER", help="make a base of a Hugging Face folder")
    parser.add_argument("--to", type=Path, metavar="FILE", help="the GGUF file that --convert writes")
    parser.add_argument("--converter", type=Path, metavar="FILE", help="llama.cpp's convert_hf_to_gguf.py")
    parser.add_argument("--type", default="Q4_K_M", help="4-bit type of the base that --convert writes")
    parser.add_argument(
        "--finish", action="store_true", help="learn nothing more: make a model of the best so far"
    )
    parser.add_argument(
        "--try",
        dest="trial",
        action="store_true",
        help="train nothing yet: try the longest rows once, through to the export, and measure",
    )
    options = parser.parse_args(arguments)
    if options.probe:
        return _probe()
    if options.convert is not None:
        if options.to is None or options.converter is None:
            parser.error("--convert needs --to and --converter")
        return _convert(options.convert, options.to, options.converter, options.type)
    if options.run_dir is None:
        parser.error("a run folder is needed")
    if not options.run_dir.is_dir():
        print(f"There is no run folder at {options.run_dir}.", file=sys.stderr)
        return 1
    return _work(RunFolder(options.run_dir.resolve()), options.base, options.finish, trial=options.trial)


def _probe() -> int:
    from training import machine

    # A library that prints while it is imported must not break the one JSON object.
    answer = os.dup(1)
    os.dup2(2, 1)
    found = machine.probe()
    with os.fdopen(answer, "w", encoding="utf-8") as stream:
        stream.write(json.dumps(found, ensure_ascii=False) + "\n")
    return 0


def _convert(folder: Path, target: Path, converter: Path, quantisation: str) -> int:
    from training.conversion import convert

    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    events = EventLog(None, answer)
    # Asked to end, it ends in good order: with what it started, and without half a file.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        events.write("finished", **convert(folder, target, converter, quantisation, events))
        return 0
    except KeyboardInterrupt:
        return _end(events, 0, "cancelled", message="The conversion was stopped.")
    except TrainingError as error:
        return _end(events, 1, "failed", message=str(error), kind="user", detail="")
    except OSError as error:
        message = f"The base cannot be written: {error.strerror or error}. Free some disk space."
        return _end(events, 1, "failed", message=message, kind="user", detail="")
    except Exception as error:
        detail = traceback.format_exc()
        message = f"The conversion failed through an error in the program ({type(error).__name__})."
        return _end(events, 1, "failed", message=message, kind="bug", detail=detail)


def _work(folder: RunFolder, base: Path | None, finish: bool, *, trial: bool) -> int:
    processes = Processes.of_environment()
    if processes.is_first:
        try:
            take_lock(folder.lock, _began)
        except LockHeld as holder:
            message = f"This run is already being worked on by process {holder.pid}."
            EventLog(None, sys.stdout).write("failed", message=message, kind="held", detail="")
            return 1
        except OSError as error:
            why = error.strerror or error
            message = f"The run's folder cannot be written: {why}. Free some disk space, then go on."
            EventLog(None, sys.stdout).write("failed", message=message, kind="user", detail="")
            return 1
    answer = _redirect_output(folder.log)
    # A trial is no part of the run's course.
    kept = None if trial else folder.events
    events = EventLog(kept, answer) if processes.is_first else EventLog(None)
    # Before torch is loaded. Threads that spin while they wait for one another burn what another program
    # leaves of the cores: with one busy neighbour a step took three times the processor time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        watch = Watch(folder)
        events.write("started", what="training", run=folder.path.name, pid=os.getpid())
        watch()
        if trial:
            from training.trial import try_out

            results = try_out(folder, base, events, watch)
        else:
            from training.run import run

            results = run(folder, base, events, watch, finish, processes)
        events.write("finished", **results)
        return 0
    except Cancelled as reason:
        return _end(events, 0, "cancelled", message=str(reason))
    except TrainingError as error:
        return _end(events, 1, "failed", message=str(error), kind="user", detail="")
    except Exception as error:
        detail = traceback.format_exc()
        sys.stderr.write(detail)
        if is_full(error):
            message = "The disk is full. Free some space, then go on: what was learned is kept."
            return _end(events, 1, "failed", message=message, kind="user", detail="")
        if is_out_of_memory(error):
            message = (
                "There is too little memory. Close other programs, then go on: what was learned is kept. "
                "Or choose a smaller base model."
            )
            return _end(events, 1, "failed", message=message, kind="user", detail="")
        message = f"Training failed through an error in the program ({type(error).__name__})."
        return _end(events, 1, "failed", message=message, kind="bug", detail=detail)
    finally:
        if processes.is_first:
            folder.lock.unlink(missing_ok=True)


def _end(events: EventLog, status: int, kind: str, /, **fields: Any) -> int:
    try:
        events.write(kind, **fields)
    except OSError:
        # Not even a line fits on the disk: whoever listens shall hear it all the same.
        EventLog(None, events.stream).write(kind, **fields)
    return status


def _redirect_output(log: Path) -> Any:
    """Send what this process and its libraries print to the log; return what was standard output."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    return answer


def _began(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except (psutil.Error, ValueError, OverflowError):
        return None


def _leave(status: int) -> NoReturn:
    """End the process; one of several without taking the interpreter apart.

    A thread of torch.distributed that asks for Python's lock meanwhile is ended by force, and that aborts the process
    ("terminate called without an active exception"): a run that had ended well was told as failed.
    """
    if Processes.of_environment().size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    _leave(main())
