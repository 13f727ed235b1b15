"""What a light model knows of a fine-tuned model's classes before it sees a job: learnt from the rows of the training.

It lies beside the model, so that a file can be classified with a cascade where the study is not at hand. It holds
weights of hashed n-grams, no texts.
"""

import io
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from app.study.cascade_model import fit_labels
from app.study.ngram_regression import NgramRegression
from training.contract.spec import Row

_NAME = "light.npz"


def write(folder: Path, rows: Iterable[Row], aside: Iterable[str]) -> None:
    """Learn from training rows and write it beside a model; nothing where no leaf is `aside`. Raises `OSError`."""
    import numpy as np

    labels, aside = [(row.text, row.label) for row in rows], tuple(aside)
    if not aside or not labels:
        return
    packed = io.BytesIO()
    np.savez_compressed(packed, **fit_labels(labels, aside).arrays())
    (folder / _NAME).write_bytes(packed.getvalue())


def read(folder: Path) -> NgramRegression | None:
    """Return what lies beside a model; None where nothing does, as with older models, or it cannot be read."""
    import numpy as np

    try:
        packed = io.BytesIO((folder / _NAME).read_bytes())
        with np.load(packed, allow_pickle=False) as file:
            return NgramRegression.from_arrays({name: file[name] for name in file.files})
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def copy(source: Path, target: Path) -> None:
    """Take it along to another folder. Raises `OSError`."""
    if (source / _NAME).is_file():
        shutil.copyfile(source / _NAME, target / _NAME)
