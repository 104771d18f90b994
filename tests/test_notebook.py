"""The notebook of docs/notebooks runs from start to end, keeps no outputs, and tells what its study gives."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent.parent / "docs" / "notebooks" / "study.ipynb"


def texts(cell: nbformat.NotebookNode) -> str:
    """What a cell printed or showed."""
    out = [output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join("".join(text) for text in out)


def test_the_notebook_is_kept_without_outputs():
    held = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(held)
    assert all(not cell.outputs and cell.execution_count is None for cell in held.cells if cell.cell_type == "code")


def test_the_notebook_runs_from_start_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    held = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(held, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()  # fmt: skip
    told = [texts(cell) for cell in held.cells if cell.cell_type == "code"]
    assert "sweep-deductible" in told[1] and "1500" in told[2] and "package" in told[3]
    shown = [output for cell in held.cells if cell.cell_type == "code" for output in cell.outputs if "image/svg+xml" in output.get("data", {})]  # fmt: skip
    assert len(shown) == 5 and all("<text" in output.data["image/svg+xml"] for output in shown)
    assert told[-1].strip() == "8 charts, no script, nothing fetched"
    assert not [output for cell in held.cells if cell.cell_type == "code" for output in cell.outputs if output.get("name") == "stderr"]  # fmt: skip
