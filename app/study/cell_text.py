"""The value of a cell that has a type, as the text that a researcher would read there."""

import json
from datetime import date, datetime, time
from typing import Any

# A spreadsheet keeps 15 digits of a number; those after them are made up.
SPREADSHEET_DIGITS = 15


def cell_text(value: Any) -> str:
    """Return a value as text: whole numbers in full, dates as ISO 8601, nothing as "", structures as JSON.

    A fraction too long to be kept exactly is written with an exponent, by which an id is known as damaged
    (`columns.is_damaged`): what is left of a 19-digit id in a column of floats.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, datetime):
        midnight = value.time() == time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def spreadsheet_text(value: Any) -> str:
    """Return the value of a spreadsheet's cell as text; a number longer than it can keep comes out as damaged."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**SPREADSHEET_DIGITS:
        return _float_text(float(value))
    return cell_text(value)


def _float_text(value: float) -> str:
    if value != value:
        return ""
    if value.is_integer() and abs(value) < 10**SPREADSHEET_DIGITS:
        return str(int(value))
    return repr(value) if abs(value) < 10**SPREADSHEET_DIGITS else f"{value:.14E}"


def mistake_in(fields: list[str]) -> str:
    """Return why a row's texts cannot be kept, "" where they can."""
    if any("\0" in field for field in fields):
        return "The row holds a NUL character, which no text has."
    if any("\ud800" <= c <= "\udfff" for field in fields if not field.isascii() for c in field):
        return "The row holds half of a character, which no text has."
    return ""
