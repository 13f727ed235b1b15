"""What each command does, from its words to its exit status. Imports are lazy: `--help` answers at once."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.terminal import tell_failure


class WrongUsage(Exception):
    """The words of a command do not fit together."""


def stopper(arguments: argparse.Namespace) -> Callable[[], bool]:
    """Return what tells whether a long command shall stop."""
    stop_file: Path | None = arguments.stop_file
    return lambda: stop_file is not None and stop_file.exists()


def demo(arguments: argparse.Namespace) -> int:
    """Do the whole job on the sample study."""
    from app import demo
    from app.terminal import JobEvents

    return demo.run_demo(
        arguments.out,
        arguments.base,
        JobEvents(arguments.json),
        stopper(arguments),
        epochs=arguments.epochs,
        window=not (arguments.no_window or arguments.json),
        as_json=arguments.json,
    )


def new_study(arguments: argparse.Namespace) -> None:
    """Create a study."""
    from app.study.codebook import Codebook
    from app.study.study import Study
    from app.terminal import print_json

    codebook = None
    if arguments.codebook is not None:
        codebook = Codebook.from_toml(Codebook.read_text(arguments.codebook))
    with Study.create(arguments.study, codebook) as study:
        leaves = [leaf.code for leaf in study.codebook.leaves]
        if arguments.json:
            print_json({"study": str(study.path), "name": study.name, "leaves": leaves})
        else:
            print(f"Created {study.path} with the classes {', '.join(leaves)}.")


def import_tables(arguments: argparse.Namespace) -> int:
    """Import tables of tweets; a file of which nothing could be taken in is a failure."""
    from app.study import groups, importing
    from app.study.study import Study
    from app.terminal import print_json

    reports = []
    useless = []
    with Study.open(arguments.study) as study:
        for file in arguments.files:
            report = importing.import_file(
                study, file, columns=arguments.columns or None, coder=arguments.coder, test=arguments.test
            )
            reports.append({"file": str(file)} | report.as_dict())
            if not report.accepted and not report.duplicates:
                useless.append(file.name)
            if not arguments.json:
                print(f"{file.name}: {report.summary()}")
                for row, reason in report.rejected[:20]:
                    print(f"  row {row}: {reason}")
                if len(report.rejected) > 20:
                    print(f"  … and {len(report.rejected) - 20} more (--json lists all)")
        similar = groups.keep_up(study)
        if similar is not None and not arguments.json:
            print(similar.summary())
    if arguments.json:
        print_json({"files": reports, "near_duplicates": similar.as_dict() if similar else None})
    if useless:
        tell_failure(f"Nothing could be taken in of {', '.join(useless)}.", False, "user")
    return 1 if useless else 0


def seal(arguments: argparse.Namespace) -> None:
    """Draw a sealed test set, or take the last drawing back."""
    from app.study import sealing
    from app.study.sealing_text import drawing_told
    from app.study.study import Study
    from app.study.tweets import NO_LANGUAGE
    from app.terminal import print_json, sealed_set_table

    asked = (arguments.per_language, arguments.seed)
    if arguments.take_back and (asked != (None, None) or arguments.languages):
        raise WrongUsage("--take-back goes with no other option")
    languages = ["" if code == NO_LANGUAGE else code for code in arguments.languages]
    with Study.open(arguments.study) as study:
        if arguments.take_back:
            report = {"taken_back": sealing.take_back(study)}
            told = f"{report['taken_back']:,} tweets are no longer sealed."
        else:
            drawing = sealing.draw(study, arguments.per_language, languages, arguments.seed)
            report, told = drawing.as_dict(), drawing_told(drawing)
        sealed = sealing.sealed_set(study)
    if arguments.json:
        print_json(report | {"sealed": sealed.as_dict()})
    else:
        print(f"{told}\n\n{sealed_set_table(sealed)}")


def merge_copies(arguments: argparse.Namespace) -> None:
    """Take in copies of a study."""
    from app.study import groups, merging
    from app.study.study import Study
    from app.terminal import print_json

    reports = []
    with Study.open(arguments.study) as study:
        for copy in arguments.copies:
            report = merging.merge(study, copy)
            reports.append({"file": str(copy)} | report.as_dict())
            if not arguments.json:
                print(f"{copy.name}: {report.summary()}")
                for what, ids in (
                    ("disputed now", report.disputed),
                    ("decided differently", report.decided_apart),
                    ("written differently", report.other_text),
                ):
                    for tweet_id in ids[:20]:
                        print(f"  {what}: {tweet_id}")
                    if len(ids) > 20:
                        print(f"  … and more {what} (--json lists up to {merging.MAX_TOLD:,})")
        groups.keep_up(study)
    if arguments.json:
        print_json({"files": reports})


def assign(arguments: argparse.Namespace) -> None:
    """Draw who codes what."""
    from app.study import assigning
    from app.study.study import Study
    from app.terminal import assignment_table, print_json

    with Study.open(arguments.study) as study:
        known = {coder.name: coder for coder in study.coders()}
        seed = assigning.new_seed() if arguments.seed is None else arguments.seed
        spec = assigning.Spec(
            coders=assigning.all_named(arguments.coders, known),
            seed=seed,
            tweets=arguments.tweets,
            double=arguments.double,
            per_tweet=arguments.per_tweet,
            languages=tuple(arguments.languages),
            sealed=arguments.sealed,
        )
        drawn = assigning.preview(study, spec)
        made = assigning.assign(study, spec, drawn, arguments.name)
    if arguments.json:
        counts = {
            "tweets": drawn.tweets,
            "several": drawn.several,
            "sealed": drawn.sealed,
            "coders": drawn.counts,
        }
        left = {"unread": drawn.unread, "single": drawn.single}
        print_json({"assignment": made.id, "name": made.name, "seed": seed} | counts | left)
    else:
        print(f"“{made.name}”, seed {seed}: {drawn.summary()}\n")
        print(assignment_table(drawn.counts))


def coders(arguments: argparse.Namespace) -> None:
    """List the coders of a study, and how far they are."""
    from dataclasses import asdict

    from app.study.coders import imported_labels, people
    from app.study.import_report import IMPORTED
    from app.study.study import Study
    from app.terminal import print_json, table

    with Study.open(arguments.study) as study:
        found, imported = people(study), imported_labels(study)
    if arguments.json:
        listed = [asdict(coder) | {"languages": list(coder.languages)} for coder in found]
        print_json({"coders": listed, "imported_labels": imported})
        return
    if not found:
        print("Nobody has coded in this study yet.")
    else:
        rows = [
            [c.name, ", ".join(c.languages) or "all", f"{c.labels:,}", f"{c.done:,} of {c.assigned:,}"]
            for c in found
        ]
        print(table(["coder", "reads", "labels", "assigned done"], rows))
    if imported:
        what = "1 label came" if imported == 1 else f"{imported:,} labels came"
        print(f"{what} with a file and {'stands' if imported == 1 else 'stand'} as “{IMPORTED}”.")


def find_duplicates(arguments: argparse.Namespace) -> int:
    """Group near-duplicates."""
    from app.study import groups
    from app.study.study import Study
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    with Study.open(arguments.study) as study:
        report = groups.find(
            study,
            progress=events.progress("duplicates", "tweets"),
            stop=stopper(arguments),
        )
    if report.stopped:
        tell_failure(report.summary(), arguments.json, "cancelled")
        return 1
    events.write("finished", **report.as_dict())
    if not arguments.json:
        print(report.summary())
    return 0


def classify(arguments: argparse.Namespace) -> int:
    """Classify the tweets of a study."""
    from app import untrained_commands
    from app.study import classification
    from app.study.study import Study
    from app.terminal import JobEvents

    if arguments.untrained is None and (arguments.examples or arguments.trial is not None):
        raise WrongUsage("--examples and --trial go with --untrained")
    events = JobEvents(arguments.json)
    terms = _cascade_terms(arguments)
    with Study.open(arguments.study) as study:
        model = arguments.model
        if arguments.untrained is not None:
            if arguments.trial is not None:
                return untrained_commands.try_out(study, arguments, events)
            model = untrained_commands.put_on_shelf(study, arguments, events)
        report = classification.classify_study(
            study,
            model,
            language=arguments.language,
            only_unlabelled=arguments.only == "unlabelled",
            limit=arguments.limit,
            again=arguments.again,
            cascade=terms,
            on_event=events.append,
            stop=stopper(arguments),
        )
    return _tell_classified(report, events, arguments.json)


def classify_file(arguments: argparse.Namespace) -> int:
    """Classify a file."""
    from app.study import file_classification
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    report = file_classification.classify_file(
        arguments.source,
        arguments.target,
        arguments.model,
        text_column=arguments.text_column,
        prefix=arguments.prefix,
        undecided_below=arguments.undecided_below,
        cascade=_cascade_terms(arguments),
        restart=arguments.restart,
        on_event=events.append,
        stop=stopper(arguments),
    )
    return _tell_classified(report, events, arguments.json)


def _cascade_terms(arguments: argparse.Namespace) -> Any:
    from app.study.cascade_planning import Terms

    return None if arguments.cascade is None else Terms.of_per_cent(arguments.cascade)


def _tell_classified(report: Any, events: Any, as_json: bool) -> int:
    from app.study import cascade_text
    from app.terminal import duration

    if report.stopped:
        tell_failure(report.summary(), as_json, "cancelled", **report.as_dict())
        return 1
    events.write("finished", **report.as_dict())
    if not as_json:
        print(report.summary())
        print(f"{report.per_second:.1f} tweets a second, {duration(report.seconds)} in all.")
        if report.cascade is not None:
            print(f"\n{cascade_text.outcome(report.cascade)}")
            if report.cascade["stage"] == "done":
                print(cascade_text.languages(report.cascade))
                print(
                    f"About {duration(report.cascade.get('seconds_saved', 0.0))} of the model's time were saved."
                )
                print(f"\nFor a methods section: {cascade_text.methods(report.cascade, report.model)}")
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a model."""
    from app.study import evaluation_report
    from app.study.study import Study
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    with Study.open(arguments.study) as study:
        report = evaluation_report.evaluate(study, arguments.model, events.append, stopper(arguments))
        questions = [question.code for question in study.codebook.questions]
    if report is None:
        tell_failure("Stopped before all rows were classified.", arguments.json, "cancelled")
        return 1
    events.write("finished", **report)
    if not arguments.json:
        from app.terminal import evaluation_table

        print(evaluation_table(report, questions))
    return 0


