"""The commands of rule checks: findings over tables, and the rules themselves. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .base import Command, Group, Option, Session, common
from .options import (
    DAY,
    PATH,
    as_json,
    for_people,
    json_out,
    out_encoding,
    out_folder,
    out_format,
    own_functions,
    threads,
    what_counts,
)

__all__ = ["CHECKING"]

rule_paths = click.option(
    "--rules",
    "paths",
    cls=Option,
    multiple=True,
    type=PATH,
    zh="规则文件或文件夹；可多次给出；默认随附的规则。",
    en="Rule document or folder; may be repeated; default the shipped ones.",
)


@click.command(
    "check",
    cls=Command,
    zh="按审核规则检查文件夹中的就诊与明细，写出违规结果、违规明细与运行清单。\n\n读取文件夹中已有的各表；规则所需的列或表缺失时跳过该规则，并在清单中写明。",
    en="Check the visits and lines of a folder by rules; write findings, details and the manifest.\n\nReads whatever tables the folder has; a rule that needs a column or table which is not there is skipped, and the manifest says so.",
)
@common
@own_functions
@for_people
@as_json
@out_encoding
@out_format
@threads
@click.option(
    "--labels",
    cls=Option,
    type=PATH,
    zh="复核结果（jr_id、outcome：confirmed 或 overturned；.csv 或 .parquet），按规则统计准确率。",
    en="What people decided about findings (jr_id, outcome: confirmed or overturned; .csv or .parquet): precision by rule.",
)
@what_counts
@click.option(
    "--stage",
    cls=Option,
    type=click.Choice(["before", "during", "after"]),
    default="after",
    show_default=True,
    zh="事前、事中或事后。",
    en="Before, during or after the act.",
)
@click.option(
    "--catalog",
    cls=Option,
    type=PATH,
    zh="目录文件夹；默认 INPUT 下的 catalog。",
    en="Catalogue folder; default catalog in the input folder.",
)
@out_folder
@rule_paths
@click.option(
    "--input",
    "folder",
    cls=Option,
    type=PATH,
    required=True,
    zh="放有各表（及 catalog）的文件夹。",
    en="Folder with the tables (and catalog).",
)
def check(session: Session, **options: Any) -> int:
    from .check import check as work

    return work(session, **options)


@click.group(
    "rules",
    cls=Group,
    zh="列出、展示、校验、回放审核规则，追问一行为何未命中。",
    en="List, show, validate and replay rule checks; ask why a row was not hit.",
)
def rules() -> None:
    pass


@rules.command(
    "list",
    zh="列出规则文件或文件夹中的规则。\n\nRULES 默认随附的规则。",
    en="List the rules of documents or folders.\n\nRULES: default the shipped ones.",
)
@click.argument("paths", nargs=-1, type=PATH, metavar="[RULES]...")
@common
@own_functions
@json_out
def rules_list(session: Session, paths: tuple[Path, ...], as_json: bool) -> int:
    from .rules import list_rules

    return list_rules(session, paths, as_json)


@rules.command(
    "show",
    zh="展示一条规则：范围、内核、参数、表、来源与自行选定之处；--json 输出原文。\n\nRULES 默认随附的规则。",
    en="Show a rule: scope, kernel, parameters, table, source and choices; --json prints it as written.\n\nRULES: default the shipped ones.",
)
@click.argument("paths", nargs=-1, type=PATH, metavar="[RULES]...")
@click.argument("rule_id", metavar="ID")
@common
@own_functions
@click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出原文。", en="As written, in JSON.")
def rules_show(session: Session, paths: tuple[Path, ...], rule_id: str, as_json: bool) -> int:
    from .rules import show_rule

    return show_rule(session, paths, rule_id, as_json)


@rules.command(
    "validate",
    zh="校验规则文件或文件夹，一次列出全部问题。\n\nRULES 默认随附的规则。",
    en="Validate documents or folders; every problem at once.\n\nRULES: default the shipped ones.",
)
@click.argument("paths", nargs=-1, type=PATH, metavar="[RULES]...")
@common
@own_functions
def rules_validate(session: Session, paths: tuple[Path, ...]) -> int:
    from .rules import validate

    return validate(session, paths)


def of_folder(command: Any) -> Any:
    """The options that say what rules look at."""
    options = [
        Option(["--input", "folder"], type=PATH, required=True, zh="放有各表（及 catalog）的文件夹。", en="Folder with the tables (and catalog)."),
        Option(["--catalog"], type=PATH, zh="目录文件夹；默认 INPUT 下的 catalog。", en="Catalogue folder; default catalog in the input folder."),
        Option(["--stage"], type=click.Choice(["before", "during", "after"]), default="after", show_default=True, zh="事前、事中或事后。", en="Before, during or after the act."),
        Option(["--known-at"], type=DAY, zh="只用当日已公布、尚未更正的知识点（YYYY-MM-DD）。", en="Only rows of rule tables that were known on that day and not yet corrected (YYYY-MM-DD)."),
        Option(["--threads"], type=click.IntRange(1, 1024), zh="线程数；默认全部可用核。", en="Threads; default all cores lent to the process."),
        Option(["--json", "as_json"], is_flag=True, zh="以 JSON 输出。", en="As JSON."),
    ]  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), *reversed(options)]
    return command


@rules.command(
    "replay",
    zh="回放：一条规则的阈值取各个值时，各命中多少、涉及多少金额，不必逐一重跑。\n\nRULES 默认随附的规则。",
    en="What a rule would find at each of many values of its figure, and how much money, without a run for each.\n\nRULES: documents or folders; default the shipped ones.",
)
@click.argument("paths", nargs=-1, type=PATH, metavar="[RULES]...")
@common
@own_functions
@of_folder
@out_encoding
@click.option(
    "--out",
    cls=Option,
    type=PATH,
    zh="结果文件（.csv、.parquet 或 .json）。",
    en="File for the result (.csv, .parquet or .json).",
)
@click.option(
    "--figure",
    cls=Option,
    zh="规则有多个阈值时，其在 check 中的路径，如 windows[0].thresholds[0].value。",
    en="Where the rule has several: its path in check, such as windows[0].thresholds[0].value.",
)
@click.option("--step", cls=Option, zh="步长。", en="Step.")
@click.option("--to", "last", cls=Option, zh="最后一个值。", en="Last value.")
@click.option("--from", "first", cls=Option, zh="第一个值。", en="First value.")
@click.option(
    "--values",
    cls=Option,
    zh="各个值，逗号分隔，单位同规则文件，最多 100 个。",
    en="Values with commas between, in the document's unit, at most 100.",
)
@click.option("--rule", "rule_id", cls=Option, required=True, zh="规则编号。", en="Id of the rule.")
def rules_replay(session: Session, paths: tuple[Path, ...], **options: Any) -> int:
    from .replay import replay

    return replay(session, paths, **options)


@rules.command(
    "why",
    zh="追问：一条规则为何没有命中某条明细或某次就诊，命中的又如何处理。\n\nROW 为 setl_id/feedetl_sn，或就诊的 setl_id；没有 feedetl_sn 的明细写 setl_id/#序号。",
    en="Why a rule did not hit a fee line or a visit, or what became of it where it did.\n\nROW is setl_id/feedetl_sn, or a visit's setl_id; a line without feedetl_sn is setl_id/#place.",
)
@click.argument("rows", nargs=-1, required=True, metavar="ROW...")
@common
@of_folder
@click.option(
    "--suppress",
    cls=Option,
    type=PATH,
    zh="抑制清单（.csv 或 .parquet）；每行须有 reason、owner、expires。",
    en="Suppression list (.csv or .parquet); every row gives reason, owner, expires.",
)
@rule_paths
@click.option("--rule", "rule_id", cls=Option, required=True, zh="规则编号。", en="Id of the rule.")
def rules_why(session: Session, rows: tuple[str, ...], **options: Any) -> int:
    from .why import why

    return why(session, rows, **options)


@rules.command("schema", zh="规则文件的 JSON Schema。", en="The JSON Schema of rule documents.")
@common
def rules_schema(session: Session) -> int:
    from .rules import schema

    return schema(session)


CHECKING = (check, rules)
