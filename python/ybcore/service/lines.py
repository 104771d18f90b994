"""Where requests come in: a connection that does not say in time what it asks for is closed; whatever the server says is a line of JSON."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from .guard import logger

__all__ = ["Line", "patient"]


def patient(seconds: float) -> type[H11Protocol]:
    """A protocol of uvicorn that waits so long for the head of a request: nothing else bounds it, and whoever holds a connection needs no token."""

    class Patient(H11Protocol):
        late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.wait()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self.wait()

        def wait(self) -> None:
            """While no request is under way the time runs; what comes in drops does not begin it anew."""
            if self.transport.is_closing() or not (self.cycle is None or self.cycle.response_complete):
                if self.late is not None:
                    self.late.cancel()
                self.late = None
            elif self.late is None:
                self.late = self.loop.call_later(seconds, self.transport.close)

    return Patient


class Line(logging.Formatter):
    """One JSON object a line. Of others than the service only what they say in general, without values and traces: these may be personal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: Any = record.getMessage() if record.name == logger.name else None
        if said is None:
            failed = None if record.exc_info is None or record.exc_info[0] is None else record.exc_info[0].__name__
            said = json.dumps({"event": "server", "of": record.name, "what": str(record.msg)[:200], "error": failed})
        return f'{{"time":"{self.formatTime(record)}","level":"{record.levelname}","said":{said}}}'
