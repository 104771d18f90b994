"""Starting the service: what it reads, where it keeps state, who may ask."""

from __future__ import annotations

import ipaddress
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .. import io
from ..catalog import Catalog
from ..checks import load_rules, shipped_rules
from ..checks.checker import Checker
from ..engine import Engine
from ..errors import InputError, Problem
from ..extras import extra
from ..policy import load_book
from .app import guarded
from .desk import Desk
from .guard import Guard, Limits, logger
from .store import Store

__all__ = ["Settings", "build", "is_loopback", "serve"]


SWITCH = 0.0005
"""Seconds until a thread must let another one work: the loop answers others while one settles, and what one does takes less than that."""
CONNECTIONS = 8
"""To each request that may be under way: many wait for the next visit of their window."""


@dataclass(frozen=True)
class Settings:
    """How a service is started. `tokens`: who may ask; none only on loopback."""

    policy: tuple[Path, ...]
    database: str
    catalog: Path | None = None
    institutions: Path | None = None
    rules: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    tokens: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def build(settings: Settings) -> Guard:
    """The application, ready to be served. Raises InputError and DocumentError with every problem."""
    if not settings.tokens and not is_loopback(settings.host):
        what = f"without a token the service listens on this machine only, not on {settings.host!r}"
        zh = f"没有访问令牌时只能监听本机地址，不能监听 {settings.host!r}"
        raise InputError([Problem(what=what, what_zh=zh, path="host", expected="--token-file FILE, or --host 127.0.0.1", expected_zh="--token-file FILE，或 --host 127.0.0.1")])  # fmt: skip
    if any(len(token) < 16 or not token.isascii() for token in settings.tokens):
        what, zh = "a token is shorter than 16 ASCII characters", "访问令牌少于 16 个 ASCII 字符"
        raise InputError([Problem(what=what, what_zh=zh, path="token", expected="a line of 16 characters or more", expected_zh="一行不少于 16 个字符的文本")])  # fmt: skip
    catalog = None if settings.catalog is None else Catalog.load(settings.catalog)
    engine = Engine(load_book(list(settings.policy)), catalog, threads=1)
    places = None if settings.institutions is None else io.read_table(settings.institutions)
    checker = Checker(load_rules(list(settings.rules) or shipped_rules()), catalog, places, stage="before")
    desk = Desk(engine, Store(settings.database, seconds=settings.limits.seconds), checker, places)
    named = None if settings.tokens else is_loopback
    return guarded(desk, tokens=list(settings.tokens) or None, limits=settings.limits, named=named)


def serve(settings: Settings) -> None:
    """Serve until interrupted. Logs go to stderr, one JSON object a line."""
    uvicorn = extra("uvicorn", "service", "服务", "the service")
    app = build(settings)
    sys.setswitchinterval(SWITCH)
    from .lines import Line, patient

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    logger.setLevel(logging.INFO)
    # How many work at once is the guard's, with words of its own; connections beyond many times that are not even read.
    uvicorn.run(
        app, host=settings.host, port=settings.port, http=patient(settings.limits.seconds), access_log=False, log_config=None, log_level="warning",
        limit_concurrency=CONNECTIONS * settings.limits.at_once, timeout_keep_alive=5, h11_max_incomplete_event_size=16 << 10, server_header=False,
        lifespan="off",
    )  # fmt: skip
