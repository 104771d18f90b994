"""The commands of studies. Each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path

import click

from .base import Command, Group, Option, Session, common
from .options import PATH, as_json, threads

__all__ = ["STUDIES"]


@click.command(
    "simulate",
    cls=Command,
    zh="按测算文件试算政策：改革前后对照、各项影响、受益与受损、参数扫描与求解、基金逐年结余。\n\n写出 study.html（一页，可离线打开）、study.xlsx、tables/（Parquet）、pictures/ 与 receipt.json。",
    en="Try a change of policy by a study document: before and after, what each reform contributes, who gains and who loses, sweeps and targets, the fund over years.\n\nWrites study.html (one page that opens offline), study.xlsx, tables/ (Parquet), pictures/ and receipt.json.",
)
@click.argument("study", type=PATH)
@common
@as_json
@threads
@click.option("--out", cls=Option, type=PATH, required=True, zh="输出文件夹。", en="Folder for the outputs.")
def simulate(session: Session, study: Path, out: Path, threads: int | None, as_json: bool) -> int:
    from .simulate import simulate as work

    return work(session, study, out=out, threads=threads, as_json=as_json)


@click.group("study", cls=Group, zh="测算文件：检查、JSON Schema。", en="Study documents: check, JSON Schema.")
def study() -> None:
    pass


@study.command("check", zh="检查测算文件及其政策与改革，一次列出全部问题。", en="Check a document, its policies and reforms; every problem at once.")  # fmt: skip
@click.argument("path", type=PATH)
@common
def check(session: Session, path: Path) -> int:
    from .simulate import check as work

    return work(session, path)


@study.command("schema", zh="测算文件的 JSON Schema。", en="The JSON Schema of study documents.")
@common
def schema(session: Session) -> int:
    from .simulate import schema as work

    return work(session)


STUDIES = (simulate, study)
