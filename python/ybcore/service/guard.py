"""Before a request is looked at: who asks, how large and how slow it is; after it: one line of log and the counts, without personal data."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from .replies import refused

__all__ = ["OPEN", "Guard", "Limits", "Metrics", "logger"]

OPEN = ("/health", "/openapi.json")
"""What may be asked without a token."""
logger = logging.getLogger("ybcore.service")
_TEXTS = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.S
)  # one that never ends is one to the end: looked through once
_NO_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_REST = 8
"""Bodies: so much more than may be sent is read and thrown away, so that who sends it can read why it is refused."""
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """`body`: bytes of a request; `seconds`: how long it may take to arrive, and again to be answered; `deep`: brackets within brackets.

    `at_once`: requests under way.
    """

    body: int = 4 << 20
    seconds: float = 30.0
    deep: int = 32
    at_once: int = 256


class Metrics:
    """What Prometheus reads. Labels are routes and codes, never ids."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        one: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("ybcore_requests", "Requests answered.", ["method", "route", "status"], **one)
        self.seconds = Histogram("ybcore_request_seconds", "How long answers took.", ["route"], buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30), **one)  # fmt: skip
        self.under_way = Gauge("ybcore_requests_under_way", "Requests being answered.", **one)
        self.settlements = Counter("ybcore_settlements", "Settlements written.", ["outcome"], **one)
        self.settled = {name: self.settlements.labels(outcome=name) for name in ("settled", "no_benefit", "not_enrolled")}  # fmt: skip
        self.replayed = Counter("ybcore_replayed", "Settlements answered again under their key.", **one)
        self._of: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self.refusals = Counter("ybcore_refusals", "Requests refused.", ["code"], **one)

    def of(self, method: str, route: str, status: int) -> tuple[Any, Any]:
        """(counter, histogram) of a route: routes are few, and looking labels up takes longer than counting."""
        key = method, route, status
        found = self._of.get(key)
        if found is None:
            found = self._of[key] = (
                self.requests.labels(method=method, route=route, status=str(status)),
                self.seconds.labels(route=route),
            )
        return found


