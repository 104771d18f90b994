"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .base import Option

__all__ = [
    "DAY",
    "ENCODING",
    "FORMAT",
    "PATH",
    "as_json",
    "for_people",
    "inputs",
    "json_out",
    "out_encoding",
    "out_folder",
    "out_format",
    "own_functions",
    "rules_of_settling",
    "threads",
    "what_counts",
]

FORMAT = click.Choice(["parquet", "csv"])
ENCODING = click.Choice(["utf-8", "utf-8-sig", "gb18030"])
PATH = click.Path(path_type=Path)
out_encoding = click.option(
    "--encoding", cls=Option, type=ENCODING, default="utf-8", show_default=True, zh="输出 CSV 的编码。", en="Encoding of CSV outputs."
)  # fmt: skip
out_format = click.option(
    "--format", "format_", cls=Option, type=FORMAT, default="parquet", show_default=True, zh="输出格式。", en="Format of outputs."
)  # fmt: skip
out_folder = click.option(
    "--out", cls=Option, type=PATH, required=True, zh="输出文件夹。", en="Folder for the outputs."
)
as_json = click.option(
    "--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出汇总。", en="The summary as JSON."
)
json_out = click.option("--json", "as_json", cls=Option, is_flag=True, zh="以 JSON 输出。", en="As JSON.")
threads = click.option(
    "--threads",
    cls=Option,
    type=click.IntRange(1, 1024),
    zh="线程数；默认全部可用核。",
    en="Threads; default all cores lent to the process.",
)


class _Day(click.DateTime):
    """A day, told as people write it and not as strftime does."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} does not match the format YYYY-MM-DD.", param, ctx)


DAY = _Day(["%Y-%m-%d"])
TABLES = ("visits", "lines", "persons", "institutions", "acct-events")
NAMES = {
    "visits": ("结算表", "visits"),
    "lines": ("费用明细表", "fee lines"),
    "persons": ("参保人员表", "persons"),
    "institutions": ("定点机构表", "institutions"),
    "acct-events": ("个人账户变动表", "account movements"),
}


def inputs(command: Any) -> Any:
    """The options that name policies, catalogue and tables."""
    options = [
        Option(["--policy"], multiple=True, type=PATH, zh="政策文件或文件夹；可多次给出。", en="Policy document or folder; may be repeated."),
        Option(["--catalog"], type=PATH, zh="目录文件夹（items、selfpay、caps）。", en="Catalogue folder (items, selfpay, caps)."),
        Option(["--input", "folder"], type=PATH, zh="放有各表（及 catalog）的文件夹，代替逐一给出。", en="Folder with the tables (and catalog), instead of naming each."),
        *(Option([f"--{name}"], type=PATH, zh=f"{NAMES[name][0]}（.parquet 或 .csv）。", en=f"{NAMES[name][1].capitalize()} (.parquet or .csv).") for name in TABLES),
        Option(["--state", "opening"], type=PATH, zh="上一次结算的期末状态文件夹。", en="Closing state of the run before."),
        Option(["--threads"], type=click.IntRange(1, 1024), zh="线程数；默认全部可用核。", en="Threads; default all cores lent to the process."),
    ]  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), *reversed(options)]
    return command


def _register(ctx: click.Context, param: click.Parameter, files: tuple[Path, ...]) -> None:
    if files and not ctx.resilient_parsing:
        from ..checks.user import register_file

        for file in files:
            register_file(file)


def own_functions(command: Any) -> Any:
    """The option that names Python files whose functions rules of one's own name."""
    option = Option(["--functions"], multiple=True, type=PATH, expose_value=False, callback=_register, zh="先运行的 Python 文件，以 @ybcore.rule 注册规则函数；可多次给出。", en="Python file to run first, which registers rule functions by @ybcore.rule; may be repeated.")  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), option]
    return command


def rules_of_settling(command: Any) -> Any:
    """The options that name the rules of a settlement, and what of them counts."""
    option = Option(["--rules"], multiple=True, type=PATH, zh="审核规则文件或文件夹；可多次给出。", en="Rule document or folder; may be repeated.")  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), option]
    return what_counts(own_functions(command))


def what_counts(command: Any) -> Any:
    """The options that leave findings out: a suppression list, and the day by which a rule table's row must be known."""
    options = [
        Option(["--suppress"], type=PATH, zh="抑制清单（.csv 或 .parquet）；每行须有 reason、owner、expires。", en="Suppression list (.csv or .parquet); every row gives reason, owner, expires."),
        Option(["--known-at"], type=DAY, zh="只用当日已公布、尚未更正的知识点（YYYY-MM-DD）。", en="Only rows of rule tables that were known on that day and not yet corrected (YYYY-MM-DD)."),
    ]  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), *reversed(options)]
    return command


def for_people(command: Any, zh: str = "违规报告", en: str = "findings") -> Any:
    """The options that ask for a report beside the tables; `zh`, `en` say of what."""
    options = [
        Option(["--html"], type=PATH, zh=f"另写一份 HTML {zh}（可离线打开）。", en=f"Also write the {en} as one HTML page that opens offline."),
        Option(["--excel"], type=PATH, zh=f"另写一份 Excel {zh}（.xlsx）。", en=f"Also write the {en} as an Excel workbook (.xlsx)."),
    ]  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), *reversed(options)]
    return command
