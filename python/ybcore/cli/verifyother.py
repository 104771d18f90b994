"""`verify` of clearing, of cash benefits and of studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..messages import say
from ..receipts.clearmodel import BENEFIT, CLEARING, STUDY, BenefitReceipt, ClearingReceipt, StudyReceipt
from ..receipts.model import read_as
from .base import Session
from .verify import plain, tell_end, tell_wrong

__all__ = ["verify_other"]


def verify_other(
    session: Session, path: Path, format_: str, *, study: Path | None, seed: int, whole: bool, threads: int, as_json: bool
) -> int:  # fmt: skip
    """Look at files and documents, reckon again, tell; exit code 1 when something is not as the receipt says. `path`: the receipt."""
    found: Any
    if format_ == STUDY:
        from ..receipts.studies import StudyVerifier

        found = StudyVerifier(path.parent, read_as(path, StudyReceipt, STUDY), study, threads)
    else:
        from ..receipts.cleared import BenefitVerifier, ClearingVerifier

        found = (
            ClearingVerifier(path.parent, read_as(path, ClearingReceipt, CLEARING), threads)
            if format_ == CLEARING
            else BenefitVerifier(path.parent, read_as(path, BenefitReceipt, BENEFIT), threads)
        )
    with session.step("核对文件", "check the files"):
        found.files()
    with session.step("核对政策与清算文件", "check the documents"):
        found.documents()
    with session.step("重新计算", "reckon again"):
        if format_ == STUDY:
            found.run() if whole else found.settle(seed)
        else:
            found.reckon()
    for zh, en in found.notes:
        session.say(f"提示：{zh}", f"note: {en}")
    if as_json:
        told = plain(found, found.true, {"reckoned_again": found.again})
        session.data(json.dumps(told, ensure_ascii=False, indent=1, default=str))
        return 0 if found.true else 1
    done, compared = found.checked, found.compared
    session.data(
        say(
            f"核对：文件 {done['files']} 个，政策与清算文件等 {done['documents']} 项，合计 {done['sums']} 项",
            f"checked: {done['files']} files, {done['documents']} facts of documents, {done['sums']} sums",
        )
    )
    if found.again:
        rows = [
            say(f"{name} {rows:,} 行 {compared.columns[name]} 列", f"{name}: {rows:,} rows of {compared.columns[name]} columns")
            for name, rows in compared.rows.items()
        ]  # fmt: skip
        session.data(
            say(
                f"重新计算：{'，'.join(rows)}，共比对 {compared.cells:,} 格",
                f"reckoned again: {'; '.join(rows)}; {compared.cells:,} cells compared",
            )
        )
    tell_wrong(session, found)
    tell_end(session, found.true)
    return 0 if found.true else 1
