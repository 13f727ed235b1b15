"""Dates as they are shown."""


def shown_date(created_at: str) -> str:
    """Return the day and minute of an ISO 8601 date, which researchers of all languages read alike."""
    return created_at[:16].replace("T", " ")
