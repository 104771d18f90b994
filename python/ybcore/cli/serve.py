"""`serve`: the settlement service."""

from __future__ import annotations

import os
from pathlib import Path

from ..extras import extra
from ..messages import say
from .base import Failure, Session

__all__ = ["serve"]

NEEDED = ("fastapi", "uvicorn", "sqlalchemy", "prometheus_client", "jinja2")


def serve(
    session: Session,
    *,
    policy: tuple[Path, ...],
    catalog: Path | None,
    institutions: Path | None,
    rules: tuple[Path, ...],
    database: str,
    host: str,
    port: int,
    token_file: Path | None,
    max_body: int,
    timeout: float,
) -> int:
    """Serve until interrupted."""
    for name in (*NEEDED, *(("psycopg",) if database.startswith("postgresql") else ())):
        extra(name, "service", "服务", "the service")
    from ..service.guard import Limits
    from ..service.serve import Settings
    from ..service.serve import serve as run

    text = os.environ.get("YBCORE_TOKEN", "") if token_file is None else token_file.read_text(encoding="utf-8")
    tokens = tuple(line.strip() for line in text.splitlines() if line.strip())
    if token_file is not None and not tokens:
        raise Failure(say(f"{token_file}：文件中没有令牌", f"{token_file}: there is no token in the file"))
    session.say(f"监听 http://{host}:{port}，Ctrl+C 停止", f"listening on http://{host}:{port}, Ctrl+C to stop")
    limits = Limits(body=max_body, seconds=timeout)
    run(Settings(policy, database, catalog, institutions, rules, host, port, tokens, limits))
    return 0
