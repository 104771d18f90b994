"""What every command shares: bilingual help, the console, steps that tell when they take long, exit codes."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..errors import Problem, YbcoreError, _ProblemsError
from ..messages import LANGUAGES, current, from_environment, say

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Command", "Failure", "Group", "Option", "Session", "common", "language_of", "run"]

SLOW = 2.0
HEADINGS = {
    "Usage:": "用法：",
    "Options:": "选项：",
    "Commands:": "命令：",
    "Show this message and exit.": "显示本帮助后退出。",
    "[OPTIONS]": "[选项]",
    "COMMAND [ARGS]...": "命令 [参数]...",
    "[required]": "[必填]",
    "[default: ": "[默认：",
    "[default:\n": "[默认：\n",
}


class Failure(YbcoreError):
    """A failure that a command explains in one sentence; exit code 1."""


def language_of(arguments: Sequence[str]) -> str:
    """The language that `--lang` asks for anywhere in the arguments, else that of the environment."""
    for i, word in enumerate(arguments):
        value = (
            word.partition("=")[2]
            if word.startswith("--lang=")
            else arguments[i + 1]
            if word == "--lang" and i + 1 < len(arguments)
            else ""
        )
        if value in LANGUAGES:
            return value
    return from_environment()


class Option(click.Option):
    """An option with its help in both languages."""

    def __init__(self, *args: Any, zh: str = "", en: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zh, self.en = zh, en

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        self.help = say(self.zh, self.en)
        return super().get_help_record(ctx)


def _headed(text: str) -> str:
    """Help with its headings in the language in use."""
    for english, chinese in HEADINGS.items():
        text = text.replace(english, say(chinese, english))
    return text


# What the option parser says is wrong.
CLICK = tuple((re.compile(pattern, re.S), text) for pattern, text in (
    (r"Missing option (.+?)\. Choose from:\s*(.+)", r"缺少选项 \1，可选：\2"),
    (r"Missing option (.+?)\.", r"缺少选项 \1"),
    (r"Missing argument (.+?)\.", r"缺少参数 \1"),
    (r"Missing parameter: (.+)", r"缺少参数 \1"),
    (r"No such command (.+?)\. Did you mean one of: (.+)\?", r"没有命令 \1；是否为 \2？"),
    (r"No such command (.+?)\. Did you mean (.+)\?", r"没有命令 \1；是否为 \2？"),
    (r"No such command (.+?)\.", r"没有命令 \1"),
    (r"No such option:? (.+?)\.? Did you mean (.+)\?", r"没有选项 \1；是否为 \2？"),
    (r"No such option:? (.+?) \(Possible options: (.+)\)", r"没有选项 \1；相近的有：\2"),
    (r"No such option:? (.+?)\.?", r"没有选项 \1"),
    (r"Option (.+) requires an argument\.", r"选项 \1 须带一个值"),
    (r"Option (.+) requires (\d+) arguments\.", r"选项 \1 须带 \2 个值"),
    (r"Option (.+) does not take a value\.", r"选项 \1 不带值"),
    (r"Got unexpected extra arguments? \((.+)\)", r"多余的参数：\1"),
    (r"Invalid value for (.+?): (.+) is not one of (.+)\.", r"\1 的值 \2 无效，可选：\3"),
    (r"Invalid value for (.+?): (.+) is not in the range (.+)\.", r"\1 的值 \2 超出范围 \3"),
    (r"Invalid value for (.+?): (.+) is not a valid integer(?: range)?\.", r"\1 的值 \2 不是整数"),
    (r"Invalid value for (.+?): (.+) is not a valid float\.", r"\1 的值 \2 不是数"),
    (r"Invalid value for (.+?): (.+) does not match the formats? (.+)\.", r"\1 的值 \2 不合格式 \3"),
    (r"Invalid value for (.+?): \w+ (.+) does not exist\.", r"\1：\2 不存在"),
    (r"Invalid value for (.+?): (.+)", r"\1 的值无效：\2"),
))  # fmt: skip


def _of_click(what: str) -> str:
    """What the option parser says, in the language in use."""
    for pattern, text in CLICK:
        if found := pattern.fullmatch(what):
            return say(found.expand(text), what)
    return what


class _Bilingual:
    zh = en = ""
    help: str | None

    def get_help(self, ctx: click.Context) -> str:
        text: str = super().get_help(ctx)  # type: ignore[misc]
        return _headed(text)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.help = say(self.zh, self.en)
        super().format_help_text(ctx, formatter)  # type: ignore[misc]

    def get_short_help_str(self, limit: int = 45) -> str:
        return say(self.zh, self.en).strip().splitlines()[0]


class Command(_Bilingual, click.Command):
    """A command with its help in both languages."""

    def __init__(self, *args: Any, zh: str = "", en: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zh, self.en = zh, en


class Group(_Bilingual, click.Group):
    """A group with its help in both languages."""

    command_class = Command

    def __init__(self, *args: Any, zh: str = "", en: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zh, self.en = zh, en


Group.group_class = Group


@dataclass
class Session:
    """How a command speaks: `out` is stdout, `err` stderr."""

    quiet: bool = False
    verbose: int = 0

    def out(self) -> Console:
        """A console on stdout, never so narrow that a figure is cut."""
        from rich.console import Console

        width = max(shutil.get_terminal_size().columns, 120) if sys.stdout.isatty() else 160
        return Console(width=width, highlight=False, markup=False)

    def data(self, text: str) -> None:
        """Data on stdout."""
        click.echo(text)

    def say(self, zh: str, en: str) -> None:
        """A message on stderr."""
        if not self.quiet:
            click.echo(say(zh, en), err=True)

    def detail(self, zh: str, en: str) -> None:
        """A message that only `-v` shows."""
        if self.verbose:
            self.say(zh, en)

    @contextlib.contextmanager
    def step(self, zh: str, en: str) -> Iterator[None]:
        """A step that announces itself on stderr once it has taken two seconds, and then how long it took."""
        began = time.perf_counter()
        text = say(f"{zh} ……", f"{en} ...")  # in the language of this thread
        timer = threading.Timer(SLOW, lambda: self.say(text, text))
        timer.daemon = True
        if not self.quiet:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            seconds = time.perf_counter() - began
            if seconds > SLOW or self.verbose:
                self.say(f"{zh}：{seconds:.1f} 秒", f"{en}: {seconds:.1f} s")

    @contextlib.contextmanager
    def progress(self, zh: str, en: str) -> Iterator[Callable[[int, int], None]]:
        """A bar on stderr for work whose size is known, with rate and time left; lines every few seconds where stderr is no terminal."""
        if self.quiet:
            yield lambda done, whole: None
            return
        pace = _Pace()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (TextColumn(say(zh, en)), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
            with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task("", total=None, pace="")
                yield lambda done, whole: bar.update(
                    task, completed=done, total=whole, pace=say(*pace.words(done, whole))
                )
            return
        last = time.perf_counter()

        def tell(done: int, whole: int) -> None:
            nonlocal last
            words = pace.words(done, whole)
            if time.perf_counter() - last > 2 * SLOW:
                last = time.perf_counter()
                self.say(f"{zh}：{done:,}/{whole:,}{words[0]}", f"{en}: {done:,}/{whole:,}{words[1]}")

        yield tell


class _Pace:
    """How fast work goes and how long it will take, counted from when it is first told of: resumed work begins in the middle."""

    def __init__(self) -> None:
        self.first: tuple[int, float] | None = None

    def words(self, done: int, whole: int) -> tuple[str, str]:
        """`, 1,200/s, 0:25 left` in both languages; nothing while there is nothing to tell from."""
        now = time.perf_counter()
        if self.first is None:
            self.first = done, now
        fresh, seconds = done - self.first[0], now - self.first[1]
        if fresh <= 0 or seconds <= 0:
            return "", ""
        minutes, rest = divmod(round((whole - done) * seconds / fresh), 60)
        hours, minutes = divmod(minutes, 60)
        left = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
        return f"，每秒 {fresh / seconds:,.0f}，还需 {left}", f", {fresh / seconds:,.0f}/s, {left} left"


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--lang`, `--quiet`, `-v` on a command, and a Session as its first argument."""

    def called(*args: Any, lang: str | None, quiet: bool, verbose: int, **kwargs: Any) -> Any:
        return command(Session(quiet=quiet, verbose=verbose), *args, **kwargs)

    called.__name__ = command.__name__
    called.__click_params__ = [  # type: ignore[attr-defined]
        *getattr(command, "__click_params__", []),
        Option(["-v", "--verbose"], count=True, zh="多说一些。", en="Say more."),
        Option(["-q", "--quiet"], is_flag=True, zh="除错误外不输出消息。", en="No messages but errors."),
        Option(
            ["--lang"],
            type=click.Choice(LANGUAGES),
            zh="语言；默认取自 LANG，否则中文。",
            en="Language; default from LANG, else Chinese.",
        ),
    ]
    return called


