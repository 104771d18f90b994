"""House rules: who may use whom, and what the kernel may not know."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted(p for p in (ROOT / "core").rglob("*") if p.suffix in {".hpp", ".cpp", ".h"})
PYTHON = sorted((ROOT / "python/ybcore").rglob("*.py"))
SPLITTER = {"split.hpp", "split.cpp"}


def code_of(path: Path) -> str:
    """C++ text without comments and string literals."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def includes(path: Path) -> set[str]:
    return set(re.findall(r'#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8")))


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a Python file imports, relative ones resolved inside ybcore."""
    package = ["ybcore", *path.relative_to(ROOT / "python/ybcore").parent.parts]
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            out |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return out


def test_there_is_a_kernel_to_look_at():
    assert len(CORE) > 5 and len(PYTHON) > 10


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_core_is_standard_cpp_without_python(path: Path):
    allowed = {"ybcore/" + p.name for p in CORE}
    standard = re.compile(r"^[a-z_0-9]+$")
    banned = {"iostream", "fstream", "sstream", "Python.h", "iomanip"}
    for name in includes(path):
        assert name in allowed or name.split("/")[-1] in {p.name for p in CORE} or standard.match(name), (
            f"{path.name} includes {name}"
        )
        assert name not in banned, f"{path.name} includes {name}"
    if path.name not in SPLITTER:
        assert not includes(path) & {"thread", "mutex", "future", "atomic", "condition_variable"}, (
            f"{path.name} knows threads"
        )


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_core_has_no_floats(path: Path):
    assert not re.search(r"\b(float|double)\b", code_of(path)), f"a float in {path.name}"


def test_reference_is_the_standard_library_alone():
    for path in PYTHON:
        if path.parent.name == "reference":
            for name in imports(path):
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or name.startswith("ybcore.reference"), (
                    f"{path.name} imports {name}"
                )


@pytest.mark.parametrize("room", ["cli", "jobs", "simulate", "ledger", "clearing", "report", "synth", "explain"])
def test_outer_rooms_use_the_public_engine(room: str):
    for path in PYTHON:
        inside = path.relative_to(ROOT / "python/ybcore")
        if inside.parts[0] in (room, f"{room}.py"):
            assert not any(name.startswith("ybcore._core") for name in imports(path)), f"{path.name} reaches into _core"


def test_nothing_imports_from_tests():
    for path in PYTHON:
        assert not any(name.split(".")[0] == "tests" for name in imports(path)), path


def test_import_is_light():
    code = "import sys, ybcore; bad = {'numpy', 'pyarrow', 'pydantic', 'ruamel', 'click', 'rich', 'numba'} & set(sys.modules); sys.exit(repr(bad) if bad else 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_sizes():
    """A file half as long again as the house allows is two files."""
    limits = {".hpp": 200, ".cpp": 500, ".py": 400}
    files = [*CORE, *PYTHON, *(ROOT / "bindings").rglob("*.cpp")]
    long = {}
    for path in files:
        limit = 200 if "bindings" in path.parts else limits.get(path.suffix, 10**9)
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > limit * 1.5:
            long[path.name] = count
    assert not long
