"""What makes two run folders the same run: their settings and their rows."""

import hashlib
import json
from dataclasses import asdict

from training.contract.run_folder import RunFolder
from training.contract.spec import TrainingSpec

# Where the base lies and how much is computed at once change nothing.
_OF_THE_MACHINE = ("base_path", "base", "micro_batch")


def fingerprint(spec: TrainingSpec, folder: RunFolder) -> str:
    """Return a hash of all that a run's course depends on, in a run folder with these settings.

    No other course's checkpoint is continued, and no other course's model is taken for this one's. Raises
    `OSError` where the rows cannot be read.
    """
    values = asdict(spec)
    for name in _OF_THE_MACHINE:
        del values[name]
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for path in (folder.train, folder.validation):
        digest.update(path.read_bytes())
    return digest.hexdigest()
