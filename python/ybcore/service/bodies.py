"""Bodies of requests: JSON in UTF-8, every name once. Of a name that stands twice parsers take the one or the other, and each may be a person's money."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import Problem
from .replies import Refusal

__all__ = ["JsonRoute", "Unreadable"]


class Unreadable(HTTPException):
    """A refusal while a body is read: other errors would be told as one that has no words of its own."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


class JsonRoute(APIRoute):
    """A route that reads bodies so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI asks for."""
        handle = super().get_route_handler()

        async def asked(request: Request) -> Response:
            if self.body_field is not None and not _is_json(request.headers.get("content-type", "")):
                zh, en = (
                    "请求须为 Content-Type: application/json",
                    "send the request with Content-Type: application/json",
                )
                raise Refusal(415, "content_type", zh, en)
            return await handle(_Asked(request.scope, request.receive))

        return asked


class _Asked(Request):
    async def json(self) -> Any:
        """The body; raises Unreadable where a name stands twice, and json.JSONDecodeError."""
        try:
            text = (await self.body()).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise json.JSONDecodeError("not UTF-8", "", error.start) from None
        return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) == len(pairs):
        return out
    names = [name for name, _ in pairs]
    twice = sorted({_shown(name) for name in names if names.count(name) > 1}) if len(names) < 1000 else [""]
    problems = [Problem(what="the name stands twice", what_zh="同一名称出现两次", path=name) for name in twice]
    raise Unreadable(Refusal(422, "wrong_values", f"{len(problems)} 处有误", f"{len(problems)} value(s) are wrong", problems))  # fmt: skip


def _shown(name: str) -> str:
    return name[:80].encode("utf-8", "replace").decode()


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