def light_model(arguments: argparse.Namespace) -> int:
    """Train the light model on the labels so far."""
    from app.study.light_training import train_light_model
    from app.study.study import Study
    from app.terminal import JobEvents, learning_text

    events = JobEvents(arguments.json)
    with Study.open(arguments.study) as study:
        scores = train_light_model(
            study,
            arguments.coder,
            arguments.languages,
            with_curve=not arguments.no_curve,
            on_event=events.append,
            stop=stopper(arguments),
        )
    if scores is None:
        tell_failure("Stopped before the light model was ready.", arguments.json, "cancelled")
        return 1
    events.write(
        "finished",
        labels=scores.labels,
        macro_f1=scores.macro_f1,
        looked_at=len(scores.ids),
        curve=None if scores.curve is None else scores.curve.as_dict(),
    )
    if not arguments.json:
        print(learning_text(scores))
    return 0


def agreement(arguments: argparse.Namespace) -> None:
    """Measure agreement between coders."""
    from app.study.agreement import measure_agreement
    from app.study.agreement_text import methods_text
    from app.study.study import Study
    from app.terminal import agreement_tables, print_json

    with Study.open(arguments.study) as study:
        report = measure_agreement(study, arguments.languages)
    if report.is_empty:
        raise UserError(
            "No tweet was labelled by two coders, so there is no agreement to measure.",
            "Let a second coder label some of the same tweets.",
        )
    if arguments.json:
        print_json(report.as_dict() | {"methods": methods_text(report)})
    else:
        print(agreement_tables(report))
        print(f"\n{methods_text(report)}")


