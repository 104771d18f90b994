"""What the service says when it refuses: one shape, both languages, every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from ..errors import Problem

__all__ = ["Refusal", "problem_of", "refused"]

_TYPES = {
    "missing": "缺少必填项",
    "extra_forbidden": "没有这一项",
    "string_type": "应为文本",
    "list_type": "应为数组",
    "too_long": "过长",
    "too_short": "过短",
    "model_attributes_type": "应为对象",
    "dict_type": "应为对象",
    "json_invalid": "不是有效的 JSON",
    "string_pattern_mismatch": "文本格式不符",
    "string_too_long": "文本过长",
    "string_too_short": "文本过短",
    "bool_type": "应为 true 或 false",
    "literal_error": "不是允许的取值",
}


class Refusal(Exception):
    """A request that is refused: HTTP status, a code that programs may rely on, and the problems."""

    def __init__(self, status: int, code: str, zh: str, en: str, problems: Iterable[Problem] = (), **more: Any) -> None:
        super().__init__(en)
        self.status, self.code, self.zh, self.en, self.more = status, code, zh, en, more
        self.problems: Sequence[Problem] = tuple(problems)
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """The reply."""
        return {"code": self.code, "zh": self.zh, "en": self.en, "problems": [_told(one) for one in self.problems], **self.more}  # fmt: skip


def refused(status: int, code: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    """The reply of a refusal without problems of its own."""
    return Refusal(status, code, zh, en, (), **more).body()


def problem_of(error: dict[str, Any], known: Sequence[str] = ()) -> Problem:
    """A validation error as a problem; what was given is not repeated. `known`: names that an unknown one may have meant."""
    place = [str(part)[:80] for part in error["loc"] if part not in ("body", "header", "path", "query")]
    context = error.get("ctx") or {}
    zh = context.get("zh") or _TYPES.get(error["type"], "取值不符合要求")
    near = get_close_matches(place[-1], known, 1) if error["type"] == "extra_forbidden" else []
    what = "there is no such name" if error["type"] == "extra_forbidden" else error["msg"]
    return Problem(what=what, what_zh=zh, path=".".join(place), expected=context.get("expected", ""), expected_zh=context.get("expected_zh", ""), nearest=near[0] if near else "")  # fmt: skip


def _told(problem: Problem) -> dict[str, Any]:
    out = {"path": problem.path, "zh": problem.what_zh or problem.what, "en": problem.what, "row": problem.row}
    return out | {"expected": problem.expected, "expected_zh": problem.expected_in("zh"), "nearest": problem.nearest}