def run(arguments: list[str]) -> int:
    """Parse and run; every failure becomes a message on stderr and an exit code."""
    from .app import app

    verbose = any(word == "--verbose" or (word.startswith("-v") and set(word[1:]) == {"v"}) for word in arguments)
    try:
        code = app.main(arguments, prog_name="ybcore", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        if context is not None:
            click.echo(_headed(context.get_usage()), err=True)
        click.echo(say("错误：", "error: ") + _of_click(error.format_message()), err=True)
        return 2
    except _ProblemsError as error:
        return _tell_problems(error.problems)
    except (YbcoreError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        click.echo(say("错误：", "error: ") + _sentence(error), err=True)
        return 1
    except (KeyboardInterrupt, click.Abort):
        click.echo(say("已中断", "interrupted"), err=True)
        return 2
    except Exception as error:
        if verbose:
            traceback.print_exc()
        click.echo(
            say("程序出错：", "crash: ")
            + f"{type(error).__name__}: {error}"
            + ("" if verbose else say("（-v 可看详情）", " (-v shows where)")),
            err=True,
        )
        return 2


# What a machine says of a place, and what a person can do about it.
PLACES: dict[int, tuple[str, str]] = {
    errno.ENOENT: ("文件不存在", "the file is not there"),
    errno.EACCES: ("没有权限；请更改其权限，或另选位置", "no permission; change that of the place, or name another"),
    errno.EPERM: ("没有权限；请更改其权限，或另选位置", "no permission; change that of the place, or name another"),
    errno.EROFS: ("所在磁盘只读；请另选位置", "the disk is read-only; name another place"),
    errno.ENOSPC: ("磁盘已满；请腾出空间，或另选位置", "the disk is full; make room, or name another place"),
    errno.EDQUOT: ("磁盘配额已用尽；请腾出空间，或另选位置", "the quota is used up; make room, or name another place"),
    errno.ENOTDIR: ("这里需要文件夹，其路径中却有文件；请另选位置", "a file stands where a folder is needed; name another place"),
    errno.EEXIST: ("已有同名文件；请另选位置", "a file of this name is there; name another place"),
    errno.EISDIR: ("这是文件夹，应为文件", "this is a folder, not a file"),
    errno.ENAMETOOLONG: ("名称过长", "the name is too long"),
}  # fmt: skip


def _sentence(error: Exception) -> str:
    """A file that cannot be used is named first, as a person would."""
    if not isinstance(error, OSError):
        return str(error)
    known = PLACES.get(error.errno or 0)
    what = str(error.strerror or error) if known is None else say(*known)
    return what if error.filename is None else f"{error.filename}: {what}"


def _tell_problems(problems: Sequence[Problem]) -> int:
    """Every problem at once: place, what, what would have been right, the nearest name."""
    click.echo(say(f"共 {len(problems)} 处问题：", f"{len(problems)} problem(s):"), err=True)
    for problem in problems:
        what = say(problem.what_zh or problem.what, problem.what)
        place = ": ".join(text for text in (problem.placed(current()), problem.path) if text)
        click.echo(f"  {place}{': ' if place else ''}{what}", err=True)
        if problem.nearest:
            click.echo("    " + say("最接近的名称：", "nearest name: ") + problem.nearest, err=True)
        if problem.expected:
            click.echo("    " + say("应为：", "expected: ") + problem.expected_in(current()), err=True)
    return 1
