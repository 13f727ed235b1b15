"""Where studies lie on the disk, as the window proposes it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QStandardPaths

from app.study.study import SUFFIX


def studies_folder(recent: Sequence[str]) -> Path:
    """Return where the user keeps studies: beside the last one, else a folder in the documents."""
    for text in recent:
        if Path(text).parent.is_dir():
            return Path(text).parent
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    folder = Path(documents) / "StanceDesk"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path.home()
    return folder


def free_study_beside(table: Path) -> Path:
    """Return a name for a study beside a table that no file has."""
    path, number = table.with_suffix(SUFFIX), 2
    while path.exists():
        path, number = table.with_name(f"{table.stem}-{number}{SUFFIX}"), number + 1
    return path


def study_filter() -> str:
    """Return the filter of file dialogs that shows studies."""
    return QCoreApplication.translate("study_places", "StanceDesk studies (*{suffix})").format(suffix=SUFFIX)
