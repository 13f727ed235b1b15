"""The ways in which a run ends before its end."""

# What libraries say of it: PyTorch's allocators, oneDNN, the C++ runtime, CUDA and cuBLAS.
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "bad_alloc",
    "could not create a memory",
    "could not create a primitive",
    "ALLOC_FAILED",
)


class TrainingError(Exception):
    """Something that a user can mend; the message is a sentence that says what and what to do."""


class Cancelled(Exception):
    """The run was asked to stop: by its stop file or by the system."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory did not suffice. Only Python's own and CUDA's have a class for it."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, (RuntimeError, OSError)) and any(said in str(error) for said in _OUT_OF_MEMORY)
