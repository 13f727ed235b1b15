"""What every test has: folders of its own instead of the user's, and the places of the data."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from app.gui.garbage import collect_garbage
from app.inference.machine import has_tiles

# A machine that is busy with something else is no bug: no example has a time limit.
settings.register_profile("stancedesk", deadline=None)
settings.load_profile("stancedesk")

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

# Before Qt's application is made: the tests' windows follow no desktop's theme.
os.environ.setdefault("QT_QPA_PLATFORMTHEME", "")


@pytest.fixture(autouse=True)
def stancedesk_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Give each test a home of its own, so that no test sees or changes the user's models and settings."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("STANCEDESK_HOME", str(home))
    yield home


@pytest.fixture(autouse=True)
def garbage_is_collected_here() -> Iterator[None]:
    """Collect between tests, on the tests' own thread, what Python would collect on any (`app/gui/garbage.py`)."""
    gc.disable()
    yield
    collect_garbage()


@pytest.fixture(scope="session", autouse=True)
def no_tiles() -> Iterator[None]:
    """Let llama.cpp, in the tests' own processes, leave the processor's AMX units alone.

    It sets their tiles up once a thread, and PyTorch, which a test before may have used in the same thread, releases
    them when it is done: the next text of a quantised model would end the process. The program never has both in one
    process; the real one, which tests/end2end starts, uses them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.inference.engine.has_unsafe_tiles", has_tiles)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real tweets; the test is skipped where it is not there."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real tweets in ../shared/data, which are not part of the repository")
    return SHARED_DATA


@pytest.fixture(scope="session")
def hf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny LLaMA as its publisher would upload it to the Hugging Face Hub, with its licence."""
    from app.study.base_models import base_file
    from tests.hf_folder import make_hf_folder

    folder = tmp_path_factory.mktemp("hf") / "Tiny"
    make_hf_folder(base_file("smollm2-135m").path, folder, tiny=True)
    (folder / "LICENSE.txt").write_text("The licence.", encoding="utf-8")
    return folder
