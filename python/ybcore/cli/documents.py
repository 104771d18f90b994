"""`policy check|show|schema` and `catalog check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..columns.phrases import chinese
from ..messages import LAYER_KINDS, PAYERS, name_of, say
from .base import Session

__all__ = ["check_catalog", "check_policy", "grow", "schema", "show_policy"]


def check_policy(session: Session, paths: tuple[Path, ...]) -> int:
    """Every document and the book they make; a failure raises DocumentError with every problem."""
    from ..policy import load_book

    book = load_book(list(paths))
    for policy in book:
        leaves = policy.figures()
        assumed = sum(leaf.assumed for leaf in leaves)
        session.data(
            say(
                f"通过 {policy.id}：{len(policy.model.plans)} 个方案，{len(leaves)} 个数值（{assumed} 个为假定），sha256 {policy.sha256[:16]}",
                f"ok {policy.id}: {len(policy.model.plans)} plans, {len(leaves)} figures ({assumed} assumed), sha256 {policy.sha256[:16]}",
            )
        )
    return 0


def check_catalog(session: Session, path: Path) -> int:
    """The catalogue's tables; a failure raises DocumentError with every problem."""
    from ..catalog import Catalog

    catalog = Catalog.load(path)
    for note in catalog.check():
        session.say(f"提示：{chinese(note) or note}", f"note: {note}")
    session.data(say("通过：", "ok: ") + repr(catalog))
    return 0


def schema(session: Session) -> int:
    """The JSON Schema."""
    from ..policy import json_schema

    session.data(json.dumps(json_schema(), ensure_ascii=False, indent=1))
    return 0


def show_policy(session: Session, path: Path, as_json: bool) -> int:
    """One document, or each document of a folder."""
    from ..policy import load_book

    book = load_book(path)
    if as_json:
        for policy in book:
            session.data(policy.canonical().decode())
        return 0
    console = session.out()
    for policy in book:
        console.print(_tree(policy.doc))
    return 0


def _tree(doc: dict[str, Any]) -> Any:
    """The document as a tree with cites beside what they support."""
    from rich.text import Text
    from rich.tree import Tree

    def label(text: str, cite: Any = None) -> Text:
        out = Text(text)
        if cite:
            out.append(f"  〔{_words(cite)}〕", style="dim")
        return out

    name = doc.get("name", {}).get(say("zh", "en"), "")
    to = doc["effective"].get("to", say("今后", "open"))
    head = (
        f"{doc['id']}  {name}  {doc['effective']['from']} … {to}  "
        + say("险种", "insutype")
        + f" {_words(doc['scheme']['insutype'])}"
    )
    tree = Tree(label(head, doc.get("cite")))
    plans = tree.add(say("待遇方案（先匹配者适用）", "plans (the first that matches)"))
    shared = doc.get("layers", {})
    for plan in doc["plans"]:
        branch = plans.add(label(f"{plan['id']}  {_condition(plan.get('when'))}", plan.get("cite")))
        if plan.get("benefit") == "none":
            branch.add(say("不享受待遇", "no benefit"))
        for raw in plan.get("layers", []):
            layer = {"id": raw["use"], **shared[raw["use"]]} if "use" in raw else raw
            kind = name_of(LAYER_KINDS, layer.get("kind", "share"))
            payer = name_of(PAYERS, layer.get("payer", "acct_pay"))
            node = branch.add(
                label(f"{layer['id']} [{kind}] → {payer}  {_condition(layer.get('when'))}", layer.get("cite"))
            )
            grow(node, {k: v for k, v in layer.items() if k not in ("id", "kind", "payer", "cite", "when", "basic")})
    rest = {
        k: doc[k]
        for k in ("dates", "year", "rounding", "pricing", "counters", "admissions", "accounts", "sets", "not_modelled")
        if k in doc
    }
    grow(tree.add(say("其他", "other")), rest) if rest else None
    return tree


def grow(node: Any, value: Any) -> None:
    """Nested values below a node; what is flat stays on one line."""
    items = value.items() if isinstance(value, dict) else ((str(i + 1), item) for i, item in enumerate(value))
    for key, item in items:
        if isinstance(item, (dict, list)) and not _flat(item):
            grow(node.add(str(key)), item)
        else:
            node.add(f"{key}: {_words(item)}")


def _flat(value: Any) -> bool:
    cells = value.values() if isinstance(value, dict) else value
    return (
        all(isinstance(cell, str) or (isinstance(cell, dict) and _flat(cell) and len(str(cell)) < 60) for cell in cells)
        and len(str(value)) < 110
    )


def _condition(when: dict[str, Any] | None) -> str:
    return "" if not when else say("当 ", "when ") + _words(when)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_words(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return " | ".join(_words(item) for item in value)
    return str(value)
