"""The commands of documents that settlement reads: policies and catalogues. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path

import click

from .base import Group, Option, Session, common
from .options import PATH

__all__ = ["BOOKS"]


@click.group("policy", cls=Group, zh="检查、展示政策文件。", en="Check and show policy documents.")
def policy() -> None:
    pass


@policy.command(
    "check", zh="检查政策文件或文件夹，一次列出全部问题。", en="Check documents or folders; every problem at once."
)
@click.argument("paths", nargs=-1, required=True, type=PATH)
@common
def policy_check(session: Session, paths: tuple[Path, ...]) -> int:
    from .documents import check_policy

    return check_policy(session, paths)


@policy.command(
    "show",
    zh="以易读的树展示一份政策；--json 输出规范形式。",
    en="Show a document as a readable tree; --json prints its canonical form.",
)
@click.argument("path", type=PATH)
@common
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="规范 JSON。", en="Canonical JSON.")
def policy_show(session: Session, path: Path, as_json: bool) -> int:
    from .documents import show_policy

    return show_policy(session, path, as_json)


@policy.command("schema", zh="政策文件的 JSON Schema。", en="The JSON Schema of policy documents.")
@common
def policy_schema(session: Session) -> int:
    from .documents import schema

    return schema(session)


@click.group("catalog", cls=Group, zh="检查医保目录。", en="Check catalogues.")
def catalog() -> None:
    pass


@catalog.command("check", zh="检查目录文件夹。", en="Check a catalogue folder.")
@click.argument("path", type=PATH)
@common
def catalog_check(session: Session, path: Path) -> int:
    from .documents import check_catalog

    return check_catalog(session, path)


BOOKS = (policy, catalog)
