"""What every test may ask for: the shared examples beside the project, and programs of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NoReturn
from zlib import crc32

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published examples and tables, when it lies beside the project."""
    if not SHARED.is_dir():
        pytest.skip("the shared examples are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def texts_composed_once() -> None:
    """Shipped rules and policies are read by hundreds of tests: the nodes of a text, which nobody changes, are made once."""
    from ybcore.policy import reader

    reader._compose = lru_cache(256)(reader._compose)


@pytest.fixture(scope="session")
def need_program() -> Callable[[str], str]:
    """Path of a system program; without it the test is skipped by name, or fails where skips are not allowed."""

    def find(name: str) -> str:
        path = shutil.which(name)
        return path or _lacking(f"system program {name!r} is missing")

    return find


@pytest.fixture(scope="session")
def need_font() -> str:
    """The family that charts in Chinese are set in; without one it is as with a program that is missing."""
    from matplotlib import font_manager
    from ybcore.report import charts

    return next(charts._families(font_manager), None) or _lacking("no font with Chinese characters (Debian: fonts-noto-cjk)")  # fmt: skip


@pytest.fixture(scope="session")
def server(need_program: Callable[[str], str]) -> Iterator[str]:
    """URL of a PostgreSQL server that all tests of a worker share."""
    from services import postgres

    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    with postgres(need_program(str(found[-1]) if found else "postgres")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database of each kind."""
    from services import fresh_database

    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    return fresh_database(request.getfixturevalue("server"), f"t{crc32(request.node.nodeid.encode())}")


def _lacking(message: str) -> NoReturn:
    """Skipped by name, or failed where skips are not allowed."""
    if os.environ.get("YBCORE_REQUIRE_SYSTEM") == "1":
        pytest.fail(message)
    pytest.skip(message)
