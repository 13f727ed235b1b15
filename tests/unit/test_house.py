"""The rules of the house that import-linter cannot say: QtCore only in the jobs, and light imports."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "db", "training", "resources")
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "llama_cpp",
    "pandas",
    "matplotlib",
    "sklearn",
    "pyarrow",
    "openpyxl",
)
DRAWERS = {"utils", "util", "misc", "helpers", "helper", "common", "manager"}


def sources(package: str) -> Iterator[Path]:
    return iter(sorted((ROOT / package).rglob("*.py")))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each imported module of a file and whether it is imported when the file is (not in a function)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node not in inside
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node not in inside
            for name in node.names:
                yield f"{node.module}.{name.name}", node not in inside


def test_jobs_use_nothing_of_qt_but_qtcore() -> None:
    for path in sources("app/jobs"):
        for module, _ in imports(path):
            parts = module.split(".")
            if parts[0] == "PySide6" and len(parts) > 1:
                assert parts[1] == "QtCore", f"{path.relative_to(ROOT)} imports {module}"


def test_the_program_knows_nothing_of_training_but_its_contract() -> None:
    for path in sources("app"):
        for module, _ in imports(path):
            parts = module.split(".")
            if parts[0] == "training" and len(parts) > 1:
                assert parts[1] == "contract", f"{path.relative_to(ROOT)} imports {module}"


def test_the_contract_needs_the_standard_library_alone() -> None:
    for path in sources("training/contract"):
        for module, _ in imports(path):
            first = module.split(".")[0]
            inner = module.startswith("training.contract")
            assert inner or first in sys.stdlib_module_names, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("package", PACKAGES)
def test_heavy_libraries_are_imported_where_they_are_used(package: str) -> None:
    for path in sources(package):
        if path.parts[-2] == "training":
            # The training process imports torch as a matter of course; its entry must not (see below).
            continue
        for module, at_import in imports(path):
            assert not (at_import and module.split(".")[0] in HEAVY), (
                f"{path.relative_to(ROOT)} imports {module}"
            )


@pytest.mark.parametrize(
    "words",
    [
        "import app.cli, app.study.training_runs, app.study.classification, app.study.exporting",
        "import app.inference.classifier, app.inference.parity, db.engine, resources",
        "import training, training.__main__, training.contract.spec",
        "from app import arguments; arguments.parser().format_help()",
    ],
)
def test_importing_costs_nothing_heavy(words: str) -> None:
    code = f"{words}; import sys; print(*[m for m in {(*HEAVY, 'PySide6')!r} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert told.stdout.strip() == ""


def test_no_drawers() -> None:
    for package in (*PACKAGES, "tests", "packaging", "benchmarks"):
        for path in sources(package):
            parts = set(path.relative_to(ROOT).with_suffix("").parts)
            assert not parts & DRAWERS, path


def test_packaging_is_no_python_package() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(d for extra in project["optional-dependencies"].values() for d in extra),
    ]
    names = {re.split(r"[\[;<>=!~ ]", d)[0].lower().replace("_", "-") for d in wanted}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert names - {"stancedesk"} <= {name.lower().replace("_", "-") for name in pins}
