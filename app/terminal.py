"""What commands show: events as progress on a terminal or as JSON lines, tables, and durations in words."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from training.contract.events import EventLog, make_event

if TYPE_CHECKING:
    from app.study.agreement import AgreementReport, Estimates
    from app.study.agreement_measures import Estimate
    from app.study.confidence import Reliability
    from app.study.light_scores import LightScores
    from app.study.sealing import SealedSet
    from app.study.untrained_trial import Trial

_QUIET_SECONDS = 10.0
_PROGRESS_SECONDS = 0.1
_SHARES = ("share right", "from", "to")


class TerminalProgress:
    """Shows events to a person, on standard error so that standard output stays clean.

    On a terminal one line is rewritten; elsewhere a line is printed every ten seconds.
    """

    def __init__(self) -> None:
        self._rewrites = sys.stderr.isatty()
        self._last = 0.0
        self._open_line = False

    def append(self, event: dict[str, Any]) -> None:
        """Show one event."""
        kind = event["event"]
        if kind == "progress":
            self._show_progress(event)
            return
        line = _line_of(event)
        if line:
            self._end_line()
            print(line, file=sys.stderr, flush=True)

    def _show_progress(self, event: dict[str, Any]) -> None:
        now = time.monotonic()
        finished = event.get("done") == event.get("total")
        if now - self._last < (0.1 if self._rewrites else _QUIET_SECONDS) and not finished:
            return
        self._last = now
        done, total, unit = event.get("done", 0), event.get("total", 0), event.get("unit", "")
        parts = [f"  {done:,} of {total:,} {unit}" if total else f"  {done:,} {unit}"]
        if event.get("loss") is not None:
            parts.append(f"loss {event['loss']:.3f}")
        if event.get("rate"):
            parts.append(f"{event['rate']:.1f} a second")
        if event.get("seconds_left") is not None and not finished:
            parts.append(f"{duration(event['seconds_left'])} left")
        line = " · ".join(parts)
        if self._rewrites:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            self._open_line = True
        else:
            print(line, file=sys.stderr, flush=True)

    def _end_line(self) -> None:
        if self._open_line:
            print(file=sys.stderr)
            self._open_line = False


class JobEvents:
    """Where a long command's events go: JSON lines for a program that listens, or a person's terminal."""

    def __init__(self, as_json: bool) -> None:
        self._sink: EventLog | TerminalProgress = (
            EventLog(None, sys.stdout) if as_json else TerminalProgress()
        )

    def append(self, event: dict[str, Any]) -> None:
        """Pass on an event that was made elsewhere."""
        self._sink.append(event)

    def write(self, kind: str, /, **fields: Any) -> None:
        """Make an event and pass it on."""
        self.append(make_event(kind, **fields))

    def progress(self, stage: str, unit: str) -> Callable[[int, int], None]:
        """Return what a stage tells (done, in all): passed on some times a second, the first and the last always."""
        last = float("-inf")

        def tell(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _PROGRESS_SECONDS or done == total:
                last = now
                self.write("progress", stage=stage, done=done, total=total, unit=unit)

        return tell


def _line_of(event: dict[str, Any]) -> str:
    match event["event"]:
        case "stage":
            return str(event.get("message", "")) + (_idle_gpu() if event.get("unused_gpu") else "")
        case "evaluated":
            return f"  epoch {event['epoch']}: macro-F1 {event['macro_f1']:.3f} on the validation rows"
        case "warning":
            return f"Note: {event['message']}"
        case "checked" if event["state"] == "warning" or event["what"] == "time":
            return _check_line(event["state"], event["message"], event["next_step"])
        case _:
            return ""


def _idle_gpu() -> str:
    from app.inference.machine import UNUSED_GPU, UNUSED_GPU_STEP

    return f"\n⚠ {UNUSED_GPU} {UNUSED_GPU_STEP}"


def trial_text(trial: "Trial", title: str) -> str:
    """Return what an untrained model said of a few tweets, beside the coders' labels."""
    from app.study.untrained_trial import WARNING

    rows = [
        [one.predicted, f"{one.confidence:.2f}", one.label, one.lang, " ".join(one.text.split())[:60]]
        for one in trial.tried
    ]
    right, labelled = trial.compared
    told = f"As the coders say on {right} of {labelled} labelled tweets. " if labelled else ""
    return (
        f"“{title}”\n\n{table(['says', 'sure', 'coders', 'lang', 'tweet'], rows, left=5)}\n\n{told}{WARNING}\n"
        f"{trial.per_second:.1f} tweets a second on the {trial.device}, the codebook read once."
    )


def _check_line(state: str, sentence: str, next_step: str) -> str:
    sign = {"ok": "✓", "warning": "⚠", "stop": "✕"}[state]
    return f"{sign} {sentence} {next_step}".rstrip()


