"""What can go wrong with a study file. The application turns these into sentences for the user."""


class StudyFileError(Exception):
    """Something about the file or its disk, not a bug; `str()` is one English sentence."""


class NotAStudy(StudyFileError):
    """The file exists and is no study."""


class StudyTooNew(StudyFileError):
    """The file was written by a newer version of the program."""


class StudyMissing(StudyFileError):
    """There is no file at the path."""


class StudyExists(StudyFileError):
    """A file is already at the path of a study to be created."""


class StudyDiskFull(StudyFileError):
    """The disk, or the quota, has no room for what was to be written; nothing of it was written."""


class StudyUnreadable(StudyFileError):
    """The file may not be read."""


class StudyReadOnly(StudyFileError):
    """The file or its folder may not be written."""


class StudyBusy(StudyFileError):
    """Another program kept the file locked for longer than the busy timeout."""


class StudyDamaged(StudyFileError):
    """SQLite finds the file's pages damaged."""


class TweetLocked(StudyFileError):
    """A label or gold label of a tweet in a locked batch was to be changed."""
