"""House rules: who may use whom, and what the kernel may not know.

Each rule is a function from a project folder to its complaints. It must be silent about this project, and must speak up
about a project with one planted fault.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CPP = {".hpp", ".cpp", ".h"}
SPLITTER = {"core/src/split.hpp", "core/src/split.cpp", "core/src/scratch.cpp"}  # the last one guards what runs share
PROGRAM = {"core/bench/main.cpp"}  # the one file of the core that is a program, and so speaks
THREADS = {
    "thread",
    "mutex",
    "shared_mutex",
    "future",
    "atomic",
    "condition_variable",
    "semaphore",
    "barrier",
    "latch",
    "stop_token",
}
STREAMS = {"iostream", "ostream", "istream", "fstream", "sstream", "iomanip", "print", "syncstream"}
OUTER = ("cli", "jobs", "simulate", "ledger", "clearing", "report", "synth", "explain", "receipts", "spark", "service")
LIMITS = (
    ("bindings", CPP, 200),
    ("core", {".hpp", ".h"}, 200),
    ("core", {".cpp"}, 500),
    ("python/ybcore", {".py"}, 400),
)


def files(root: Path, folder: str, suffixes: set[str]) -> list[Path]:
    return sorted(p for p in (root / folder).rglob("*") if p.suffix in suffixes)


def code_of(path: Path) -> str:
    """C++ text without comments and string literals."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def includes(path: Path) -> list[str]:
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), flags=re.M)


def imports(root: Path, path: Path) -> set[str]:
    """Absolute names of what a Python file imports, wherever in the file; relative ones are resolved inside ybcore."""
    package = ["ybcore", *path.relative_to(root / "python/ybcore").parent.parts]
    out: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            out |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            out |= {
                a.value.lstrip(".") for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)
            }
    return out


# What the language does not offer and a machine may: stores past the cache, gathers, large pages. All do without where it is absent.
MACHINE = {
    "core/src/stream.hpp": {"emmintrin.h"},
    "core/src/checks/pair_likely.cpp": {"immintrin.h"},  # vectors, chosen when the program runs, as the next two
    "core/src/checks/scan_paged.cpp": {"immintrin.h"},
    "core/src/checks/scan_wide.cpp": {"immintrin.h"},
    "core/src/scratch.cpp": {"sys/mman.h"},
    "core/src/image.cpp": {"fcntl.h", "sys/mman.h", "sys/stat.h", "unistd.h"},  # a file that processes share
    "core/include/ybcore/ybcore.h": {"stddef.h", "stdint.h"},  # C, not C++
}

# Machines multiply and divide doubles side by side, not whole numbers of 64 bits.
WHOLE_DOUBLES = {"core/src/lanes.cpp"}


def core_is_standard_cpp(root: Path) -> Iterator[str]:
    """No Python, no third party, no streams, no printing; of the machine only what MACHINE names."""
    own = {p.name for p in files(root, "core", CPP)}
    for path in files(root, "core", CPP):
        for name in includes(path):
            known = name.split("/")[-1] in own or re.fullmatch(r"[a-z_0-9]+", name)
            allowed = name in MACHINE.get(path.relative_to(root).as_posix(), ())
            if (not known or name in STREAMS) and not allowed:
                yield f"{path.name} includes {name}"
        words = r"\bPy[A-Z]\w+|\bpybind11\b|\bstd::c(?:out|err)\b"
        if path.relative_to(root).as_posix() not in PROGRAM:
            words += r"|\bf?printf\b|\bf?puts\b"
        for word in re.findall(words, code_of(path)):
            yield f"{path.name} says {word}"


def only_the_splitter_knows_threads(root: Path) -> Iterator[str]:
    for path in files(root, "core", CPP):
        if path.relative_to(root).as_posix() not in SPLITTER:
            for name in includes(path):
                if name in THREADS:
                    yield f"{path.name} includes {name}"
            for word in re.findall(r"\bstd::(?:jthread|thread|mutex|async|atomic)\b|\bthread_local\b", code_of(path)):
                yield f"{path.name} says {word}"


def core_has_no_floats(root: Path) -> Iterator[str]:
    """But for doubles that hold whole numbers, in the one file that says why."""
    for path in files(root, "core", CPP):
        if path.relative_to(root).as_posix() in WHOLE_DOUBLES:
            continue
        for word in re.findall(r"\b(?:float|double)\b|\b\d[\d']*\.\d", code_of(path)):
            yield f"{path.name} says {word}"


def cython_sees_the_c_door_only(root: Path) -> Iterator[str]:
    for path in files(root, "bindings/cython", {".pyx", ".pxd", ".pxi"}):
        for name in re.findall(r"cdef\s+extern\s+from\s+[\"'<]+([^\"'>]+)", path.read_text(encoding="utf-8")):
            if name != "ybcore/ybcore.h":
                yield f"{path.name} sees {name}"


