"""Where other programs find the C door that this package installed, and what they must be told of accounts (docs/embedding.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, Problem

if TYPE_CHECKING:
    from .engine import Engine
    from .settling.person import PersonState

__all__ = ["cmake_dir", "include_dir", "library", "movements", "static_library"]

_HERE = Path(__file__).resolve().parent


def include_dir() -> Path:
    """The folder to give a compiler: `ybcore/ybcore.h` is in it."""
    return _found("include", "ybcore/ybcore.h")


def cmake_dir() -> Path:
    """`ybcore_DIR` for CMake's find_package(ybcore)."""
    return _found("lib/cmake/ybcore", "ybcore-config.cmake")


def library() -> Path:
    """The shared library."""
    return _found("lib", "libybcore.so") / "libybcore.so"


def static_library() -> Path:
    """The static library."""
    return _found("lib", "libybcore_core.a") / "libybcore_core.a"


def _found(folder: str, file: str) -> Path:
    if not (_HERE / folder / file).is_file():
        what = f"{folder}/{file} is not installed beside ybcore: install the wheel, an editable build leaves it out"
        zh = f"ybcore 旁未安装 {folder}/{file}：请安装 wheel，可编辑安装不含此文件"
        raise InputError([Problem(what=what, what_zh=zh, file=str(_HERE / folder / file))])
    return _HERE / folder


def movements(
    engine: Engine, visit: dict[str, Any], person: Any, state: PersonState | None = None, acct_events: Any = None
) -> list[tuple[str, int, int, int]]:
    """(psn_no, day, kind, amount) of what happens on accounts up to the visit's day: table rows, renewals and top-ups, in order.

    `kind` 0 sets the balance, 1 adds to it; days since 1970-01-01, fen. A `yb_visit` takes them as its movements.
    """
    from .settling.job import Job
    from .settling.one import tables_of

    tables = tables_of(visit, None, person, None, acct_events)
    job = Job(engine._compiled, engine.catalog, tables, None, 1)
    job.begin(line_output=False, state=None if state is None else state.state())
    told = job._accounts()
    names = [str(name) for name in job.psn_dictionary.to_pylist()]
    out: list[tuple[str, int, int, int]] = []
    for p, name in enumerate(names):
        for at in range(int(told["begin"][p]), int(told["begin"][p + 1])):
            out.append((name, int(told["date"][at]), int(told["kind"][at]), int(told["amount"][at])))
    return out
