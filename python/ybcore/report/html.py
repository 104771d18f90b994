"""What every page has: one file that opens offline, with no script, font or picture from elsewhere; the same bytes in every run."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any
from unicodedata import category

from .._version import __version__
from ..extras import extra
from ..messages import in_language, say, yuan_text
from .summary import percent

__all__ = ["html_text", "needed", "write_html", "write_text", "yuan"]


def needed() -> Any:
    """The library of pages; raises YbcoreError when it is not installed."""
    return extra("jinja2", "report", "HTML 报告", "the HTML report")


def write_html(template: str, content: dict[str, Any], path: str | os.PathLike[str], **filters: Any) -> None:
    """Write a page in the language in use."""
    write_text(html_text(template, content, **filters), path)


def write_text(text: str, path: str | os.PathLike[str]) -> None:
    """Write what `html_text` gave: the same bytes on every machine."""
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def html_text(template: str, content: dict[str, Any], **filters: Any) -> str:
    """A page in the language in use."""
    jinja2 = needed()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ybcore.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {"yuan": yuan, "many": "{:,}".format, "share": percent, "moment": _moment, **filters}
    text: str = environment.get_template(template).render(
        {"say": say, "in_language": in_language, "version": __version__, **content}
    )
    return text


def yuan(fen: int | None) -> str:
    """Money as people read it; a dash where there is none."""
    return "—" if fen is None else yuan_text(fen)


def _moment(time: dt.datetime | None) -> str | None:
    """A day where it is midnight, else with the time of day."""
    if time is None:
        return None
    return time.isoformat(" ", "seconds") if time.time() != dt.time() else time.date().isoformat()


def _shown(value: Any) -> Any:
    """Nothing is a dash; characters that a page may not hold are shown as such."""
    if value is None:
        return "—"
    if isinstance(value, str) and not value.isprintable():
        plain = "".join(c if c.isprintable() or c in "\n\t" or category(c) == "Zs" else "\ufffd" for c in value)
        return type(value)(plain)  # what was marked as safe stays so: it is the page's own text
    return value
