"""What every test may ask for: the shared examples beside the project, and programs of the system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

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
        if path is None:
            message = f"system program {name!r} is missing"
            if os.environ.get("YBCORE_REQUIRE_SYSTEM") == "1":
                pytest.fail(message)
            pytest.skip(message)
        return path

    return find
