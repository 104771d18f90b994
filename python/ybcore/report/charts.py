"""What every chart has: a size for a page and one for a phone, a font that has the characters, the same bytes in every run."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from ..errors import YbcoreError
from ..extras import extra
from ..messages import current, say

__all__ = ["COLOURS", "Picture", "axis_of_money", "font_found", "inline", "needed", "save", "save_pages"]

COLOURS = {"ink": "#1d2433", "soft": "#5b6577", "line": "#d9dee7", "base": "#8a94a6", "now": "#1a5fa8", "gain": "#1b7f4b", "loss": "#b3261e", "mark": "#c77700", "adds": "#d08a1d", "takes": "#2a8080", "band": "#e6f1ea"}  # fmt: skip
WIDE, NARROW = 8.4, 3.9  # inches
_CHINESE = ("Noto Sans CJK SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei", "PingFang SC", "Heiti SC", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback")  # fmt: skip
_FILES = ("notosanscjk-regular", "notosanssc", "sourcehansans", "msyh", "simhei", "wqy-microhei", "wqy-zenhei")
_SALT = "ybcore"


@dataclass(frozen=True)
class Picture:
    """One chart: `draw(figure, narrow)` draws it; `height(narrow)` in inches; `note` says how it is read."""

    name: str
    title: str
    note: str
    draw: Callable[[Any, bool], None]
    height: Callable[[bool], float]


def needed() -> Any:
    """The library of charts; raises YbcoreError when it is not installed."""
    return extra("matplotlib", "plots", "图表", "charts")


def font_found(file: str | os.PathLike[str] | None = None) -> str:
    """The family that charts are set in: of a font file, else one of this machine that has Chinese characters where Chinese is spoken.

    Raises YbcoreError with what to do when there is none.
    """
    needed()
    from matplotlib import font_manager

    if file is not None:
        try:
            font_manager.fontManager.addfont(os.fspath(file))
            return str(font_manager.FontProperties(fname=os.fspath(file)).get_name())
        except (OSError, RuntimeError) as error:
            raise YbcoreError(say(f"{file}：不是可用的字体文件", f"{file}: no font that can be used")) from error
    family = next(_families(font_manager), None)
    if family is None and current() == "zh":
        tell = (
            "图表需要含中文的字体，本机没有找到：安装 fonts-noto-cjk（Debian：apt install fonts-noto-cjk），或在 outputs 中以 font 指定字体文件",
            "charts need a font with Chinese characters and none is here: install fonts-noto-cjk (Debian: apt install fonts-noto-cjk), or name a font file under outputs: font",
        )
        raise YbcoreError(say(*tell))
    return family or "DejaVu Sans"


def _families(fonts: Any) -> Iterator[str]:
    """Families with Chinese characters; files that came after the list of fonts was made are looked for by name."""
    known = {font.name for font in fonts.fontManager.ttflist}
    yield from (name for name in _CHINESE if name in known)
    for path in sorted(fonts.findSystemFonts()):
        if Path(path).name.lower().startswith(_FILES):
            fonts.fontManager.addfont(path)
            known = {font.name for font in fonts.fontManager.ttflist}
            yield from (name for name in _CHINESE if name in known)


@contextlib.contextmanager
def _styled(family: str, text: str, size: float) -> Iterator[None]:
    """Settings of a chart; `text`: whether text of SVG stays text. A character that the font lacks is an error."""
    matplotlib = needed()
    ink, soft, line = COLOURS["ink"], COLOURS["soft"], COLOURS["line"]
    settings = {
        "font.family": [family, "DejaVu Sans"], "font.size": size, "axes.unicode_minus": False, "svg.fonttype": text, "svg.hashsalt": _SALT, "pdf.fonttype": 42,
        "text.color": ink, "axes.labelcolor": soft, "xtick.color": soft, "ytick.color": soft, "axes.edgecolor": line, "axes.spines.top": False,
        "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": line, "grid.linewidth": 0.7, "xtick.major.size": 0, "ytick.major.size": 0,
        "axes.labelsize": size, "xtick.labelsize": size, "ytick.labelsize": size, "legend.frameon": False, "legend.fontsize": size, "axes.titlesize": size + 1.5,
        "axes.titlelocation": "left", "axes.titleweight": "bold",
    }  # fmt: skip
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        try:
            yield
        except UserWarning as warning:
            raise YbcoreError(say(f"字体 {family} 缺少字符：{warning}", f"the font {family} lacks a character: {warning}")) from None  # fmt: skip


def _figure(picture: Picture, narrow: bool, titled: bool) -> Any:
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(NARROW if narrow else WIDE, picture.height(narrow)), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.07, h_pad=0.07)
    if titled:
        figure.suptitle(picture.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    picture.draw(figure, narrow)
    return figure


def save(picture: Picture, path: Path, family: str) -> None:
    """A picture as a file, SVG or PNG by its ending; text of SVG becomes outlines, which look the same everywhere."""
    held, ending = BytesIO(), path.suffix[1:]
    empty: dict[str, Any] = {"Date": None, "Creator": None} if ending == "svg" else {"Software": None}
    with _styled(family, "path", 9):
        _figure(picture, False, True).savefig(held, format=ending, dpi=200, metadata=empty, facecolor="white")
    path.write_bytes(held.getvalue())


def save_pages(pictures: Sequence[Picture], path: Path, family: str) -> None:
    """Pictures as a PDF file, one a page: the font, which takes longest, is cut to its characters once."""
    from matplotlib.backends.backend_pdf import PdfPages

    held = BytesIO()
    with _styled(family, "path", 9), PdfPages(held, metadata={"CreationDate": None, "Creator": None, "Producer": None}) as pages:  # fmt: skip
        for picture in pictures:
            pages.savefig(_figure(picture, False, True), facecolor="white")
    path.write_bytes(held.getvalue())


def inline(picture: Picture, family: str, narrow: bool) -> str:
    """A picture as an SVG element of a page: its texts are texts in the page's font, its ids are its own."""
    held = StringIO()
    with _styled(family, "none", 8.6 if narrow else 9):
        _figure(picture, narrow, False).savefig(held, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)  # fmt: skip
    text = held.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.S)
    text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
    text = re.sub(r"font: ([^\"';]*?)([\d.]+px) [^;\"]*", r"\1font-size: \2", text)
    own = f"{picture.name}-{'n' if narrow else 'w'}-"
    text = re.sub(r'\bid="', f'id="{own}', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{own}", text)
    size = re.search(r'<svg[^>]*?(viewBox="[^"]*")', text)
    assert size is not None
    label = picture.title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    head = f'<svg class="{"narrow" if narrow else "wide"}" {size[1]} role="img" aria-label="{label}" xmlns:xlink="http://www.w3.org/1999/xlink" stroke-linejoin="round">'  # fmt: skip
    return head + text[text.index(">") + 1 :].strip()


def axis_of_money(fen: Sequence[float]) -> tuple[float, str]:
    """(what fen are divided by, the unit in words) for an axis of these amounts."""
    most = max((abs(value) for value in fen), default=0) / 100
    steps = (
        [(1e8, "亿元", ""), (1e4, "万元", "")]
        if current() == "zh"
        else [(1e9, "", "billion yuan"), (1e6, "", "million yuan"), (1e3, "", "thousand yuan")]
    )
    for size, zh, en in steps:
        if most >= size:
            return size * 100, say(zh, en)
    return 100, say("元", "yuan")