def bindings_see_public_headers_only(root: Path) -> Iterator[str]:
    public = {p.relative_to(root / "core/include").as_posix() for p in files(root, "core/include/ybcore", CPP)}
    private = {p.name for p in files(root, "core/src", CPP)}
    for path in files(root, "bindings", CPP):
        for name in includes(path):
            if name not in public and name.split("/")[-1] in private:
                yield f"{path.name} includes {name}"


def the_bench_sees_public_headers_only(root: Path) -> Iterator[str]:
    private = {p.name for p in files(root, "core/src", CPP)}
    for path in files(root, "core/bench", CPP):
        for name in includes(path):
            if name.split("/")[-1] in private and not name.startswith("ybcore/"):
                yield f"{path.name} includes {name}"


def reference_is_the_standard_library(root: Path) -> Iterator[str]:
    room = root / "python/ybcore/reference"
    for path in [*room.rglob("*.py"), *room.parent.glob("reference.py")]:
        for name in imports(root, path):
            if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("ybcore.reference"):
                yield f"{path.name} imports {name}"


def outer_rooms_use_the_public_engine(root: Path) -> Iterator[str]:
    for path in files(root, "python/ybcore", {".py"}):
        if path.relative_to(root / "python/ybcore").parts[0].removesuffix(".py") in OUTER:
            for name in imports(root, path):
                if "_core" in name.split("."):
                    yield f"{path.name} reaches into {name}"


def nothing_imports_from_tests(root: Path) -> Iterator[str]:
    for path in files(root, "python/ybcore", {".py"}):
        for name in imports(root, path):
            if name.split(".")[0] in ("tests", "pytest", "hypothesis"):
                yield f"{path.name} imports {name}"


def files_are_of_readable_size(root: Path) -> Iterator[str]:
    """Beyond the limit a file is asked about; half as long again, it is two files."""
    for folder, suffixes, limit in LIMITS:
        for path in files(root, folder, suffixes):
            count = len(path.read_text(encoding="utf-8").splitlines())
            if count > limit * 1.5:
                yield f"{path.name} has {count} lines, limit {limit}"
            elif count > limit:
                warnings.warn(f"{path.relative_to(root)} has {count} lines; the house asks for {limit}", stacklevel=2)


Rule = Callable[[Path], Iterator[str]]

# A rule, and the file with a fault that it must see.
PLANTED: list[tuple[Rule, str, str]] = [
    (core_is_standard_cpp, "core/src/a.cpp", "#include <Python.h>\n"),
    (core_is_standard_cpp, "core/src/a.cpp", "#include <iostream>\n"),
    (core_is_standard_cpp, "core/include/ybcore/a.hpp", "  #  include <nlohmann/json.hpp>\n"),
    (core_is_standard_cpp, "core/src/a.cpp", "#include <arrow/api.h>\n"),
    (core_is_standard_cpp, "core/src/a.cpp", "#include <emmintrin.h>\n"),
    (core_is_standard_cpp, "core/src/a.cpp", 'void f() { printf("x"); }\n'),
    (core_is_standard_cpp, "core/bench/a.cpp", 'void f() { puts("x"); }\n'),
    (only_the_splitter_knows_threads, "core/src/a.cpp", "#include <thread>\n"),
    (only_the_splitter_knows_threads, "core/include/ybcore/a.hpp", "thread_local int x;\n"),
    (core_has_no_floats, "core/src/a.cpp", "const double rate = 1;\n"),
    (core_has_no_floats, "core/include/ybcore/a.hpp", "auto rate = 0.85;\n"),
    (cython_sees_the_c_door_only, "bindings/cython/a.pyx", 'cdef extern from "ybcore/settle.hpp":\n    pass\n'),
    (bindings_see_public_headers_only, "bindings/pybind/a.cpp", '#include "group.hpp"\n'),
    (the_bench_sees_public_headers_only, "core/bench/a.cpp", '#include "group.hpp"\n'),
    (reference_is_the_standard_library, "python/ybcore/reference/a.py", "import numpy\n"),
    (
        reference_is_the_standard_library,
        "python/ybcore/reference/deep/a.py",
        "def f():\n    from ...policy import book\n",
    ),
    (outer_rooms_use_the_public_engine, "python/ybcore/cli/a.py", "from .. import _core\n"),
    (outer_rooms_use_the_public_engine, "python/ybcore/ledger.py", "def f():\n    from ._core import settle\n"),
    (
        outer_rooms_use_the_public_engine,
        "python/ybcore/report/a.py",
        "import importlib\nc = importlib.import_module('ybcore._core')\n",
    ),
    (nothing_imports_from_tests, "python/ybcore/a.py", "from tests.cases import x\n"),
    (files_are_of_readable_size, "python/ybcore/a.py", "x = 1\n" * 601),
    (files_are_of_readable_size, "bindings/pybind/a.cpp", "\n" * 301),
    (files_are_of_readable_size, "core/src/a.cpp", "\n" * 751),
]
RULES: list[Rule] = list(dict.fromkeys(rule for rule, _, _ in PLANTED))