def checks_text(checks: Sequence[dict[str, Any]]) -> str:
    """Return what was looked at before a training run, a line each."""
    return "\n".join(_check_line(one["state"], one["sentence"], one["next_step"]) for one in checks)


def print_json(values: Any) -> None:
    """Print one JSON object on standard output."""
    print(json.dumps(values, ensure_ascii=False, indent=2, default=str))


def duration(seconds: float) -> str:
    """Return a duration in words, to two units: ``1 h 5 min``, ``3 min 20 s``, ``12 s``."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {rest} s"
    return f"{rest} s"


def table(header: Sequence[str], rows: Sequence[Sequence[object]], left: int = 1) -> str:
    """Return rows as an aligned table; the first `left` columns are set left, the others right."""
    cells = [list(header)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        columns = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(columns).rstrip())
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return (
        f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )


def evaluation_table(report: dict[str, Any], questions: Sequence[str]) -> str:
    """Return an evaluation as text: overall, seen and unseen languages, then each language."""
    scores = ["accuracy", "macro_f1", *(f"{question}_macro_f1" for question in questions)]
    header = ["", "n", "accuracy", "macro-F1", *(f"{question} macro-F1" for question in questions)]
    rows: list[list[object]] = [
        ["all languages", report["overall"]["n"], *(report["overall"][s] for s in scores)]
    ]
    for name in ("seen", "unseen"):
        if report[name]["n"] and report["unseen"]["n"]:
            rows.append(
                [f"languages {name} in training", report[name]["n"], *(report[name][s] for s in scores)]
            )
    few = False
    for language, one in report["languages"].items():
        few = few or one["few"]
        name = language or "no language"
        rows.append([f"{name}{' *' if one['few'] else ''}", one["n"], *(one[s] for s in scores)])
    lines = [f"Model “{report['model']}”. {report['note']}", "", table(header, rows)]
    if few:
        lines.append("* few rows: this language's scores are anecdotes; compare the pooled ones.")
    lines += ["", confidence_text(report["confidence"])]
    if report["look"] is not None:
        lines += ["", report["look"]["told"], f"For a paper: {report['look']['sentence']}"]
    return "\n".join(lines)


def confidence_text(report: dict[str, Any]) -> str:
    """Return what an evaluation says of confidence: the bins, then the consequence of thresholds."""
    from app.study.confidence import Answers, Reliability
    from app.study.confidence_report import (
        CLASSES_TOLD,
        FEW_THRESHOLDS,
        class_rows,
        language_rows,
        threshold_rows,
    )

    answers, told = Answers.of_rows(report["answers"]), report["told"]
    found = Reliability.from_dict(report["reliability"])
    lines = [_reliability_text(found, told["calibration"])]
    if not found.n:
        return lines[0]
    header = ["undecided below", "decided", "share decided", *_SHARES, "macro-F1"]
    lines += ["", table(header, threshold_rows(answers)), told["thresholds"]]
    columns = ["n", *(f"{what} at {t}" for t in FEW_THRESHOLDS for what in ("decided", "right"))]
    lines += ["", table(["class", *columns], class_rows(answers)), CLASSES_TOLD, ""]
    if languages := language_rows(answers):
        lines.append(table(["language", *columns], languages))
    return "\n".join([*lines, told["languages"]]).rstrip()


def training_text(report: dict[str, Any]) -> str:
    """Return how a training ended: the model, its scores, and what its confidence is worth."""
    from app.study.confidence_report import confidence_of_training

    scores = report["metrics"]["validation"]
    return "\n".join(
        [
            f"The model “{report['model']}” is on the shelf: {report['folder']}",
            f"Served form: {report['form']}. {report['reason']}",
            f"On {scores['n']} validation rows (also used to choose the epoch and to calibrate): "
            f"accuracy {scores['accuracy']:.3f}, macro-F1 {scores['macro_f1']:.3f}.",
            "",
            _reliability_text(*confidence_of_training(report["metrics"])),
            "",
            f"It took {duration(report['minutes'] * 60)}. Run folder: {report['run_folder']}",
        ]
    )


def _reliability_text(found: "Reliability | None", told: str) -> str:
    """Return how far confidence can be believed: sentences, then a row for each bin of the reliability diagram."""
    from app.study.confidence_report import reliability_rows

    bins = reliability_rows(found) if found is not None else []
    shown = f"\n\n{table(['confidence', 'n', 'mean', *_SHARES], bins)}" if bins else ""
    return f"Confidence\n\n{told}{shown}"


def sealed_set_table(sealed: "SealedSet") -> str:
    """Return the sealed test set as text: each language's test tweets and how many are labelled, then the looks."""
    from app.study.sealing_text import looks_told

    if not sealed.tweets:
        return "No tweet is sealed."
    rows = [
        [code or "no language", number, labelled] for code, (labelled, number) in sealed.languages.items()
    ]
    rows.append(["all languages", sealed.tweets, sealed.labelled])
    return f"{table(['', 'test tweets', 'labelled'], rows)}\n\n{looks_told(sealed.looks)}"


