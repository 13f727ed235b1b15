"""The whole job on the sample study: import, train, convert, check, classify, evaluate, export."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.terminal import JobEvents, duration, evaluation_table

# Test rows: what no model learns from. Two fifths, so that thirteen languages have enough to pool.
TEST_SHARE = 0.4
SEED = 1


def run_demo(
    out: Path,
    base: str,
    events: JobEvents,
    stop: Callable[[], bool],
    *,
    epochs: int | None = None,
    window: bool = True,
    as_json: bool = False,
) -> int:
    """Do the whole job into the folder `out`; return the exit status."""
    from app.study import classification, evaluation_report, exporting, training_runs
    from app.study.study import Study

    begin = time.monotonic()
    path = _free_study(out)
    settings = {"seed": SEED} | ({} if epochs is None else {"epochs": epochs})
    with Study.create(path, name="Sample study") as study:
        events.write(
            "stage", stage="import", message="Importing the sample study: invented tweets in 13 languages."
        )
        counts = _import_sample(study)
        events.write(
            "stage",
            stage="split",
            message=f"{counts['tweets']} tweets with labels; {counts['test']} of them, drawn at random by "
            "language and class, are sealed as the test set, which the model never sees.",
        )
        trained = training_runs.train(study, base, [], "sample", settings, events.append, stop)
        if trained is None:
            raise UserError("The demo was stopped before the model was ready.", "Run it again when you like.")
        report = classification.classify_study(study, trained.model, on_event=events.append, stop=stop)
        scores = (
            None if report.stopped else evaluation_report.evaluate(study, trained.model, events.append, stop)
        )
        if scores is None:
            raise UserError("The demo was stopped while it classified.", "Run it again when you like.")
        events.write("stage", stage="export", message="Writing the labelled CSV.")
        exported = exporting.export(study, path.with_suffix(".csv"))
        questions = [question.code for question in study.codebook.questions]
    seconds = time.monotonic() - begin
    results: dict[str, Any] = {
        "study": str(path.resolve()),
        "csv": str(Path(exported.path).resolve()),
        "model": trained.as_dict(),
        "classified": report.as_dict(),
        "evaluation": scores,
        "seconds": seconds,
    }
    events.write("finished", **results)
    if as_json:
        return 0
    print(_summary(results, questions))
    if window and _has_display():
        from app.gui.application import run

        print("\nOpening the window on the result (close it to end the demo).", flush=True)
        return run([path])
    print(f"\nTo look at it: stancedesk open {path}")
    return 0


def _free_study(out: Path) -> Path:
    """Return a path for a new study in `out`; an earlier demo's study is never touched."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The folder {out} cannot be made: {error.strerror or error}.", "Choose another."
        ) from error
    path, number = out / "sample.stancedesk", 2
    while path.exists():
        path, number = out / f"sample-{number}.stancedesk", number + 1
    return path


def _import_sample(study: Any) -> dict[str, int]:
    """Import the sample tweets with their labels and draw the test rows; return how many there are."""
    import resources
    from app.study import groups, importing, sealing
    from app.study.sampling import groups_of, labelled_rows, split

    with resources.sample_study_file() as file:
        importing.import_file(study, file, coder="sample coder")
    groups.find(study)
    keyed = labelled_rows(study)
    keys = {row.id: key for key, row in keyed}
    _, test = split([row for _, row in keyed], TEST_SHARE, SEED, groups_of(study, keyed))
    sealing.seal_given(study, [keys[row.id] for row in test])
    return {"tweets": len(keyed), "test": len(test)}


def _summary(results: dict[str, Any], questions: list[str]) -> str:
    model, classified = results["model"], results["classified"]
    parity = model["parity"]
    lines = [
        "",
        evaluation_table(results["evaluation"], questions),
        "",
        f"Trained on {model['rows']['train']} tweets in {duration(model['training'].get('seconds', 0))}, "
        f"checked on {model['rows']['validation']}; classified {classified['predicted']} tweets, "
        f"{classified['per_second']:.1f} a second. {duration(results['seconds'])} in all.",
        f"Served in 4 bits, {model['form']} form. {parity['reason']}",
        "",
        f"Study        {results['study']}",
        f"Labelled CSV {results['csv']}",
        f"Model        {model['folder']}",
        f"Run folder   {model['run_folder']}",
    ]
    return "\n".join(lines)


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
