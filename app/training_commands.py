"""What `stancedesk train` does, here and by way of another machine, from its words to its exit status."""

import argparse
from typing import Any

from app.commands import WrongUsage, stopper
from app.terminal import tell_failure
from training.contract.spec import ONE_FILE

_DEFAULT_BASE = "smollm2-135m"


def train(arguments: argparse.Namespace) -> int:
    """Train a model and put it on the shelf, here or by way of another machine."""
    from app.study import training_runs, unfinished_runs
    from app.study.study import Study
    from app.terminal import JobEvents

    if arguments.without_base and arguments.export_run is None:
        raise WrongUsage("--without-base belongs to --export-run")
    events = JobEvents(arguments.json)
    chosen = (
        arguments.base,
        arguments.languages,
        arguments.name,
        arguments.spec,
        arguments.epochs,
        arguments.seed,
        arguments.one_file,
    )
    if arguments.resume is not None and any(chosen):
        raise WrongUsage("a training that goes on keeps its settings: --resume takes none")
    if arguments.keep_best and arguments.resume is None:
        raise WrongUsage("--keep-best goes with --resume")
    if arguments.resume is not None and (arguments.export_run or arguments.bring_back):
        raise WrongUsage("--resume goes on here: without --export-run and --bring-back")
    stop = stopper(arguments)
    if arguments.bring_back is not None:
        from app.study.run_return import bring_back

        with Study.open(arguments.study) as study:
            result = bring_back(study, arguments.bring_back, events.append, stop)
        return _tell_trained(result, events, arguments)
    settings = training_runs.read_settings(arguments.spec) if arguments.spec is not None else {}
    settings |= {
        name: getattr(arguments, name) for name in ("epochs", "seed") if getattr(arguments, name) is not None
    }
    if arguments.one_file:
        if settings.get("method", ONE_FILE) != ONE_FILE:
            raise WrongUsage(f"--one-file, but the settings ask for the method {settings['method']}")
        settings["method"] = ONE_FILE

    if arguments.check:
        return _check_training(arguments, settings, events)

    def resting() -> str:
        return unfinished_runs.halted_as(arguments.stop_file)

    with Study.open(arguments.study) as study:
        if arguments.export_run is not None:
            return _export_run(study, settings, events, arguments)
        if arguments.resume is not None:
            result = unfinished_runs.go_on(
                study, arguments.resume, events.append, stop, finish=arguments.keep_best, resting=resting
            )
        else:
            result = training_runs.train(
                study,
                arguments.base or _DEFAULT_BASE,
                arguments.languages,
                arguments.name,
                settings,
                events.append,
                stop,
                resting=resting,
            )
    return _tell_trained(result, events, arguments)


def _check_training(arguments: argparse.Namespace, settings: dict[str, Any], events: Any) -> int:
    from app.study import training_runs
    from app.study.study import Study
    from app.terminal import checks_text

    with Study.open(arguments.study) as study:
        found = training_runs.check(
            study,
            arguments.base or _DEFAULT_BASE,
            arguments.languages,
            settings,
            events.append,
            stopper(arguments),
            anew=True,
        )
    if found is None:
        tell_failure("Stopped before all was looked at.", arguments.json, "cancelled")
        return 1
    report = found.as_dict()
    events.write("finished", **report)
    if not arguments.json:
        print(checks_text(report["checks"]))
    return 0


def _export_run(study: Any, settings: dict[str, Any], events: Any, arguments: argparse.Namespace) -> int:
    from app.study.run_export import export_run

    exported = export_run(
        study,
        arguments.base or _DEFAULT_BASE,
        arguments.languages,
        arguments.name,
        settings,
        arguments.export_run,
        with_base=not arguments.without_base,
        progress=events.progress("export", "bytes"),
        stop=stopper(arguments),
    )
    if exported is None:
        tell_failure("Stopped before the run folder was written.", arguments.json, "cancelled")
        return 1
    events.write("finished", **exported.as_dict())
    if not arguments.json:
        print(f"The run folder of “{exported.model}” is {exported.folder} ({exported.size / 1e6:.0f} MB).")
        print(
            "It holds labelled tweets: take it only where these may be seen. README.txt in it says what to do."
        )
        print(f"Bring it back with: stancedesk train {arguments.study} --bring-back {arguments.export_run}")
    return 0


def _tell_trained(result: Any, events: Any, arguments: argparse.Namespace) -> int:
    from app.terminal import training_text

    if result is None:
        told = "Stopped before the model was ready; with --resume it goes on from where it was."
        tell_failure(told, arguments.json, "cancelled")
        return 1
    report = result.as_dict()
    events.write("finished", **report)
    if not arguments.json:
        print(f"\n{training_text(report)}")
    return 0
