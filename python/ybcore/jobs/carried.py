"""Errors of ours on their way home: raised in a task on another machine, told where the job was started."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from .. import errors
from ..errors import Problem, YbcoreError

__all__ = ["carried", "told"]

_MARK = re.compile(r"<ybcore:([A-Za-z0-9+/=]+)>")


@contextmanager
def carried() -> Iterator[None]:
    """In a task: an error of ours leaves with its problems written into its text, whatever the engine makes of it."""
    try:
        yield
    except YbcoreError as error:
        problems = [asdict(problem) for problem in getattr(error, "problems", ())]
        words = {"kind": type(error).__name__, "text": str(error), "problems": problems}
        mark = base64.b64encode(json.dumps(words, ensure_ascii=False).encode()).decode()
        raise RuntimeError(f"{error}\n<ybcore:{mark}>") from error


@contextmanager
def told() -> Iterator[None]:
    """Where results are asked for: an error of ours that a task met is raised as itself, without the stack of the engine."""
    try:
        yield
    except YbcoreError:
        raise
    except Exception as error:
        found = _MARK.search(str(error))
        if found is None:
            raise
        words = json.loads(base64.b64decode(found[1]))
        kind = getattr(errors, words["kind"], YbcoreError)
        if words["problems"]:
            raise kind([Problem(**problem) for problem in words["problems"]]) from None
        raise kind(words["text"]) from None
