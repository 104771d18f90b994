"""The commands of a year settled again and of other people's ledgers. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .base import Command, Group, Option, Session, common
from .options import PATH, as_json, for_people, out_encoding, out_format, threads

__all__ = ["COMMANDS"]

of_run = click.option(
    "--run",
    "folder",
    cls=Option,
    type=PATH,
    required=True,
    zh="settle、resettle 或 run 的输出文件夹。",
    en="Output folder of settle, resettle or run.",
)


@click.command(
    "resettle",
    cls=Command,
    zh="按变更文件重新结算一次已有的结算，写出差额、应补付与应追回台账、新的结算结果与回执。\n\n上次结果从其文件读取（settle 须带 --lines-out --detail），否则重新结算；作业的结果逐单元重新结算，内存有上限，中断后可续。输出文件夹可作为下一次的 --previous。",
    en="Settle a run again after the changes of a document; write differences, the ledger to pay and collect from, the new results and a receipt.\n\nThe previous results are read from their files (settle with --lines-out --detail), else they are settled again; those of a job are settled again unit by unit, in bounded memory, and go on where they were stopped. The output folder can be --previous of the next one.",
)
@common
@as_json
@lambda command: for_people(command, "重新结算报告", "re-settlement")
@threads
@out_encoding
@out_format
@click.option(
    "--attribution",
    cls=Option,
    type=click.Choice(["sequence", "shapley", "none"]),
    default="sequence",
    show_default=True,
    zh="各项变更各占多少：按所列次序、按全部次序平均（至多六项）、不计算。",
    en="What each change moved: in the order given, on average over all orders (up to six), not at all.",
)
@click.option(
    "--replace",
    cls=Option,
    is_flag=True,
    zh="作业：输出文件夹已有别的重新结算时，全部重做并替换。",
    en="Of a job: settle anew and swap the folder where it holds another re-settlement.",
)
@click.option(
    "--memory",
    cls=Option,
    zh="作业：内存上限，如 4GiB；默认 4GiB。",
    en="Of a job: memory to stay below, such as 4GiB; default 4GiB.",
)
@click.option("--out", cls=Option, type=PATH, required=True, zh="输出文件夹。", en="Folder for the outputs.")
@click.option(
    "--changes",
    cls=Option,
    type=PATH,
    required=True,
    zh="变更文件（YAML）。",
    en="Document of changes (YAML).",
)
@click.option(
    "--previous",
    cls=Option,
    type=PATH,
    required=True,
    zh="上一次 settle、resettle 或 run 的输出文件夹。",
    en="Output folder of the settle, resettle or run before.",
)
def resettle(session: Session, **options: Any) -> int:
    from .resettle import resettle as work

    return work(session, **options)


@click.group("changes", cls=Group, zh="检查变更文件。", en="Check documents of changes.")
def changes() -> None:
    pass


@changes.command(
    "check",
    zh="检查变更文件及其所列文件，一次列出全部问题。",
    en="Check a document of changes and its files; every problem at once.",
)
@click.argument("path", type=PATH)
@common
def changes_check(session: Session, path: Path) -> int:
    from .resettle import check_changes

    return check_changes(session, path)


@changes.command("schema", zh="变更文件的 JSON Schema。", en="The JSON Schema of documents of changes.")
@common
def changes_schema(session: Session) -> int:
    from .resettle import schema

    return schema(session)


@click.command(
    "reconcile",
    cls=Command,
    zh="以外部台账（如医保局的 SETL_D）核对一次结算：逐笔比对到分，说明每笔差异的原因。\n\n--sweep 另找哪种取整与次序最能解释该台账。",
    en="Set another ledger (a bureau's SETL_D) against a run: every difference to the fen, each visit with its cause.\n\n--sweep looks for the rounding and the order that explain the ledger best instead.",
)
@common
@as_json
@threads
@out_encoding
@click.option(
    "--out",
    cls=Option,
    type=PATH,
    zh="逐笔差异（--sweep 时为各方案）的文件（.csv 或 .parquet）。",
    en="File for every visit that differs, or with --sweep for the variants (.csv or .parquet).",
)
@click.option("--sweep", cls=Option, is_flag=True, zh="改为搜寻取整与次序。", en="Look for rounding and order instead.")
@click.option(
    "--columns",
    cls=Option,
    type=PATH,
    zh="列名对照（YAML：key、unit、columns）；默认同名列。",
    en="Names of their columns (YAML: key, unit, columns); default the same names.",
)
@click.option(
    "--ledger", cls=Option, type=PATH, required=True, zh="外部台账（.csv 或 .parquet）。", en="Their ledger (.csv or .parquet)."
)  # fmt: skip
@of_run
def reconcile(session: Session, **options: Any) -> int:
    from .reconcile import reconcile as work

    return work(session, **options)


@click.command(
    "order",
    cls=Command,
    zh="次序敏感性：换一种结算次序，多少钱会变。",
    en="Order sensitivity: how much money moves if visits are settled in another order.",
)
@common
@as_json
@threads
@out_encoding
@click.option(
    "--out",
    cls=Option,
    type=PATH,
    zh="逐人变动的文件（.csv 或 .parquet）。",
    en="File for what moves by person (.csv or .parquet).",
)
@of_run
def order(session: Session, **options: Any) -> int:
    from .reconcile import order as work

    return work(session, **options)


COMMANDS = (resettle, changes, reconcile, order)
