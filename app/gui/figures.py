"""Numbers in words: durations, times, sizes, shares, scores, and how far a job is."""

from decimal import Decimal

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, Qt

from app.jobs.job import JobProgress
from app.study.rounding import MINUS, rounded

NONE = "–"


def translated(text: str) -> str:
    """Return a text of figures in the language of the window."""
    return QCoreApplication.translate("figures", text)


def count(number: int) -> str:
    """Return a whole number with the language's separators."""
    return QLocale().toString(number)


def duration(seconds: float) -> str:
    """Return a duration to two units: ``1 h 5 min``, ``3 min 20 s``, ``12 s``."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return translated("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    if minutes:
        return translated("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    return translated("{seconds} s").format(seconds=rest)


def moment(iso: str) -> str:
    """Return a time in ISO 8601 (UTC) as the language writes it, in the user's own time."""
    when = QDateTime.fromString(iso[:19] + "Z", Qt.DateFormat.ISODate)
    return QLocale().toString(when.toLocalTime(), "d MMM yyyy, HH:mm") if when.isValid() else iso


def time_of_day(iso: str) -> str:
    """Return the time of day of a time in ISO 8601 (UTC), in the user's own time; "" for none."""
    when = QDateTime.fromString(iso[:19] + "Z", Qt.DateFormat.ISODate)
    return QLocale().toString(when.toLocalTime(), "HH:mm:ss") if when.isValid() else ""


def size(number_of_bytes: int) -> str:
    """Return a file size in MB or GB (10^6, 10^9 bytes)."""
    if number_of_bytes >= 1e9:
        return translated("{size} GB").format(size=QLocale().toString(number_of_bytes / 1e9, "f", 1))
    return translated("{size} MB").format(size=QLocale().toString(number_of_bytes / 1e6, "f", 0))


def share(part: float, whole: float) -> str:
    """Return a share in per cent; a dash where there is no whole."""
    return f"{points(part / whole)} %" if whole else NONE


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of shares in per cent; a dash for none."""
    return NONE if low is None or high is None else f"{points(low)} – {points(high)} %"


def points(share: float) -> str:
    """Return a share in per cent without the sign."""
    return _written(rounded(share, 1, shift=2), 1)


def score(value: float | None) -> str:
    """Return a score in [0, 1] with three decimals; a dash for none."""
    return NONE if value is None else _written(rounded(value, 3), 3)


def _written(number: Decimal, places: int) -> str:
    return QLocale().toString(float(number), "f", places).replace("-", MINUS)


def rate(per_second: float, unit: str) -> str:
    """Return a rate in words, a second or a minute; "" where it is not known."""
    if per_second <= 0:
        return ""
    if per_second >= 1:
        return (
            translated("{n} {unit} a second")
            .format(n=QLocale().toString(per_second, "f", 1), unit=unit)
            .strip()
        )
    return (
        translated("{n} {unit} a minute")
        .format(n=QLocale().toString(per_second * 60, "f", 0), unit=unit)
        .strip()
    )


def progress(state: JobProgress) -> str:
    """Return how far a job is: count, rate and time left, as far as they are known."""
    parts = []
    if state.total:
        parts.append(
            translated("{done} of {total} {unit}")
            .format(done=count(state.done), total=count(state.total), unit=state.unit)
            .strip()
        )
    told_rate = rate(state.rate, state.unit)
    if told_rate:
        parts.append(told_rate)
    if state.seconds_left is not None and state.done < state.total:
        parts.append(translated("{time} left").format(time=duration(state.seconds_left)))
    return " · ".join(parts)


def starting() -> str:
    """Return what is shown before a job's first event."""
    return translated("Starting …")


def stopping(rests: bool = False) -> str:
    """Return what is shown of a job that was asked to stop, or to rest and go on another time."""
    if rests:
        return translated("Pausing after the step under way …")
    return translated("Stopping after the step under way …")
