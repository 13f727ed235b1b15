"""Errors that a user can mend. Everything else is a bug and gets a report."""


class UserError(Exception):
    """Something that the user can mend: one exact sentence and the next step."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()
