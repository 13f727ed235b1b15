"""The two ways in which a run ends before its end."""


class TrainingError(Exception):
    """Something that a user can mend; the message is a sentence that says what and what to do."""


class Cancelled(Exception):
    """The run was asked to stop: by its stop file or by the system."""
