"""What the pages show is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ybcore.cli.describe import markdown, rows_about

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n```\n(.*?)^```$", re.M | re.S)
PAGES = ["README.md", "README.zh-CN.md", "docs/policy.md", "docs/policy.zh-CN.md", "docs/cookbook.md", "docs/settlement.md", "docs/inputs.md", "docs/checks.md", "docs/checks-tables.md", "docs/clearing.md", "docs/clearing-tables.md", "docs/resettlement.md", "docs/reconcile.md", "docs/receipts.md", "docs/simulation.md", "docs/service.md", "docs/migration.md", "docs/jobs.md", "docs/embedding.md"]  # fmt: skip
CHINESE = sorted(path.name for path in (ROOT / "docs").glob("*.zh-CN.md"))


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_example_prints_what_the_page_says(page: str, tmp_path: Path):
    code, printed = EXAMPLE.search((ROOT / page).read_text(encoding="utf-8")).groups()
    assert len(code.splitlines()) <= 15
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == printed, done.stderr


@pytest.mark.parametrize(("page", "lang"), [("README.md", "en"), ("README.zh-CN.md", "zh")])
def test_the_demo_prints_what_the_page_says(page: str, lang: str, tmp_path: Path):
    """Every line but the first, of the speed, and the story of one settlement of it."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    tables = next(block for block in blocks if "━" in block)
    story = next(block for block in blocks if re.match(r"\S+ \d{22}\n", block))
    printed = _lines(_command(tmp_path, "demo", "--lang", lang))
    wanted = [line for line in _lines(tables)[1:] if line != "…"]
    assert len(wanted) > 20
    assert [line for line in wanted if line not in printed] == []
    setl_id = re.search(r"\d{22}", story).group()
    told = _lines(_command(tmp_path, "explain", "--run", "ybcore-demo", "--setl-id", setl_id, "--lang", lang))
    assert [line for line in _lines(story) if line not in told and line != "…"] == []


def _command(folder: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "ybcore", *words], cwd=folder, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"})  # fmt: skip
    return done.stdout + done.stderr


def _lines(text: str) -> list[str]:
    """Without what only the width of a terminal decides."""
    return [re.sub(r"[━─]+", "─", re.sub(r"\s+", " ", line)).strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("page", [*PAGES, *(f"docs/{name}" for name in CHINESE if f"docs/{name}" not in PAGES)])
def test_links_lead_somewhere(page: str):
    path = ROOT / page
    for link in re.findall(r"\]\(([^)#\s]+)\)", path.read_text(encoding="utf-8")):
        assert link.startswith("http") or (path.parent / link).exists(), link


@pytest.mark.parametrize(
    "name", [name for name in CHINESE if name != "policy.zh-CN.md"]
)  # which has a worked policy besides
def test_a_page_has_the_same_parts_in_both_languages(name: str):
    shapes = [
        [re.match(r"#+ |\||```|", line).group() for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()]
        for page in (name, name.replace(".zh-CN", ""))
    ]  # fmt: skip
    chinese, english = ([mark for mark in shape if mark] for shape in shapes)
    assert chinese == english


@pytest.mark.parametrize(
    ("what", "page"),
    [
        ("inputs", "inputs.md"),
        ("outputs", "inputs.md"),
        ("checks", "checks-tables.md"),
        ("findings", "checks-tables.md"),
        ("receipt", "receipts.md"),
        ("clearing", "clearing-tables.md"),
        ("cleared", "clearing-tables.md"),
        ("benefits", "clearing-tables.md"),
        ("clearing-codes", "clearing-tables.md"),
    ],
)
def test_column_lists_are_those_of_describe(what: str, page: str):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    shown = re.search(rf"<!-- describe {what} -->\n(.*?)\n<!-- end -->", text, re.S).group(1)
    assert shown == markdown(what, rows_about(what)).strip(), f"run: ybcore describe {what} --markdown"


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_commands_of_the_tour_exist(page: str, capsys: pytest.CaptureFixture[str]):
    from ybcore.cli.app import app

    words = set(re.findall(r"^ybcore (\w+)", (ROOT / page).read_text(encoding="utf-8"), re.M))
    assert words == set(app.commands)
