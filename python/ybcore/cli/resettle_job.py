"""`resettle` of a job: settled again by units, in bounded memory; what it came to is told from its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..columns.ids import flat
from ..columns.schema import INSTITUTIONS
from ..jobs.again.job import Resettled, resettle_job
from ..jobs.document import bytes_of
from ..ledger.attribution import Attribution
from ..ledger.changes import NewCatalog, NewPolicy
from ..ledger.document import TABLES, ChangesDocument, file_sha256
from ..ledger.scope import Scope
from ..memory import take_from_system
from ..messages import say, yuan_text
from ..receipts.model import read_receipt
from ..receipts.runs import InDataset, JobRun
from ..report.resettled import Signed
from .base import Failure, Session
from .run import say_not_run

__all__ = ["is_job", "resettled_job", "say_moved"]

MEMORY = 4 << 30
MADE: dict[str, Any] = {**TABLES, "policy": NewPolicy, "catalog": NewCatalog}
STEPS = {
    "check": ("核对作业的文件与合计", "check the files and sums of the job"),
    "rules": ("重新运行作业的审核规则", "run the rules of the job again"),
    "differ": ("变更前后结算", "settle before and after"),
    "settle": ("变更后的结算", "settle the run after"),
}


def is_job(folder: Path) -> bool:
    """Whether a job wrote a folder."""
    return (folder / "receipt.json").is_file() and read_receipt(folder).run is None


def resettled_job(
    session: Session, previous: Path, document: ChangesDocument, out: Path, *, memory: str | None, threads: int | None, attribution: str, replace: bool
) -> Signed:  # fmt: skip
    """Do it, or what is left of it; what it came to."""
    size = MEMORY if memory is None else _bytes(memory)
    take_from_system()
    with _Steps(session) as progress:
        done = resettle_job(
            previous, document, out, memory=size, threads=threads, attribution=attribution, replace=replace, progress=progress
        )  # fmt: skip
    if not done.fresh:
        session.say(
            f"{out}/：已完成，无需再做；以下为当时的结果",
            f"{out}/: done before, nothing to do; this is what it came to",
        )
    else:
        told = done.manifest["resettlement"]
        session.say(
            f"已写入 {out}/（{done.manifest['units']} 个单元，其中 {told['units_taken_over']} 个照旧）",
            f"written to {out}/ ({done.manifest['units']} units, {told['units_taken_over']} of them as they were)",
        )
    ruled = done.manifest["resettlement"].get("rules")
    if ruled is not None:
        say_moved(session, ruled["moved_fen"])
        say_not_run(session.say, ruled["coverage"])
    return _signed(done, previous, document, out)


def say_moved(session: Session, fen: int) -> None:
    """That rules do not run again over what changes."""
    session.say(
        f"审核规则转出的 {yuan_text(fen)} 元保持转出，变更后的明细不再审核",
        f"{yuan_text(fen)} yuan that rules moved stay moved; changed lines are not checked anew",
    )


class _Steps:
    """A bar for each step, one after the other."""

    def __init__(self, session: Session) -> None:
        self.session, self._name = session, ""
        self._open: Any = None

    def __enter__(self) -> Callable[[str], Callable[[int, int], None]]:
        return self._step

    def __exit__(self, *error: Any) -> None:
        if self._open is not None:
            self._open.__exit__(*error)

    def _step(self, name: str) -> Callable[[int, int], None]:
        def tell(done: int, whole: int) -> None:
            if self._name != name:
                self.__exit__(None, None, None)
                self._name, self._open = name, self.session.progress(*STEPS[name])
                self._tell = self._open.__enter__()
            self._tell(done, whole)

        return tell


def _bytes(text: str) -> int:
    try:
        return bytes_of(text)
    except ValueError:
        raise Failure(
            say(
                f"--memory：{text!r} 不是容量，应为如 4GiB、512MiB",
                f"--memory: {text!r} is no size, such as 4GiB or 512MiB",
            )
        ) from None


def _table(out: Path, name: str) -> pa.Table:
    """All parts of a table."""
    files = sorted((out / name).glob("part-*.parquet"))
    if not files:
        return pa.table({})
    parts = pa.concat_tables([pq.read_table(path) for path in files], promote_options="permissive")
    return pa.table({column: flat(parts[column]) for column in parts.column_names})


def _signed(done: Resettled, previous: Path, document: ChangesDocument, out: Path) -> Signed:
    """What is told of a re-settlement, read from its files: what differs, not what was settled."""
    told = done.manifest["resettlement"]
    deltas = {name: _table(out, f"delta_{name}") for name in ("visits", "lines", "persons", "institutions")}
    ledger = {name: _table(out, f"ledger_{name}") for name in ("persons", "institutions", "payers")}
    before = read_receipt(previous).totals_fen.get("fund_pay_sumamt", 0)
    run = JobRun(previous, read_receipt(previous))
    held = InDataset(run.datasets[INSTITUTIONS.name]).whole() if INSTITUTIONS.name in run.document.inputs else None
    again: Any = SimpleNamespace(
        deltas=SimpleNamespace(**deltas),
        ledger=SimpleNamespace(**ledger),
        scope=Scope(**told["scope"]),
        changes=tuple(SimpleNamespace(reason=MADE[entry.kind].reason) for entry in document.entries),
        previous=SimpleNamespace(
            results=(pa.table({"fund_pay_sumamt": pa.array([before])}), None),
            tables={} if held is None else {INSTITUTIONS.name: held},
        ),
    )
    moved = None
    if told["attribution"] is not None:
        moved = Attribution(rows=_table(out, "attribution"), **told["attribution"])
    hashes = (
        (("上次结算回执", "receipt of the previous run"), file_sha256(previous / "receipt.json")),
        (("本次回执", "receipt of this re-settlement"), file_sha256(out / "receipt.json")),
        (("变更文件", "document of changes"), document.sha256),
    )
    return Signed(again, document, moved, (), hashes)