class Refused(Exception):
    def __init__(self, status: int, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.status, self.body = status, refused(status, code, zh, en)


class Guard:
    """An ASGI layer around the application. `tokens`: any of them opens; None: nobody is asked.

    `named`: whether a name that requests are sent to is this machine's own; None: any is.
    """

    def __init__(
        self,
        app: Any,
        *,
        tokens: Sequence[str] | None,
        limits: Limits,
        metrics: Metrics,
        named: Callable[[str], bool] | None = None,
    ) -> None:
        self.app, self.limits, self.metrics, self.named = app, limits, metrics, named
        self.under_way = 0
        self.digests = None if tokens is None else [hashlib.sha256(token.encode()).digest() for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        told: dict[str, Any] = {"status": 500, "started": False}
        request_id = scope["ybcore.request"] = uuid.uuid4().hex[:16]

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told["status"], told["started"] = message["status"], True
                message = {**message, "headers": [*message.get("headers", []), (b"x-request-id", request_id.encode())]}
            await send(message)

        self.metrics.under_way.inc()
        self.under_way += 1
        try:
            if self.under_way > self.limits.at_once:
                raise Refused(503, "busy", "请求过多，请稍后用同一 Idempotency-Key 重发", "too many requests at once: send again with the same Idempotency-Key")  # fmt: skip
            self._let_in(scope)
            body = await self._body_in_time(scope, receive)
            if body is None:
                told["status"] = 499  # whoever asked has gone before all of it was here
                return
            async with asyncio.timeout(self.limits.seconds):
                await self.app(scope, _given(body, receive), answer)
        except (TimeoutError, Refused) as error:
            await self._refuse(error, told["started"], answer)
        except (
            Exception
        ) as error:  # the application has answered that it failed; where, without the values it failed on
            places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-3:]]
            logger.error(json.dumps({"event": "crash", "request": request_id, "error": type(error).__name__, "at": places}))  # fmt: skip
        finally:
            self.under_way -= 1
            self.metrics.under_way.dec()
            self._tell(scope, told["status"], time.perf_counter() - began, request_id)

    def _let_in(self, scope: Scope) -> None:
        if self.named is not None and not self.named(_host(scope)):
            zh, en = (
                "没有令牌时只接受以本机名称发来的请求",
                "without a token only requests to this machine's own names are taken",
            )
            raise Refused(
                403, "other_host", zh, en
            )  # a page that a browser took from elsewhere under a name that leads here
        if self.digests is None or scope["path"] in OPEN:
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        word, _, token = given.partition(b" ")
        digest = hashlib.sha256(token).digest()
        same = [hmac.compare_digest(digest, one) for one in self.digests]  # each is looked at, however many there are
        if word.lower() != b"bearer" or not any(same):
            raise Refused(401, "unauthorized", "需要有效的访问令牌（Authorization: Bearer …）", "a valid token is needed (Authorization: Bearer …)")  # fmt: skip

    async def _body_in_time(self, scope: Scope, receive: Receive) -> bytes | None:
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await self._body(scope, receive)
        except TimeoutError:
            raise Refused(408, "too_slow", "请求未在时限内发完", "the request did not arrive in time") from None

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """All of it, or a refusal when it is too large; None when the other side has gone."""
        large = Refused(413, "too_large", f"请求超过 {self.limits.body} 字节", f"the request has more than {self.limits.body} bytes")  # fmt: skip
        headers = dict(scope["headers"])
        said = headers.get(b"content-length", b"0")
        if not said.isdigit() or int(said[:20]) > self.limits.body:
            if b"expect" not in headers:  # else nothing of it was sent yet
                await self._rest(receive, 0)
            raise large
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self.limits.body:
                if message.get("more_body", False):
                    await self._rest(receive, len(body))
                raise large
            if not message.get("more_body", False):
                break
        if _depth(bytes(body)) > self.limits.deep:
            raise Refused(400, "too_deep", f"JSON 嵌套超过 {self.limits.deep} 层", f"the JSON is nested deeper than {self.limits.deep}")  # fmt: skip
        return bytes(body)

    async def _rest(self, receive: Receive, had: int) -> None:
        """Throw away what still comes of a body that is too large, up to a multiple of what may come."""
        while had <= _REST * self.limits.body:
            message = await receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return
            had += len(message.get("body", b""))

    async def _refuse(self, error: TimeoutError | Refused, started: bool, send: Send) -> None:
        if isinstance(error, TimeoutError):
            zh = "超过时限；是否已写入不明，请用同一 Idempotency-Key 重发"
            en = "out of time; whether it was written is not known: send again with the same Idempotency-Key"
            error = Refused(503, "timeout", zh, en)
        self.metrics.refusals.labels(code=error.body["code"]).inc()
        if started:
            return
        body = json.dumps(error.body, ensure_ascii=False).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        if error.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if error.status == 503:
            headers.append((b"retry-after", b"1"))
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _tell(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "-")
        method = scope["method"] if scope["method"] in ("GET", "POST") else "other"
        counted, timed = self.metrics.of(method, route, status)
        counted.inc()
        timed.observe(seconds)
        said = {"event": "request", "request": request_id, "method": method, "route": route, "status": status}
        logger.info(json.dumps({**said, "ms": round(seconds * 1000, 1)}))


def _host(scope: Scope) -> str:
    """The name that a request was sent to, without its port."""
    given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    return given[1:].partition("]")[0] if given.startswith("[") else given.partition(":")[0]


def _given(body: bytes, receive: Receive) -> Receive:
    """The body as one message; what comes after it is asked of the server."""
    left = [body]

    async def read() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return read


def _depth(body: bytes) -> int:
    """How deep brackets stand in brackets, those in texts left out."""
    found = np.frombuffer(_TEXTS.sub(b"", body).translate(None, _NO_BRACKETS), np.uint8)
    steps = np.where((found == ord("[")) | (found == ord("{")), 1, -1)
    return int(np.cumsum(steps).max(initial=0))
