"""Libraries that only some jobs need: imported when the job begins, and missed in words that say how to get them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import YbcoreError
from .messages import say

__all__ = ["extra"]


def extra(module: str, name: str, zh: str, en: str) -> Any:
    """A module of an optional extra; `zh`, `en` name what needs it. Raises YbcoreError when it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise YbcoreError(
            say(
                f"{zh}需要 {module}，当前环境没有：pip install 'ybcore[{name}]'",
                f"{en} needs {module}, which is not installed: pip install 'ybcore[{name}]'",
            )
        ) from error
