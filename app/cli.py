"""Every command. What the window starts as a child, a shell can start too.

Exit status: 0, 1 for a failure told in one line on standard error, 2 for wrong usage. Each command
imports what it needs when it runs, so that `--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from app import __version__
from app.errors import UserError

COLUMNS = ("text", "id", "lang", "label", "author", "date")


class WrongUsage(Exception):
    """The words of a command do not fit together."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"stancedesk: {message}", file=sys.stderr)
        raise SystemExit(2)


def run(words: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    arguments = parser().parse_args(words)
    command: Callable[[argparse.Namespace], int | None] = arguments.run
    as_json = bool(getattr(arguments, "json", False)) and bool(getattr(arguments, "long", False))
    try:
        return command(arguments) or 0
    except WrongUsage as error:
        print(f"stancedesk: {error}", file=sys.stderr)
        return 2
    except UserError as error:
        _tell_failure(str(error), as_json, "user", next_step=error.next_step, sentence=error.message)
        return 1
    except KeyboardInterrupt:
        _tell_failure("Stopped.", as_json, "cancelled")
        return 1
    except BrokenPipeError:
        # The reader (`head`, a closed window) went away: nothing to tell, and nobody to tell it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        what = f" ({error.filename})" if error.filename else ""
        _tell_failure(f"The system refused: {error.strerror or error}{what}.", as_json, "user")
        return 1
    except Exception as error:
        return _tell_bug(error, as_json)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(
        prog="stancedesk",
        description="Label tweets, fine-tune a small language model, classify millions of tweets on your own "
        "machine. Without words: the window.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"StanceDesk {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = _add(commands, "demo", _demo, "the whole job on the sample study", long=True)
    demo.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the results")
    demo.add_argument("--base", default="gemma-3-270m", help="base model (default: gemma-3-270m)")
    demo.add_argument("--epochs", type=int, default=None, help="how often each training row is seen")
    demo.add_argument("--no-window", action="store_true", help="do not open the window on the result")

    new = _add(commands, "new", _new, "create a study")
    new.add_argument("study", type=Path, metavar="STUDY")
    new.add_argument(
        "--codebook", type=Path, help="a codebook in TOML (default: immigration topic and stance)"
    )

    imports = _add(commands, "import", _import, "import tweets from CSV files")
    imports.add_argument("study", type=Path, metavar="STUDY")
    imports.add_argument("files", type=Path, nargs="+", metavar="FILE")
    imports.add_argument(
        "--columns",
        type=_columns,
        default={},
        metavar="text=NAME,id=NAME,…",
        help=f"which column is what: {', '.join(COLUMNS)}",
    )
    imports.add_argument(
        "--coder", default="imported", help="whose labels the file holds (default: imported)"
    )
    imports.add_argument("--test", action="store_true", help="these are test rows: never trained on")

    train = _add(commands, "train", _train, "fine-tune a model on the labels", long=True)
    train.add_argument("study", type=Path, metavar="STUDY")
    train.add_argument("--base", default="smollm2-135m", help="base model by name, or a GGUF file")
    train.add_argument(
        "--languages", type=_words, default=[], metavar="en,es", help="train on these only (default: all)"
    )
    train.add_argument("--name", default="", help="name of the model on the shelf")
    train.add_argument(
        "--spec", type=Path, help="settings of the run in TOML (epochs, seed, learning_rate, …)"
    )
    train.add_argument("--epochs", type=int, help="how often each training row is seen")
    train.add_argument("--seed", type=int, help="seed of the split and the run")

    classify = _add(commands, "classify", _classify, "classify the tweets of a study", long=True)
    classify.add_argument("study", type=Path, metavar="STUDY")
    classify.add_argument("--model", required=True, help="a model's name on the shelf, its folder or file")
    classify.add_argument("--language", default="", help="only tweets in this language")
    classify.add_argument("--only", choices=("all", "unlabelled"), default="all", help="which tweets")
    classify.add_argument("--limit", type=int, help="at most so many tweets")
    classify.add_argument(
        "--again", action="store_true", help="also those that the model has classified before"
    )

    files = _add(
        commands, "classify-file", _classify_file, "classify a CSV, JSONL or Parquet file", long=True
    )
    files.add_argument("source", type=Path, metavar="IN")
    files.add_argument("target", type=Path, metavar="OUT")
    files.add_argument("--model", required=True, help="a model's name on the shelf, its folder or file")
    files.add_argument("--text-column", default="text", help="the column with the tweets (default: text)")
    files.add_argument("--prefix", default="", help="put before the names of the new columns")

    evaluate = _add(commands, "evaluate", _evaluate, "score a model per language", long=True)
    evaluate.add_argument("study", type=Path, metavar="STUDY")
    evaluate.add_argument("--model", required=True, help="a model's name on the shelf, its folder or file")

    export = _add(
        commands, "export", _export, "write the study as .csv .xlsx .parquet .jsonl .dta .sav", long=True
    )
    export.add_argument("study", type=Path, metavar="STUDY")
    export.add_argument("target", type=Path, metavar="OUT")

    models = _add(commands, "models", _models, "the models on this machine")
    models.add_argument("action", nargs="?", choices=("list", "add", "remove"), default="list")
    models.add_argument("model", nargs="?", help="add: a folder or file; remove: a name")
    models.add_argument("--name", default="", help="add: the name on the shelf")

    _add(commands, "doctor", _doctor, "what this machine can do, and what is missing")

    window = _add(commands, "open", _open, "open a study in the window", json=False)
    window.add_argument("study", type=Path, metavar="STUDY")
    return top


def _add(
    commands: Any,
    name: str,
    function: Callable[[argparse.Namespace], int | None],
    help: str,
    *,
    long: bool = False,
    json: bool = True,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help, allow_abbrev=False
    )
    command.set_defaults(run=function, long=long)
    if json:
        told = "events as JSON lines, the last with the results" if long else "the report as JSON"
        command.add_argument("--json", action="store_true", help=told)
    if long:
        command.add_argument("--stop-file", type=Path, metavar="FILE", help="stop when this file appears")
    return command


def _columns(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        role, equals, column = part.partition("=")
        if not equals or role.strip() not in COLUMNS:
            raise argparse.ArgumentTypeError(f"“{part}” is not one of {', '.join(f'{c}=…' for c in COLUMNS)}")
        found[role.strip()] = column.strip()
    return found


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _stopper(arguments: argparse.Namespace) -> Callable[[], bool]:
    stop_file: Path | None = arguments.stop_file
    return lambda: stop_file is not None and stop_file.exists()


def _tell_failure(message: str, as_json: bool, kind: str, **fields: Any) -> None:
    if as_json:
        from app.terminal import JobEvents

        if kind == "cancelled":
            JobEvents(True).write("cancelled")
        else:
            told = fields.pop("sentence", message)
            JobEvents(True).write("failed", message=told, kind=kind, **fields)
    print(f"stancedesk: {message}", file=sys.stderr)


def _tell_bug(error: Exception, as_json: bool) -> int:
    import traceback

    from app import paths

    report = "".join(traceback.format_exception(error))
    detail = str(getattr(error, "detail", "")) or report
    where = paths.data_folder() / "last-error.txt"
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(f"StanceDesk {__version__}\n{detail}\n", encoding="utf-8")
        report_at = f". The report to send is in {where}"
    except OSError:
        report_at = f"\n{detail}"
    told = f"This is a fault of StanceDesk, not yours: {type(error).__name__}: {error}{report_at}"
    _tell_failure(told, as_json, "bug", detail=detail)
    return 1


# The commands


def _demo(arguments: argparse.Namespace) -> int:
    from app import demo
    from app.terminal import JobEvents

    return demo.run_demo(
        arguments.out,
        arguments.base,
        JobEvents(arguments.json),
        _stopper(arguments),
        epochs=arguments.epochs,
        window=not (arguments.no_window or arguments.json),
        as_json=arguments.json,
    )


def _new(arguments: argparse.Namespace) -> None:
    from app.study.codebook import Codebook
    from app.study.study import Study
    from app.terminal import print_json

    codebook = None
    if arguments.codebook is not None:
        try:
            codebook = Codebook.from_toml(arguments.codebook.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            raise UserError(
                f"{arguments.codebook.name} is not a text file in UTF-8.", "Save it as UTF-8."
            ) from error
    with Study.create(arguments.study, codebook) as study:
        leaves = [leaf.code for leaf in study.codebook.leaves]
        if arguments.json:
            print_json({"study": str(study.path), "name": study.name, "leaves": leaves})
        else:
            print(f"Created {study.path} with the classes {', '.join(leaves)}.")


def _import(arguments: argparse.Namespace) -> None:
    from app.study import importing
    from app.study.study import Study
    from app.terminal import print_json

    reports = []
    with Study.open(arguments.study) as study:
        for file in arguments.files:
            report = importing.import_file(
                study, file, columns=arguments.columns or None, coder=arguments.coder, test=arguments.test
            )
            reports.append({"file": str(file)} | report.as_dict())
            if not arguments.json:
                print(f"{file.name}: {report.summary()}")
                for row, reason in report.rejected[:20]:
                    print(f"  row {row}: {reason}")
                if len(report.rejected) > 20:
                    print(f"  … and {len(report.rejected) - 20} more (--json lists all)")
    if arguments.json:
        print_json({"files": reports})


def _train(arguments: argparse.Namespace) -> int:
    from app.study import training_runs
    from app.study.study import Study
    from app.terminal import JobEvents, duration

    events = JobEvents(arguments.json)
    settings = training_runs.read_settings(arguments.spec) if arguments.spec is not None else {}
    settings |= {
        name: getattr(arguments, name) for name in ("epochs", "seed") if getattr(arguments, name) is not None
    }
    with Study.open(arguments.study) as study:
        result = training_runs.train(
            study,
            arguments.base,
            arguments.languages,
            arguments.name,
            settings,
            events.append,
            _stopper(arguments),
        )
    if result is None:
        _tell_failure("Stopped before the model was ready.", arguments.json, "cancelled")
        return 1
    report = result.as_dict()
    events.write("finished", **report)
    if not arguments.json:
        print(f"\nThe model “{report['model']}” is on the shelf: {report['folder']}")
        print(f"Served form: {report['form']}. {report['reason']}")
        scores = report["metrics"]["validation"]
        print(
            f"On {scores['n']} validation rows (also used to choose the epoch and to calibrate): "
            f"accuracy {scores['accuracy']:.3f}, macro-F1 {scores['macro_f1']:.3f}."
        )
        print(f"It took {duration(report['minutes'] * 60)}. Run folder: {report['run_folder']}")
    return 0


def _classify(arguments: argparse.Namespace) -> int:
    from app.study import classification
    from app.study.study import Study
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    with Study.open(arguments.study) as study:
        report = classification.classify_study(
            study,
            arguments.model,
            language=arguments.language,
            only_unlabelled=arguments.only == "unlabelled",
            limit=arguments.limit,
            again=arguments.again,
            on_event=events.append,
            stop=_stopper(arguments),
        )
    return _tell_classified(report, events, arguments.json)


def _classify_file(arguments: argparse.Namespace) -> int:
    from app.study import file_classification
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    report = file_classification.classify_file(
        arguments.source,
        arguments.target,
        arguments.model,
        text_column=arguments.text_column,
        prefix=arguments.prefix,
        on_event=events.append,
        stop=_stopper(arguments),
    )
    return _tell_classified(report, events, arguments.json)


def _tell_classified(report: Any, events: Any, as_json: bool) -> int:
    from app.terminal import duration

    if report.stopped:
        _tell_failure(report.summary(), as_json, "cancelled")
        return 1
    events.write("finished", **report.as_dict())
    if not as_json:
        print(report.summary())
        print(f"{report.per_second:.1f} tweets a second, {duration(report.seconds)} in all.")
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from app.study import evaluation_report
    from app.study.study import Study
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    with Study.open(arguments.study) as study:
        report = evaluation_report.evaluate(study, arguments.model, events.append, _stopper(arguments))
        questions = [question.code for question in study.codebook.questions]
    if report is None:
        _tell_failure("Stopped before all rows were classified.", arguments.json, "cancelled")
        return 1
    events.write("finished", **report)
    if not arguments.json:
        from app.terminal import evaluation_table

        print(evaluation_table(report, questions))
    return 0


def _export(arguments: argparse.Namespace) -> None:
    from app.study import exporting
    from app.study.study import Study
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    with Study.open(arguments.study) as study:
        report = exporting.export(
            study,
            arguments.target,
            progress=lambda done, total: events.write(
                "progress", stage="export", done=done, total=total, unit="tweets"
            ),
            stop=_stopper(arguments),
        )
    events.write("finished", **report.as_dict())
    if not arguments.json:
        print(f"Wrote {report.rows:,} tweets to {report.path}")


def _models(arguments: argparse.Namespace) -> None:
    from app.study.shelf import Shelf
    from app.terminal import print_json, table

    shelf = Shelf()
    if arguments.action == "add":
        if arguments.model is None:
            raise WrongUsage("models add needs the folder or file of a model")
        source = Path(arguments.model)
        entry = shelf.place(source, arguments.name or shelf.free_name(source.stem))
        print_json({"added": entry.name, "folder": str(entry.folder)}) if arguments.json else print(
            f"Added “{entry.name}”: {entry.folder}"
        )
        return
    if arguments.action == "remove":
        if arguments.model is None:
            raise WrongUsage("models remove needs the name of a model")
        shelf.remove(arguments.model)
        print_json({"removed": arguments.model}) if arguments.json else print(f"Removed “{arguments.model}”.")
        return
    if arguments.json:
        print_json(shelf.as_dict())
        return
    print("Base models\n")
    print(
        table(
            ["name", "size", "licence", "state"],
            [
                [b.name, f"{b.size / 1e6:.0f} MB", b.licence, "ready" if b.available else b.missing]
                for b in shelf.bases()
            ],
        )
    )
    print("\nFine-tuned models\n")
    rows = [
        [m.name, f"{m.size / 1e6:.0f} MB", m.form or m.problem, m.base, m.created] for m in shelf.models()
    ]
    print(
        table(["name", "size", "form", "base", "created"], rows)
        if rows
        else "None yet: stancedesk train STUDY"
    )


def _doctor(arguments: argparse.Namespace) -> int:
    from app import doctor
    from app.terminal import print_json

    report = doctor.examine()
    if arguments.json:
        print_json(report)
    else:
        print(doctor.in_words(report))
    return 0


def _open(arguments: argparse.Namespace) -> int:
    if not arguments.study.exists():
        raise UserError(f"There is no study {arguments.study}.", "Create one: stancedesk new STUDY")
    from app.gui.application import run as run_window

    return run_window([arguments.study])
