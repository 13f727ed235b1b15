"""What `stancedesk models …` does. Imports are lazy: `--help` answers at once."""

import argparse
import sys

from app.commands import stopper
from app.errors import UserError
from app.terminal import tell_failure


def list_models(arguments: argparse.Namespace) -> None:
    """List base models and fine-tuned models."""
    import psutil

    from app.study.base_models import Base, fit
    from app.study.shelf import Shelf
    from app.terminal import print_json, table

    shelf = Shelf()
    memory = psutil.virtual_memory().total
    if arguments.json:
        report = shelf.as_dict()
        for base in report["bases"]:
            base["fits"] = fit(Base(**base), memory)
        removed = [{"name": one.name, "size": one.size} for one in shelf.removed()]
        print_json(report | {"removed": removed})
        return
    fits = {"trains": "yes", "runs": "to classify", "too large": "no"}
    rows = [
        [b.name, _megabytes(b.size), b.licence, fits[fit(b, memory)], "ready" if b.available else b.missing]
        for b in shelf.bases()
    ]
    print(f"Base models (this machine has {memory / 1e9:.0f} GB of memory)\n")
    print(table(["name", "size", "licence", "fits here", "state"], rows, left=5))
    print("\nFine-tuned models\n")
    models = shelf.models()
    cells = [[m.name, _megabytes(m.size), m.form or m.problem, m.base, m.created, m.note] for m in models]
    print(
        table(["name", "size", "form", "base", "created", "note"], cells)
        if cells
        else "None yet: stancedesk train STUDY"
    )
    removed_names = ", ".join(one.name for one in shelf.removed())
    if removed_names:
        print(f"\nRemoved, can be brought back (stancedesk models bring-back NAME): {removed_names}")


def add(arguments: argparse.Namespace) -> int:
    """Add a fine-tuned model to the shelf, or a base: a GGUF file or a Hugging Face folder."""
    from app.study.base_making import add_base, is_fine_tuned
    from app.study.shelf import Shelf
    from app.terminal import JobEvents

    events = JobEvents(arguments.json)
    shelf = Shelf()
    source = arguments.source.expanduser()
    if is_fine_tuned(source):
        entry = shelf.place(source, arguments.name or shelf.free_name(source.stem))
        events.write("finished", added=entry.name, folder=str(entry.folder), kind="model")
        if not arguments.json:
            print(f"Added the model “{entry.name}”: {entry.folder}")
        return 0
    name = add_base(source, arguments.name, events.append, stopper(arguments))
    if name is None:
        tell_failure("Stopped before the base was ready.", arguments.json, "cancelled")
        return 1
    events.write("finished", added=name, kind="base")
    if not arguments.json:
        print(f"Added the base “{name}”. Train on it: stancedesk train STUDY --base {name}")
    return 0


def download(arguments: argparse.Namespace) -> int:
    """Download a base model from the Hugging Face Hub, once its licence was accepted."""
    from app.study import base_making, hub_token
    from app.study.base_models import list_bases
    from app.terminal import JobEvents

    token = ""
    if arguments.token_file is not None:
        read = hub_token.take_over if arguments.delete_token_file else hub_token.find
        token = read(arguments.token_file)
    else:
        token = hub_token.find()
    events = JobEvents(arguments.json)
    base = next((b for b in list_bases() if b.name == arguments.name and b.source == "hub"), None)
    if base is not None and not base.available:
        told = (
            f"{base.title}, {base.repository} at the Hugging Face Hub, {base.download_size / 1e9:.1f} GB.\n"
            f"Licence: {base.licence}, {base.licence_url}\n{base.terms}"
        )
        if not arguments.accept_licence:
            _ask_consent(told)
        elif not arguments.json:
            print(told, file=sys.stderr)
    if token and arguments.keep_token:
        hub_token.keep(token)
    name = base_making.download(arguments.name, token, events.append, stopper(arguments))
    if name is None:
        tell_failure("Stopped. What came in is kept: the next download goes on.", arguments.json, "cancelled")
        return 1
    events.write("finished", added=name, kind="base")
    if not arguments.json:
        print(f"The base “{name}” is ready. Train on it: stancedesk train STUDY --base {name}")
    return 0


