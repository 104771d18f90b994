"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .base import Option

__all__ = ["for_people", "rules_of_settling"]

PATH = click.Path(path_type=Path)


def rules_of_settling(command: Any) -> Any:
    """The option that names the rules of a settlement."""
    option = Option(["--rules"], multiple=True, type=PATH, zh="审核规则文件或文件夹；可多次给出。", en="Rule document or folder; may be repeated.")  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), option]
    return command


def for_people(command: Any) -> Any:
    """The options that ask for a report of findings beside the tables."""
    options = [
        Option(["--html"], type=PATH, zh="另写一份 HTML 违规报告（可离线打开）。", en="Also write the findings as one HTML page that opens offline."),
        Option(["--excel"], type=PATH, zh="另写一份 Excel 违规报告（.xlsx）。", en="Also write the findings as an Excel workbook (.xlsx)."),
    ]  # fmt: skip
    command.__click_params__ = [*getattr(command, "__click_params__", []), *reversed(options)]
    return command
