"""How a job ended."""

from dataclasses import dataclass, field
from typing import Any, Literal

Ending = Literal["finished", "cancelled", "failed", "interrupted"]

INTERRUPTED = (
    "It was interrupted: its process ended without a word (killed, out of memory, or the machine went down)."
)
START_AGAIN = "Start it again; what it had written is kept."
FAILED = "It failed."


@dataclass(frozen=True)
class JobOutcome:
    """The end of a job.

    `results` are the fields of the last event where it finished. For failed and interrupted, `message` is one
    sentence, `next_step` what to do, `detail` what a report needs. `is_bug`: not the user's to mend.
    """

    ending: Ending
    results: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    next_step: str = ""
    detail: str = ""
    is_bug: bool = False

    @property
    def is_finished(self) -> bool:
        """Whether the job did all that it was asked to."""
        return self.ending == "finished"


def outcome_of(last: dict[str, Any] | None, *, asked_to_stop: bool, log: str) -> JobOutcome:
    """Return the outcome from the last event, or from its absence. `log` is the end of standard error."""
    if last is None:
        if asked_to_stop:
            # Asked to stop and gone without a word: stopped by force, which is a cancellation all the same.
            return JobOutcome("cancelled")
        return JobOutcome("interrupted", message=INTERRUPTED, next_step=START_AGAIN, detail=log)
    fields = {key: value for key, value in last.items() if key not in ("event", "time")}
    if last["event"] == "finished":
        return JobOutcome("finished", results=fields)
    if last["event"] == "cancelled":
        return JobOutcome("cancelled", results=fields)
    return JobOutcome(
        "failed",
        message=str(fields.get("message") or FAILED),
        next_step=str(fields.get("next_step") or ""),
        detail=str(fields.get("detail") or log),
        is_bug=fields.get("kind") == "bug",
    )
