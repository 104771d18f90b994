"""What the benchmark commands share when they tell: a markdown table, the JSON with its machine, medians."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import machine


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def begun(**workload: Any) -> dict[str, Any]:
    """A result to be filled: machine, time, workload."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"machine": machine.facts(), "when": when, "workload": workload}


def about(result: dict[str, Any]) -> str:
    """One line that says where and with what the figures were taken."""
    m = result["machine"]
    memory = m["memory_bytes"] / 2**30
    return f"{m['cpu']}, {m['cores']} cores, {memory:.0f} GiB, {', '.join(m['isa'])}; {m['kernel']}, {m['libc']}; Python {m['python']}, {m['compiler']}; commit {m['commit'][:12]}{m['commit'][40:]}"


def middle(values: Sequence[float]) -> float:
    """The median; not a number when there are none."""
    return statistics.median(values) if values else float("nan")


def integers(text: str) -> list[int]:
    """`20000,2_000_000` from a command line."""
    try:
        out = [int(part) for part in text.split(",") if part]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not whole numbers with commas between them") from None
    if not out or min(out) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} has no number, or one below 1")
    return out


def parser(module: str, doc: str | None) -> argparse.ArgumentParser:
    """A parser with what every command has: --out."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=(doc or "").splitlines()[0])
    made.add_argument("--out", type=Path, help="also write everything as JSON")
    return made


def tell(result: dict[str, Any], out: Path | None, *tables: str) -> None:
    """The tables on stdout, the result in a file."""
    if out is not None:
        out.write_text(json.dumps(result, indent=1) + "\n")
    print("\n\n".join([about(result), *tables]))
