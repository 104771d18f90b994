"""A study in a terminal and as JSON: head figures, contributions, targets."""

from __future__ import annotations

from typing import Any

from ..messages import say
from ..simulate.studyrun import OVERVIEW
from .studied import Studied
from .studied_clear import clear_solved

__all__ = ["print_studied", "summarise"]


def summarise(studied: Studied) -> dict[str, Any]:
    """Exact figures: money in whole fen, other measures as fractions."""
    run = studied.run
    return {
        "id": run.study.id,
        "policies": run.tables[OVERVIEW].to_pylist(),
        "attribution": run.tables["attribution"].to_pylist() if run.parts else [],
        "targets": [
            {name: str(value) if name in ("value", "low", "high") and value is not None else value for name, value in row.items()}
            for row in (run.tables["targets"].to_pylist() if run.targets else [])
        ],
        **({} if run.clearing is None else {"clearing": {name: run.tables[name].to_pylist() for name in ("clearing", "clearing-hospitals", "clearing-pools")}}),
    }  # fmt: skip


def print_studied(studied: Studied, console: Any) -> None:
    """Tables in the language in use."""
    from rich.table import Table

    def table(title: str, texts: list[str], numbers: list[str]) -> Any:
        made = Table(title=title, title_justify="left", show_edge=False)
        for name in texts:
            made.add_column(name)
        for name in numbers:
            made.add_column(name, justify="right", no_wrap=True)
        return made

    head = table(studied.title, [""], [say("方案", "package"), say("变化", "change"), say("现行", "present")])
    for card in studied.cards():
        head.add_row(card["title"], card["value"], card["change"], card["was"])
    console.print(head)
    for node, held in studied.run.parts:
        parts = table(studied.measure(node), [say("改革", "reform")], [say("影响", "contribution")])
        for name, amount in zip(held.reforms, held.amounts):
            parts.add_row(studied.reform(name), studied.value(node, amount))
        console.print(parts)
    for row in (*studied.solved(), *clear_solved(studied)):
        value = row["value"] or say("多处", "several places")
        console.print(say(f"{row['title']}：{row['knob']} = {value}（{row['measure']} = {row['goal']}）", f"{row['title']}: {row['knob']} = {value} ({row['measure']} = {row['goal']})"))  # fmt: skip