def export(arguments: argparse.Namespace) -> None:
    """Write a study to a file."""
    from app.study import event_export, exporting
    from app.study.study import Study
    from app.terminal import JobEvents

    if arguments.events and arguments.undecided_below:
        raise WrongUsage("label events have no predictions: --events goes without --undecided-below")
    events = JobEvents(arguments.json)
    progress = events.progress("export", event_export.WHAT if arguments.events else "tweets")
    with Study.open(arguments.study) as study:
        if arguments.events:
            report = event_export.export_events(study, arguments.target, progress, stopper(arguments))
        else:
            report = exporting.export(
                study,
                arguments.target,
                progress,
                stopper(arguments),
                undecided_below=arguments.undecided_below,
            )
    events.write("finished", **report.as_dict())
    if not arguments.json:
        print(f"Wrote {report.rows:,} {report.what} to {report.path}")


def cost(arguments: argparse.Namespace) -> None:
    """Tell what a million tweets take here, beside an API."""
    from app.study import costs
    from app.terminal import print_json

    entered = costs.Assumptions(
        **{one.name: getattr(arguments, one.name) for one in fields(costs.Assumptions)}
    )
    found = costs.cost_of_a_million(arguments.tweets_per_second, entered)
    if arguments.json:
        print_json(found.as_dict())
    else:
        print(f"{found.summary()}\n\n{costs.assumed(entered)} {costs.price_source(entered)}")


def doctor(arguments: argparse.Namespace) -> int:
    """Say what this machine can do."""
    from app import doctor
    from app.terminal import print_json

    report = doctor.examine()
    if arguments.json:
        print_json(report)
    else:
        print(doctor.in_words(report))
    return 0


def open_window(arguments: argparse.Namespace) -> int:
    """Open a study in the window."""
    if not arguments.study.exists():
        raise UserError(f"There is no study {arguments.study}.", "Create one: stancedesk new STUDY")
    from app.gui.application import run as run_window

    return run_window([arguments.study])
