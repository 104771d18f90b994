"""Stand-in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any


class Journal:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[tuple[str, Any], dict[str, Any]] = {}
        self.lock = Lock()

    @staticmethod
    def open(folder: Path, identity: dict[str, Any]) -> Journal:
        folder.mkdir(parents=True, exist_ok=True)
        out = Journal(folder)
        path = folder / "journal.jsonl"
        if path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                out.held[row["kind"], row["key"]] = row["facts"]
        return out

    def find(self, kind: str, key: Any) -> dict[str, Any] | None:
        return self.held.get((kind, key))

    def note(self, kind: str, key: Any, **facts: Any) -> None:
        with self.lock:
            self.held[kind, key] = facts
            with open(self.folder / "journal.jsonl", "a") as f:
                f.write(json.dumps({"kind": kind, "key": key, "facts": facts}) + "\n")

    def part(self, kind: str, key: Any, path: str, write: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        to = self.folder / path
        to.parent.mkdir(parents=True, exist_ok=True)
        tmp = to.with_name(to.name + ".tmp")
        facts = write(tmp)
        os.rename(tmp, to)
        facts = {"path": path, "bytes": to.stat().st_size, **facts}
        self.note(kind, key, **facts)
        return facts

    def commit(self, out: Path) -> None:
        os.rename(self.folder, out)
