"""What `stancedesk classify STUDY --untrained …` does before it classifies, or instead with --trial."""

import argparse
from typing import TYPE_CHECKING

from app.commands import stopper
from app.study import prompting, untrained_trial
from app.terminal import JobEvents, tell_failure, trial_text

if TYPE_CHECKING:
    from app.study.study import Study


def put_on_shelf(study: "Study", arguments: argparse.Namespace, events: JobEvents) -> str:
    """Put an untrained model with its prompt on the shelf, unless it is there, and return its name there."""
    from app.study.shelf import Shelf

    untrained = prompting.compose(study, arguments.untrained, arguments.examples, arguments.seed)
    placed = prompting.place(Shelf(), untrained, untrained_trial.check(untrained))
    told = "was put on the shelf" if placed.is_new else "is on the shelf"
    message = f"“{placed.name}” {told}. {untrained_trial.WARNING}"
    events.write("stage", stage="prompt", message=message)
    return placed.name


def try_out(study: "Study", arguments: argparse.Namespace, events: JobEvents) -> int:
    """Let an untrained model classify a few tweets and show what it says."""
    untrained = prompting.compose(study, arguments.untrained, arguments.examples, arguments.seed)
    trial = untrained_trial.run(
        study,
        untrained,
        number=arguments.trial,
        seed=arguments.seed,
        coder=arguments.coder or None,
        on_event=events.append,
        stop=stopper(arguments),
    )
    if trial is None:
        tell_failure("Stopped before the tweets were tried.", arguments.json, "cancelled")
        return 1
    events.write("finished", **trial.as_dict())
    if not arguments.json:
        print(trial_text(trial, untrained.title))
    return 0