CLEAN = {
    "core/src/a.cpp": '// float, std::thread and 0.5 in a comment\n#include <cstdint>\n#include "ybcore/a.hpp"\nconst char* s = "double";\n',
    "core/src/group.hpp": "#pragma once\n",
    "core/include/ybcore/a.hpp": "#include <span>\nlong x = 1'000'000;\n",
    "core/src/split.cpp": "#include <thread>\n",
    "core/src/lanes.cpp": "constexpr double kMillionth = 1e-6;\n",
    "core/bench/main.cpp": 'int main() { puts("x"); }\n',
    "bindings/pybind/a.cpp": '#include <pybind11/pybind11.h>\n#include "ybcore/a.hpp"\n',
    "bindings/cython/a.pyx": 'cdef extern from "ybcore/ybcore.h":\n    pass\n',
    "python/ybcore/engine.py": "from . import _core\nimport numpy\n",
    "python/ybcore/cli/a.py": "from ..engine import settle\n",
    "python/ybcore/reference/a.py": "import datetime\nfrom .b import x\n",
}


def write(root: Path, planted: dict[str, str]) -> Path:
    for name, text in planted.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_there_is_a_project_to_look_at():
    assert len(files(ROOT, "core", CPP)) > 5 and len(files(ROOT, "python/ybcore", {".py"})) > 10


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps(rule: Rule):
    assert sorted(set(rule(ROOT))) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_clean_project_passes(rule: Rule, tmp_path: Path):
    assert list(rule(write(tmp_path, CLEAN))) == []


@pytest.mark.parametrize(
    ("rule", "name", "text"), PLANTED, ids=[f"{rule.__name__}-{i}" for i, (rule, _, _) in enumerate(PLANTED)]
)
def test_a_planted_fault_is_seen(rule: Rule, name: str, text: str, tmp_path: Path):
    assert list(rule(write(tmp_path, CLEAN | {name: text}))) != []


HEAVY = {"numpy", "pyarrow", "pydantic", "ruamel", "click", "rich", "numba", "pandas", "polars", "duckdb", "matplotlib"}


def loaded_by(code: str, *, watched: set[str] = HEAVY | {"ybcore._core"}) -> set[str]:
    """Which of some modules a fresh process has loaded after running the code; stdout of the code is not looked at."""
    told = f"\nimport sys; print('loaded', *sorted({watched!r} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + told], capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split()[1:])


def test_import_is_light():
    """`import ybcore` loads no data library and not the kernel."""
    assert loaded_by("import ybcore; dir(ybcore); ybcore.__version__") == set()
    assert loaded_by("import numpy, ybcore") == {"numpy"}
    assert loaded_by("from ybcore import InputError, Problem") == set()
    assert loaded_by("import ybcore.cli.run", watched={"ybcore.checks.book", "ybcore.checks.run.runner"}) == set()
    own = "from ybcore import rule; rule('a', columns=['cnt', 'age'], row=True)(lambda cnt, age: cnt > age)"
    assert loaded_by(own) == set()


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "--version",
        "--lang zh --help",
        "--lang en --help",
        "settle --help",
        "check --help",
        "verify --help",
        "policy --help",
        "catalog check --help",
        "resettle --help",
        "simulate --help",
    ],
)
def test_help_is_light(words: str):
    """What a shell waits for loads the option parser and nothing that holds data."""
    assert loaded_by(f"from ybcore.cli import main; assert main({words.split()!r}) == 0") == {"click"}


def test_names_come_when_they_are_asked_for():
    asked = "from ybcore import Engine, settle; import ybcore; assert ybcore.Engine is Engine; vars(ybcore)['Engine']"
    assert {"numpy", "pyarrow", "ybcore._core"} <= loaded_by(asked)
    assert loaded_by(asked, watched={"numba", "matplotlib", "polars", "duckdb", "rich"}) == set()


def test_a_type_checker_sees_what_is_fetched_later():
    """The names of `_HOME` and those under TYPE_CHECKING are the same, from the same modules."""
    import ybcore

    tree = ast.parse((ROOT / "python/ybcore/__init__.py").read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING")
    told = {a.name: n.module for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert told == ybcore._HOME
    assert set(ybcore.__all__) <= set(dir(ybcore))


def test_every_public_name_is_there():
    import ybcore

    assert set(ybcore.__all__) == set(ybcore._HOME) | {"__version__"}
    for name in ybcore.__all__:
        assert getattr(ybcore, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Engin'"):
        _ = ybcore.Engin


def test_one_version():
    from importlib.metadata import version

    import ybcore
    from ybcore import _core

    assert ybcore.__version__ == version("ybcore") == _core.version


def test_the_stub_names_what_the_kernel_has():
    from ybcore import _core

    tree = ast.parse((ROOT / "python/ybcore/_core.pyi").read_text(encoding="utf-8"))
    told = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    told |= {
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert told - {"Array"} == {name for name in dir(_core) if not name.startswith("__")}