def _ask_consent(told: str) -> None:
    refused = UserError(
        "Nothing was downloaded: the licence was not accepted.",
        "Read it, and say --accept-licence where nobody can be asked.",
    )
    print(told, file=sys.stderr)
    if not sys.stdin.isatty():
        raise refused
    print("Do you accept this licence? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise refused


def rename(arguments: argparse.Namespace) -> None:
    """Give a fine-tuned model another name."""
    from app.study.shelf import Shelf
    from app.terminal import print_json

    entry = Shelf().rename(arguments.name, arguments.wanted)
    if arguments.json:
        print_json({"renamed": arguments.name, "name": entry.name, "folder": str(entry.folder)})
    else:
        print(f"“{arguments.name}” is now “{entry.name}”.")


def note(arguments: argparse.Namespace) -> None:
    """Show or write the note on a fine-tuned model."""
    from app.study.shelf import Shelf
    from app.terminal import print_json

    shelf = Shelf()
    if arguments.text is not None:
        shelf.set_note(arguments.name, arguments.text)
    found = next((model.note for model in shelf.models() if model.name == arguments.name), None)
    if found is None:
        raise UserError(f"There is no model “{arguments.name}” on the shelf.")
    if arguments.json:
        print_json({"name": arguments.name, "note": found})
    else:
        print(found or "No note.")


def remove(arguments: argparse.Namespace) -> None:
    """Remove a fine-tuned model, or a base that was downloaded or added."""
    from app.study.base_models import remove_base
    from app.study.shelf import KEPT_DAYS, Shelf
    from app.terminal import print_json

    shelf = Shelf()
    kept = shelf.has(arguments.name) and not arguments.for_good
    if shelf.has(arguments.name):
        shelf.remove(arguments.name)
        if arguments.for_good:
            shelf.delete_removed(arguments.name)
    elif arguments.for_good and any(one.name == arguments.name for one in shelf.removed()):
        shelf.delete_removed(arguments.name)
    else:
        try:
            remove_base(arguments.name)
        except UserError as error:
            raise UserError(f"There is no model “{arguments.name}” on the shelf.", error.message) from error
    if arguments.json:
        print_json({"removed": arguments.name, "can_be_brought_back": kept})
    elif kept:
        print(
            f"Removed “{arguments.name}”. For {KEPT_DAYS} days it can be brought back: "
            f"stancedesk models bring-back {arguments.name}"
        )
    else:
        print(f"Deleted “{arguments.name}”.")


def bring_back(arguments: argparse.Namespace) -> None:
    """Put a removed model back on the shelf."""
    from app.study.shelf import Shelf
    from app.terminal import print_json

    entry = Shelf().bring_back(arguments.name)
    if arguments.json:
        print_json({"brought_back": entry.name, "folder": str(entry.folder)})
    else:
        print(f"“{entry.name}” is on the shelf again.")


def compare(arguments: argparse.Namespace) -> None:
    """Tell which tweets got another label than from another model."""
    from app.study import models
    from app.study.label_changes import changed_tweets, compare
    from app.study.shelf import Shelf
    from app.study.study import Study
    from app.terminal import print_json, table

    with Study.open(arguments.study) as study:
        models.follow_shelf(study, Shelf())
        report = compare(study, arguments.model, arguments.older)
        tweets = changed_tweets(study, arguments.model, report.older, limit=max(0, arguments.tweets))
    if arguments.json:
        listed = [
            {"id": t.row.tweet_id, "text": t.row.text, "before": t.before, "after": t.after, "confidence": t.confidence}
            for t in tweets
        ]  # fmt: skip
        print_json(report.as_dict() | {"tweets": listed})
        return
    share = 100 * report.changed / report.compared
    print(
        f"{report.changed:,} of {report.compared:,} tweets ({share:.1f} %) got another label from “{report.newer}” "
        f"than from “{report.older}”. Sealed tweets are left out.\n"
    )
    if report.pairs:
        rows = [[before, after, n] for (before, after), n in report.pairs.items()]
        print(table([report.older, report.newer, "tweets"], rows, left=2))
    for tweet in tweets:
        print(f"\n{tweet.row.tweet_id} ({tweet.row.lang or '–'}) {tweet.before} → {tweet.after}")
        print("  " + " ".join(tweet.row.text.split()))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
