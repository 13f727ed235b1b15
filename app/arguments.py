"""The words of each command: what it takes, what it is called, what its help says."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from app import __version__, commands, models_commands, training_commands
from app.study.cascade_planning import USUAL_BOUND
from app.study.costs import Assumptions
from app.study.import_report import IMPORTED

COLUMNS = ("text", "id", "lang", "label", "author", "date")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"stancedesk: {message}", file=sys.stderr)
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(
        prog="stancedesk",
        description="Label tweets, fine-tune a small language model, classify millions of tweets on your own "
        "machine. Without words: the window.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"StanceDesk {__version__}")
    subcommands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_studies(subcommands)
    _add_coding(subcommands)
    _add_training(subcommands)
    _add_classification(subcommands)
    _add_results(subcommands)
    _add_models(subcommands)
    _add_cost(subcommands)
    _add(subcommands, "doctor", commands.doctor, "what this machine can do, and what is missing")

    window = _add(subcommands, "open", commands.open_window, "open a study in the window", json=False)
    window.add_argument("study", type=Path, metavar="STUDY")
    return top


def _add_studies(subcommands: Any) -> None:
    """Add what makes a study: the demo's, a new one's, its tweets and its sealed test set."""
    demo = _add(subcommands, "demo", commands.demo, "the whole job on the sample study", long=True)
    demo.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the results")
    demo.add_argument("--base", default="gemma-3-270m", help="base model (default: gemma-3-270m)")
    demo.add_argument("--epochs", type=int, default=None, help="how often each training row is seen")
    demo.add_argument("--no-window", action="store_true", help="do not open the window on the result")

    new = _add(subcommands, "new", commands.new_study, "create a study")
    new.add_argument("study", type=Path, metavar="STUDY")
    new.add_argument(
        "--codebook", type=Path, help="a codebook in TOML (default: immigration topic and stance)"
    )

    imports = _add(
        subcommands,
        "import",
        commands.import_tables,
        "import tweets from CSV, Excel, Parquet or JSON lines files",
    )
    imports.add_argument("study", type=Path, metavar="STUDY")
    imports.add_argument("files", type=Path, nargs="+", metavar="FILE")
    imports.add_argument(
        "--columns",
        type=_columns,
        default={},
        metavar="text=NAME,id=NAME,…",
        help=f"which column is what: {', '.join(COLUMNS)}; those not named are guessed, “label=” leaves labels out",
    )
    imports.add_argument("--coder", default=IMPORTED, help="whose labels the file holds (default: imported)")
    imports.add_argument("--test", action="store_true", help="put these tweets into the sealed test set")

    seal = _add(subcommands, "seal", commands.seal, "draw a sealed test set before anybody labels")
    seal.add_argument("study", type=Path, metavar="STUDY")
    seal.add_argument(
        "--per-language",
        type=int,
        default=None,
        metavar="N",
        help="draw until each language has so many test tweets (default: 100, or a third of a small study)",
    )
    seal.add_argument(
        "--languages", type=_words, default=[], metavar="en,es", help="in these only (default: all)"
    )
    seal.add_argument("--seed", type=int, help="draw as another drawing with this seed (default: a new one)")
    seal.add_argument(
        "--take-back",
        action="store_true",
        help="take the seal off the last drawing, while nothing is labelled",
    )


def _add_coding(subcommands: Any) -> None:
    """Add what coders need: copies, assignments, near-duplicates."""
    merge = _add(subcommands, "merge", commands.merge_copies, "take in copies of a study that come back")
    merge.add_argument("study", type=Path, metavar="STUDY")
    merge.add_argument("copies", type=Path, nargs="+", metavar="COPY")

    assign = _add(subcommands, "assign", commands.assign, "divide tweets among coders, with a seed")
    assign.add_argument("study", type=Path, metavar="STUDY")
    assign.add_argument("--coders", type=_words, required=True, metavar="Ana,Ben", help="who codes")
    assign.add_argument("--tweets", type=int, help="how many tweets (default: all that nobody has labelled)")
    assign.add_argument(
        "--double", type=float, default=0.0, help="the share coded by several, 0 to 1 (default: 0)"
    )
    assign.add_argument(
        "--per-tweet", type=int, default=2, help="how many code each of that share (default: 2)"
    )
    assign.add_argument("--seed", type=int, help="the same seed draws the same (default: a new one)")
    assign.add_argument(
        "--languages", type=_words, default=[], metavar="en,es", help="tweets in these only (default: all)"
    )
    assign.add_argument(
        "--sealed", type=_coders_per_tweet, default=0, metavar="all|K",
        help="the whole sealed test set, too: each tweet by all who read it, or by K",
    )  # fmt: skip
    assign.add_argument("--name", default="", help="name of the assignment")

    coders = _add(subcommands, "coders", commands.coders, "the coders of a study, and how far they are")
    coders.add_argument("study", type=Path, metavar="STUDY")

    duplicates = _add(
        subcommands,
        "duplicates",
        commands.find_duplicates,
        "group near-duplicates: retweets, copies with another link or handle",
        long=True,
    )
    duplicates.add_argument("study", type=Path, metavar="STUDY")


def _add_training(subcommands: Any) -> None:
    """Add `train`."""
    train = _add(subcommands, "train", training_commands.train, "fine-tune a model on the labels", long=True)
    train.add_argument("study", type=Path, metavar="STUDY")
    train.add_argument(
        "--base",
        default="",
        help="base model by name, a GGUF file, or a Hugging Face folder (default: smollm2-135m)",
    )
    train.add_argument(
        "--languages", type=_words, default=[], metavar="en,es", help="train on these only (default: all)"
    )
    train.add_argument("--name", default="", help="name of the model on the shelf")
    train.add_argument(
        "--spec", type=Path, help="settings of the run in TOML (epochs, seed, learning_rate, …)"
    )
    train.add_argument("--epochs", type=int, help="how often each training row is seen")
    train.add_argument("--seed", type=int, help="seed of the split and the run")
    train.add_argument(
        "--one-file",
        action="store_true",
        help="train the scales of the base's own 4-bit blocks instead of an adapter: one file, faster to classify",
    )
    train.add_argument(
        "--check",
        action="store_true",
        help="train nothing yet: look at labels, memory and disk, try the longest tweets, tell time and energy",
    )
    train.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="RUN",
        help="let a training go on that was stopped, paused or cut off: by name (default: the newest)",
    )
    train.add_argument(
        "--keep-best",
        action="store_true",
        help="with --resume: learn nothing more, make a model of the best so far",
    )
    elsewhere = train.add_mutually_exclusive_group()
    elsewhere.add_argument(
        "--export-run",
        type=Path,
        metavar="DIR",
        help="do not train here: write a folder that any machine with Python can train",
    )
    elsewhere.add_argument(
        "--bring-back",
        type=Path,
        metavar="DIR",
        help="take in such a folder when it is trained, check its model and put it on the shelf",
    )
    train.add_argument(
        "--without-base",
        action="store_true",
        help="with --export-run: leave the base model's file out; it is given there with --base",
    )


def _add_classification(subcommands: Any) -> None:
    """Add `classify`, for a study, and `classify-file`, for any table."""
    classify = _add(subcommands, "classify", commands.classify, "classify the tweets of a study", long=True)
    classify.add_argument("study", type=Path, metavar="STUDY")
    which = classify.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="a model's name on the shelf, its folder or file")
    which.add_argument(
        "--untrained",
        metavar="BASE",
        help="a base by name, or any GGUF file, asked with the study's codebook",
    )
    classify.add_argument(
        "--examples", type=int, default=0, metavar="N",
        help="with --untrained: show it so many labelled tweets (default: none)",
    )  # fmt: skip
    classify.add_argument(
        "--seed", type=int, default=1, help="with --untrained: the same seed picks the same examples"
    )
    classify.add_argument(
        "--trial", type=_trial_tweets, metavar="N",
        help="with --untrained: classify N random tweets, show them, write nothing",
    )  # fmt: skip
    classify.add_argument(
        "--coder",
        default="",
        help="with --trial: show the labels as this coder, blind to others, may see them",
    )
    classify.add_argument("--language", default="", help="only tweets in this language")
    classify.add_argument("--only", choices=("all", "unlabelled"), default="all", help="which tweets")
    classify.add_argument("--limit", type=int, help="classify at most so many tweets")
    classify.add_argument(
        "--again", action="store_true", help="also those that the model has classified before"
    )
    _add_cascade(classify, "; without it, the model itself does what a light model settled before")

    files = _add(
        subcommands,
        "classify-file",
        commands.classify_file,
        "classify a CSV, JSONL or Parquet file of any size; stopped or killed, the same command goes on",
        long=True,
    )
    files.add_argument("source", type=Path, metavar="IN")
    files.add_argument("target", type=Path, metavar="OUT")
    files.add_argument("--model", required=True, help="a model's name on the shelf, its folder or file")
    files.add_argument("--text-column", default="text", help="the column with the tweets (default: text)")
    files.add_argument("--prefix", default="", help="put before the names of the new columns")
    files.add_argument(
        "--undecided-below",
        type=_share,
        default=0.0,
        metavar="P",
        help="label rows “undecided” whose confidence, 0 to 1, is below this (default: none)",
    )
    _add_cascade(files)
    files.add_argument(
        "--restart",
        action="store_true",
        help="throw away what an earlier start for this output left in OUT.part",
    )


def _add_results(subcommands: Any) -> None:
    """Add what tells and writes what came of it: scores, agreement, tables."""
    evaluate = _add(subcommands, "evaluate", commands.evaluate, "score a model per language", long=True)
    evaluate.add_argument("study", type=Path, metavar="STUDY")
    evaluate.add_argument("--model", required=True, help="a model's name on the shelf, its folder or file")

    light = _add(
        subcommands,
        "light-model",
        commands.light_model,
        "learn from the labels so far: what to label next, and how much more would help",
        long=True,
    )
    light.add_argument("study", type=Path, metavar="STUDY")
    light.add_argument("--coder", default="", help="begin with the tweets that this coder would get next")
    light.add_argument(
        "--languages",
        type=_words,
        default=[],
        metavar="en,es",
        help="look at tweets in these only (default: all)",
    )
    light.add_argument(
        "--no-curve", action="store_true", help="leave the learning curve out: it takes longest"
    )

    agreement = _add(subcommands, "agreement", commands.agreement, "how far the coders of a study agree")
    agreement.add_argument("study", type=Path, metavar="STUDY")
    agreement.add_argument(
        "--languages", type=_words, default=[], metavar="en,es", help="tweets in these only (default: all)"
    )

    export = _add(
        subcommands,
        "export",
        commands.export,
        "write the study as .csv .xlsx .parquet .jsonl .dta .sav",
        long=True,
    )
    export.add_argument("study", type=Path, metavar="STUDY")
    export.add_argument("target", type=Path, metavar="OUT")
    export.add_argument(
        "--events",
        action="store_true",
        help="a row for each label event (who, what, when, undone or not) in place of each tweet",
    )
    export.add_argument(
        "--undecided-below",
        type=_share,
        default=0.0,
        metavar="P",
        help="write “undecided” as the predicted label where the confidence is below P, 0 to 1 (default: 0)",
    )


def _add_cascade(command: argparse.ArgumentParser, without: str = "") -> None:
    command.add_argument(
        "--cascade",
        type=float,
        nargs="?",
        const=USUAL_BOUND,
        metavar="PERCENT",
        help="let a light model settle what is surely unrelated: of the tweets that the model would call related, "
        f"at most so many per cent are lost ({USUAL_BOUND:g} where no number is given){without}",
    )


def _add_cost(subcommands: Any) -> None:
    """Add `cost`, an option for each figure that it rests on."""
    cost = _add(subcommands, "cost", commands.cost, "what a million tweets cost here, beside an API")
    cost.add_argument(
        "--tweets-per-second", type=float, required=True, metavar="N", help="the speed that `classify` shows"
    )
    for one in fields(Assumptions):
        number = one.name != "currency"
        default = f"{one.default:g}" if number else one.default
        cost.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=float if number else str,
            default=one.default,
            metavar="N" if number else "SIGN",
            help=f"{one.metadata['words']} (default: {default})",
        )


def _add_models(subcommands: Any) -> None:
    """Add `models` and what can be done with them; without a word it lists them."""
    top = _add(subcommands, "models", models_commands.list_models, "the models on this machine")
    acts = top.add_subparsers(title="what to do", metavar="ACT")
    _add(acts, "list", models_commands.list_models, "list base models and fine-tuned models")
    add = _add(
        acts,
        "add",
        models_commands.add,
        "add a model, or a base (GGUF file, Hugging Face folder)",
        long=True,
    )
    add.add_argument("source", type=Path, metavar="PATH")
    add.add_argument("--name", default="", help="its name on the shelf")
    download = _add(
        acts,
        "download",
        models_commands.download,
        "download a base from the Hugging Face Hub",
        long=True,
    )
    download.add_argument("name", metavar="NAME", help="llama-3.2-1b, llama-3.2-3b")
    download.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help="a file with your token for the Hub (else HF_TOKEN, else the kept one)",
    )  # fmt: skip
    download.add_argument("--keep-token", action="store_true", help="keep the token for later downloads")
    download.add_argument("--delete-token-file", action="store_true", help="delete the file once it was read")
    download.add_argument(
        "--accept-licence", action="store_true", help="you have read the licence and accept it"
    )
    rename = _add(acts, "rename", models_commands.rename, "give a fine-tuned model another name")
    rename.add_argument("name", metavar="NAME")
    rename.add_argument("wanted", metavar="NEW")
    note = _add(acts, "note", models_commands.note, "show or write the note on a fine-tuned model")
    note.add_argument("name", metavar="NAME")
    note.add_argument("text", nargs="?", metavar="TEXT", help="what to note; an empty text deletes the note")
    remove = _add(
        acts, "remove", models_commands.remove, "remove a fine-tuned model, or a base that was added"
    )
    remove.add_argument("name", metavar="NAME")
    remove.add_argument(
        "--for-good", action="store_true", help="delete it at once; it cannot be brought back"
    )
    back = _add(acts, "bring-back", models_commands.bring_back, "put a removed model back on the shelf")
    back.add_argument("name", metavar="NAME")
    compare = _add(
        acts, "compare", models_commands.compare, "which tweets got another label than from another model"
    )
    compare.add_argument("study", type=Path, metavar="STUDY")
    compare.add_argument("--model", required=True, help="the newer model")
    compare.add_argument("--with", dest="older", default="", metavar="MODEL", help="the older one")
    compare.add_argument(
        "--tweets", type=int, default=20, metavar="N", help="list so many tweets (default: 20)"
    )


def _add(
    subcommands: Any,
    name: str,
    function: Callable[[argparse.Namespace], int | None],
    help: str,
    *,
    long: bool = False,
    json: bool = True,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = subcommands.add_parser(
        name, help=help, description=help, allow_abbrev=False
    )
    command.set_defaults(run=function, long=long)
    if json:
        told = "events as JSON lines, the last with the results" if long else "the report as JSON"
        # Not False by default: an act of `models` would take back what stands before it.
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=told)
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


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"“{text}” is no number from 0 to 1")
    return share


def _coders_per_tweet(text: str) -> int:
    from app.study.drawing import EVERYONE

    if text == "all":
        return EVERYONE
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"“{text}” is neither “all” nor a number of coders")
    return int(text)


def _trial_tweets(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"“{text}” is no number from 1 to 1000")
    return int(text)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
