"""The commands that other systems meet: the service, and the platform's tables."""

from __future__ import annotations

from typing import Any

import click

from .base import Command, Group, Option, Session, common
from .options import FORMAT, PATH, json_out, out_folder, out_format, own_functions

__all__ = ["OUTSIDE"]


@click.group(
    "migrate",
    cls=Group,
    zh="与国家平台表互转：SETL_D、MDTRT_D、FEE_LIST_D。",
    en="From and to the national platform's tables SETL_D, MDTRT_D and FEE_LIST_D.",
)
def migrate() -> None:
    pass


@migrate.command(
    "from-platform",
    zh="SETL_D（及 FEE_LIST_D、MDTRT_D）转为 visits、results、lines、line_results。\n\n逐行核对勾稽关系，一次列出全部问题；无处可放的列另存。",
    en="SETL_D (with FEE_LIST_D, MDTRT_D) as visits, results, lines and line_results.\n\nEvery row is held against the identities of the platform; every problem at once; columns without a place are kept beside.",
)
@common
@click.option("--setl-d", cls=Option, required=True, type=PATH, zh="SETL_D 表。", en="The table SETL_D.")
@click.option("--fee-list-d", cls=Option, type=PATH, zh="FEE_LIST_D 表。", en="The table FEE_LIST_D.")
@click.option("--mdtrt-d", cls=Option, type=PATH, zh="MDTRT_D 表。", en="The table MDTRT_D.")
@click.option(
    "--hospital-gap",
    cls=Option,
    type=click.Choice(["refuse", "hospital"]),
    default="refuse",
    show_default=True,
    zh="医院负担为空而各方之和不足时：报错，或作为医院负担。",
    en="Where the hospital's part is null and the parts fall short: refuse, or take the gap as the hospital's.",
)
@out_folder
@out_format
@json_out
def migrate_from(session: Session, **options: Any) -> int:
    from .migrate import from_theirs as work

    return work(session, **options)


@migrate.command(
    "to-platform",
    zh="visits、results（及 lines、line_results）转为 SETL_D、MDTRT_D、FEE_LIST_D。",
    en="visits and results (lines, line_results) as SETL_D, MDTRT_D and FEE_LIST_D.",
)
@common
@click.option("--folder", cls=Option, required=True, type=PATH, zh="放有各表的文件夹。", en="Folder with the tables.")
@out_folder
@click.option(
    "--format",
    "format_",
    cls=Option,
    type=FORMAT,
    default="csv",
    show_default=True,
    zh="输出格式。",
    en="Format of outputs.",
)
@json_out
def migrate_to(session: Session, **options: Any) -> int:
    from .migrate import to_theirs as work

    return work(session, **options)


@click.command(
    "serve",
    cls=Command,
    zh="以 HTTP 服务方式结算（需 ybcore[service]）：预结算、结算、冲销、事前审核、解释；状态存于数据库。\n\n没有令牌时只监听本机。接口文档见 /openapi.json。",
    en="Settle over HTTP (needs ybcore[service]): pre-settle, settle, reverse, check, explain; the state is kept in a database.\n\nWithout a token it listens on this machine only. The interface is described at /openapi.json.",
)
@common
@own_functions
@click.option(
    "--policy",
    cls=Option,
    multiple=True,
    required=True,
    type=PATH,
    zh="政策文件或文件夹；可多次给出。",
    en="Policy document or folder; may be repeated.",
)
@click.option("--catalog", cls=Option, type=PATH, zh="目录文件夹。", en="Catalogue folder.")
@click.option("--institutions", cls=Option, type=PATH, zh="定点机构表。", en="Institutions.")
@click.option(
    "--rules",
    cls=Option,
    multiple=True,
    type=PATH,
    zh="审核规则；默认随附规则。",
    en="Rules to check by; default those shipped.",
)
@click.option(
    "--database",
    cls=Option,
    default="sqlite:///ybcore-service.db",
    show_default=True,
    envvar="YBCORE_DATABASE",
    zh="数据库：sqlite:///文件 或 postgresql+psycopg://…（或环境变量 YBCORE_DATABASE）。",
    en="Database: sqlite:///FILE or postgresql+psycopg://… (or YBCORE_DATABASE).",
)
@click.option("--host", cls=Option, default="127.0.0.1", show_default=True, zh="监听地址。", en="Address to listen on.")
@click.option(
    "--port", cls=Option, type=click.IntRange(0, 65535), default=8000, show_default=True, zh="端口。", en="Port."
)
@click.option(
    "--token-file",
    cls=Option,
    type=PATH,
    zh="访问令牌，每行一个；或环境变量 YBCORE_TOKEN。",
    en="Tokens that open it, one a line; or YBCORE_TOKEN.",
)
@click.option(
    "--max-body",
    cls=Option,
    type=click.IntRange(1_000),
    default=4 << 20,
    show_default=True,
    zh="请求字节上限。",
    en="Most bytes of a request.",
)
@click.option(
    "--timeout",
    cls=Option,
    type=click.FloatRange(0.1, 600),
    default=30.0,
    show_default=True,
    zh="接收、应答各自的秒数上限。",
    en="Most seconds for a request to arrive, and again to be answered.",
)
def serve(session: Session, **options: Any) -> int:
    from .serve import serve as work

    return work(session, **options)


OUTSIDE = (migrate, serve)
