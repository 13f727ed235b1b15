"""What a page says of a job that did not finish."""

from PySide6.QtCore import QCoreApplication

from app.gui.notice import Notice, Tone
from app.jobs.outcome import JobOutcome


def tell_ending(notice: Notice, title: str, outcome: JobOutcome, kept: str) -> None:
    """Say on a notice how a job ended. `kept` says what is left of one that was stopped."""
    if outcome.ending == "cancelled":
        stopped = QCoreApplication.translate("job_ending", "{title}: stopped.").format(title=title)
        notice.tell(Tone.INFO, stopped, kept)
    elif outcome.ending == "interrupted":
        notice.tell(Tone.WARNING, f"{title}. {outcome.message}", outcome.next_step, outcome.detail)
    elif outcome.ending == "failed":
        notice.tell(Tone.ERROR, outcome.message, outcome.next_step, outcome.detail)
    else:
        notice.clear()
