"""`describe`: the tables of the contract as a table, JSON or Markdown."""

from __future__ import annotations

import json
from typing import Any

from ..messages import FLAGS, KINDS, LINE_REASONS, OUTCOMES, REASONS, say
from .base import Session

__all__ = ["describe", "markdown", "rows_about"]


def rows_about(what: str) -> list[dict[str, str]]:
    """What there is to say of columns, attributes, codes or the receipt, one dict a row, both languages."""
    from ..clearing import described
    from ..columns.description import GROUPS
    from ..columns.description import describe as columns

    if what in described.GROUPS:
        return described.rows(what)
    if what == "clearing-codes":
        return list(described.codes())
    if what in GROUPS:
        return [{**row, "unit_zh": KINDS[row["kind"]][0], "unit_en": KINDS[row["kind"]][1]} for row in columns(what)]
    if what == "attributes":
        from ..columns.schema import VISITS
        from ..policy.vocabulary import ATTRIBUTES

        out = []
        for item in ATTRIBUTES.values():
            column = VISITS.find(item.name)
            zh, en = (
                (column.zh, column.en)
                if column
                else {"age": ("年龄（周岁）", "completed years on the policy date")}.get(item.name, ("", ""))
            )
            out.append({"attribute": item.name, "match": item.match, "from": ", ".join(item.tables), "values": ", ".join(item.values), "default": item.default, "zh": zh, "en": en})  # fmt: skip
        return out
    if what == "receipt":
        from ..receipts.model import fields

        return fields()
    kinds = [("outcome", OUTCOMES), ("reason", REASONS), ("line reason", LINE_REASONS)]
    out = [
        {"kind": kind, "code": code, "zh": zh, "en": en} for kind, words in kinds for code, (zh, en) in words.items()
    ]
    return out + [{"kind": f"flag {bit}", "code": word, "zh": zh, "en": en} for bit, (word, zh, en) in FLAGS.items()]


def describe(session: Session, what: str, as_json: bool, as_markdown: bool) -> int:
    """Print it."""
    rows = rows_about(what)
    if as_json:
        session.data(json.dumps(rows, ensure_ascii=False, indent=1))
    elif as_markdown:
        session.data(markdown(what, rows))
    else:
        _print(session, rows)
    return 0


def _print(session: Session, rows: list[dict[str, str]]) -> None:
    from rich.table import Table

    lang = say("zh", "en")
    other = say("en", "zh")
    hidden = {other, f"unit_{other}", "accepts"}
    names = [name for name in rows[0] if name not in hidden]
    table = Table(show_edge=False)
    for name in names:
        table.add_column(
            {lang: say("含义", "meaning"), f"unit_{lang}": say("类型与单位", "type and unit")}.get(name, name),
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(row[name] for name in names))
    session.out().print(table)


def markdown(what: str, rows: list[dict[str, str]]) -> str:
    """GitHub tables; columns grouped by table."""
    from ..clearing import described
    from ..columns.description import GROUPS

    groups = {**GROUPS, **described.GROUPS}
    if what not in groups:
        return _grid(list(rows[0]), rows)
    parts = []
    for table in groups[what].values():
        mine = [row for row in rows if row["table"] == table.name]
        names = ["column", "kind", *([] if table.output else ["required", "default"]), *(["unit_en", "source"] if what in described.GROUPS else []), "zh", "en"]  # fmt: skip
        parts.append(f"### {table.name} {table.zh}\n\n{table.en}\n\n{_grid(names, mine)}")
    return "\n\n".join(parts)


def _grid(names: list[str], rows: list[dict[str, str]]) -> str:
    def cells(values: list[Any]) -> str:
        return "| " + " | ".join(str(v).replace("|", "\\|") for v in values) + " |"

    lines = [cells(names), "|" + "---|" * len(names)]
    lines += [
        cells([f"`{row[name]}`" if name in ("column", "attribute", "code", "field") else row[name] for name in names])
        for row in rows
    ]
    return "\n".join(lines)
