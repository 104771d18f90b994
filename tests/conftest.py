"""What every test may ask for: the shared examples beside the project, and programs of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published examples and tables, when it lies beside the project."""
    if not SHARED.is_dir():
        pytest.skip("the shared examples are not beside this checkout")
    return SHARED


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


def _lacking(message: str) -> NoReturn:
    """Skipped by name, or failed where skips are not allowed."""
    if os.environ.get("YBCORE_REQUIRE_SYSTEM") == "1":
        pytest.fail(message)
    pytest.skip(message)
