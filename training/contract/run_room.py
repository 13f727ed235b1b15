"""The room that a run takes on the disk, by the size of its base and of what is trained. Standard library only.

Program and training reckon with it, so that a run that the program lets begin is not refused by training.
"""

# A checkpoint holds what is trained as it is, its average, the mean of the rounds, the best of it, and two moments of
# the optimiser; while it is written, the one before is still there.
_COPIES = 6
_CHECKPOINTS = 2


def checkpoint_bytes(trained: int) -> int:
    """Return the most room that a run's checkpoints take; `trained`: bytes of what is trained, in float32."""
    return _CHECKPOINTS * _COPIES * trained


def model_bytes(base: int, trained: int, *, one_file: bool) -> int:
    """Return the most room that the trained model takes, in all its forms, over a base of so many bytes."""
    return (1 if one_file else 2) * base + 2 * trained


def run_bytes(base: int, trained: int, *, one_file: bool) -> int:
    """Return the most room that a run takes, its events, log and rows aside."""
    return checkpoint_bytes(trained) + model_bytes(base, trained, one_file=one_file)