def agreement_tables(report: "AgreementReport") -> str:
    """Return agreement as text: a table a question with all languages, each language, pair and coder."""
    from app.study.agreement_measures import EXPLANATIONS, MEASURES, NAMES

    lines = []
    for question in report.questions:
        rows = [("all tweets", question.overall)]
        if len(question.languages) > 1:
            rows += [(language or "no language", one) for language, one in question.languages.items()]
        if len(question.pairs) > 1:
            rows += [(f"{pair.first} × {pair.second}", pair.estimates) for pair in question.pairs]
        rows += [(f"{one.coder}, the same tweet twice", one.estimates) for one in question.repeats]
        cells = [[name, _units(found), *(_interval(found[m]) for m in MEASURES)] for name, found in rows]
        lines += [question.name, "", table(["", "n", *(NAMES[m] for m in MEASURES)], cells), ""]
        lines += [f"{remark} {', '.join(where)}" for remark, where in _remarks(rows).items()]
        lines += [""] if lines[-1] else []
    lines += [f"{NAMES[measure]}: {EXPLANATIONS[measure]}" for measure in MEASURES]
    return "\n".join(lines)


def assignment_table(counts: dict[str, dict[str, int]]) -> str:
    """Return how many tweets of each language each coder gets, from {coder: {language: tweets}}, as a table."""
    languages = sorted({lang for each in counts.values() for lang in each})
    rows = [
        [name, *(each.get(lang, 0) for lang in languages), sum(each.values())]
        for name, each in counts.items()
    ]
    return table(["coder", *(lang or "no language" for lang in languages), "all"], rows)


def _units(found: "Estimates") -> int:
    return next(iter(found.values())).n


def _interval(estimate: "Estimate") -> str:
    from app.study.agreement_text import figure

    if estimate.value is None:
        return "–"
    value = figure(estimate, estimate.value)
    if estimate.low is not None and estimate.high is not None:
        value = f"{value} [{figure(estimate, estimate.low)}, {figure(estimate, estimate.high)}]"
    return f"{value} *" if estimate.note else value


def _remarks(rows: "Sequence[tuple[str, Estimates]]") -> dict[str, list[str]]:
    """Return {sentence: [row (measures)]}: why there is a dash, and how far to trust what has a star."""
    from app.study.agreement_measures import NAMES

    found: dict[str, list[str]] = {}
    for name, estimates in rows:
        said: dict[str, list[str]] = {}
        for estimate in estimates.values():
            for sign, sentence in (("–", estimate.undefined), ("*", estimate.note)):
                if sentence:
                    said.setdefault(f"{sign} {sentence}", []).append(NAMES[estimate.measure])
        for remark, measures in said.items():
            told = name if len(measures) == len(estimates) else f"{name} ({', '.join(measures)})"
            found.setdefault(remark, []).append(told)
    return found


def learning_text(scores: "LightScores") -> str:
    """Return what the light model has learnt, and what more labels would add."""
    lines = [
        f"The light model learnt from {scores.labels:,} labels and looked at {len(scores.ids):,} tweets."
    ]
    if scores.macro_f1 is not None:
        lines.append(f"Macro-F1, cross-validated: {scores.macro_f1:.3f}.")
    curve = scores.curve
    if curve is None:
        return "\n".join(lines)
    if not curve.points:
        lines.append("It is too early to say how much more labels would help.")
    else:
        rows = [[point.labels, point.macro_f1, point.low, point.high] for point in curve.points]
        lines += ["", table(["labels", "macro-F1", "from", "to"], rows)]
        lines += [
            f"{_more(gain.more, curve.left)}: about {100 * gain.gain:+.1f} points "
            f"({100 * gain.low:+.1f} to {100 * gain.high:+.1f})."
            for gain in curve.gains
        ]
        lines.append(
            "Where nothing is left to gain it says +0.0: the expected curve cannot fall."
            if curve.gains
            else "No tweet is left to label."
        )
    for name, found in (("class", curve.per_class), ("language", curve.per_language)):
        cells: list[list[object]] = [[one or "–", *figures] for one, figures in found.items()]
        lines += ["", table([name, "labels", "F1"], cells)]
    return "\n".join(lines)


def _more(more: int, left: int) -> str:
    if more < left:
        return f"{more:,} more labels"
    return "1 tweet is left" if left == 1 else f"{left:,} tweets are left"


def tell_failure(message: str, as_json: bool, kind: str, **fields: Any) -> None:
    """Tell a failure in one line on standard error, and as the last event to a program that listens."""
    if as_json:
        if kind == "cancelled":
            JobEvents(True).write("cancelled", **fields)
        else:
            told = fields.pop("sentence", message)
            JobEvents(True).write("failed", message=told, kind=kind, **fields)
    print(f"stancedesk: {message}", file=sys.stderr)
