"""The commands of clearing: what the fund owes providers, and cash benefits. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .base import Command, Option, Session, common
from .options import PATH, as_json, out_encoding, out_format, threads

__all__ = ["CLEARING"]

FUNDS = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "hifdm_pay", "maf_pay", "oth_pay")

documents = click.option(
    "--documents",
    cls=Option,
    type=PATH,
    multiple=True,
    required=True,
    zh="文件或文件夹；可多次给出。",
    en="Document or folder; may be repeated.",
)


@click.command(
    "clear",
    cls=Command,
    zh="清算：基金应付各医疗机构多少。\n\n从 INPUT 读取 cases、groups、institutions、budgets、quotas；写出 cases、months、years、pools、balances。以 --case 或 --hospital 只作解释。",
    en="What the fund owes each hospital.\n\nReads cases, groups, institutions, budgets and quotas from the input folder; writes cases, months, years, pools and balances. With --case or --hospital it explains instead.",
)
@common
@documents
@click.option(
    "--input", "folder", cls=Option, type=PATH, required=True, zh="放有各表的文件夹。", en="Folder with the tables."
)
@click.option("--out", cls=Option, type=PATH, zh="输出文件夹。", en="Folder to write to.")
@click.option(
    "--html",
    cls=Option,
    type=PATH,
    zh="每家机构一页清算单的文件夹。",
    en="Folder for a statement of each hospital as a page.",
)
@click.option(
    "--excel",
    cls=Option,
    type=PATH,
    zh="每家机构一份清算单的文件夹（xlsx）。",
    en="Folder for a statement of each hospital as a workbook.",
)
@click.option("--case", "case", cls=Option, zh="解释一个病例（setl_id）。", en="Explain one case (setl_id).")
@click.option("--hospital", cls=Option, zh="只看一家机构，逐步说明。", en="One hospital only, told step by step.")
@click.option(
    "--run",
    "run",
    cls=Option,
    type=PATH,
    zh="以 settle 或作业的结果文件夹为病例，不读 INPUT 中的 cases。",
    en="Cases are what a folder of settle or of a job holds, not the cases of the input folder.",
)
@click.option(
    "--groups-of",
    "groups_of",
    cls=Option,
    type=PATH,
    zh="与 --run 同用：每笔结算的病组（setl_id、group_code 等列）。",
    en="With --run: the group of each settlement (setl_id, group_code and more).",
)
@click.option(
    "--med-type",
    "med_types",
    cls=Option,
    multiple=True,
    zh="与 --run 同用：只取这些医疗类别（前缀）。",
    en="With --run: only these kinds of visit, by prefix.",
)
@click.option(
    "--clears",
    "clears",
    cls=Option,
    type=click.Choice(FUNDS),
    multiple=True,
    default=("hifp_pay",),
    zh="与 --run 同用：清算的基金；其余为其他基金。",
    en="With --run: the funds that clear; the others are other funds.",
)
@out_format
@out_encoding
@threads
@as_json
def clear(session: Session, **options: Any) -> int:
    from .clearing import clear as work

    return work(session, **options)


@click.command(
    "benefit",
    cls=Command,
    zh="现金待遇：按文件计算生育津贴等。\n\n从 claims 文件读取申请，写出每笔应发金额。",
    en="Cash benefits by documents: maternity allowances and the like.\n\nReads claims and writes what each is paid.",
)
@common
@documents
@click.option(
    "--claims",
    cls=Option,
    type=PATH,
    required=True,
    zh="申请文件（.csv 或 .parquet）。",
    en="File of claims (.csv or .parquet).",
)
@click.option(
    "--out",
    cls=Option,
    type=PATH,
    required=True,
    zh="结果文件（.csv 或 .parquet）。",
    en="File for the result (.csv or .parquet).",
)
@out_encoding
def benefit(session: Session, documents: tuple[Path, ...], claims: Path, out: Path, encoding: str) -> int:
    from .clearing import benefit as work

    return work(session, documents, claims, out, encoding)


CLEARING = (clear, benefit)
