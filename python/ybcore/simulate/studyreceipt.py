"""The receipt of a study: what went in, by hash, and every file that came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..receipts.files import sha256_of_file
from .comparison import BASE
from .reform import Reformed
from .study import Study
from .studyinputs import told_from
from .studyrun import StudyRun

__all__ = ["FORMAT", "documents_of", "write_receipt"]

FORMAT = "ybcore-study-receipt/1"


def documents_of(run: StudyRun) -> dict[str, Any]:
    """What the figures rest on: the study, the book, every reform, every input; no path of this machine and no clock."""
    study, root = run.study, run.study.path.parent
    synth = study.model.inputs.synth
    named = [(name, path) for name, _, path in study.files() if name in ("reform", "fund") and path.is_file()]
    named += [("policy", Path(policy.file)) for policy in run.book]
    named += [] if study.rules is None else [("rules", Path(file)) for file in study.rules.files]
    files = [*run.given.facts(root), *({"name": name, "path": told_from(path, root), "sha256": sha256_of_file(path), "rows": None} for name, path in named)]  # fmt: skip
    cleared = run.clearing
    files += [] if cleared is None else cleared.facts(root)
    return {
        "study": {"id": study.id, "file": study.path.name, "sha256": sha256_of_file(study.path)},
        **run.receipt,
        **({} if cleared is None else {"clearing": cleared.told()}),
        "synth": None if synth is None else synth.model_dump(mode="json", warnings=False),
        "reforms": [{"id": name, "sha256": sha} for name, sha in _reforms(study)],
        "policies": [
            {"id": BASE, "reforms": [], "sha256": run.book.sha256, **_cleared(run, BASE)},
            *(
                {
                    "id": name,
                    "reforms": [reform.id for reform in held.reforms]
                    + [reform.id for reform in study.alternatives_of_clearing[name]],
                    "sha256": held.book.sha256,
                    **_beside_books(held),
                    **_cleared(run, name),
                }
                for name, held in run.alternatives.items()
            ),
        ],
        "inputs": files,
    }


def _reforms(study: Study) -> list[tuple[str, str]]:
    """Ids and hashes, those of clearing last."""
    return [(reform.id, reform.sha256) for reform in study.reforms] + [
        (held.id, held.sha256) for held in study.clearing
    ]


def _beside_books(held: Reformed) -> dict[str, str]:
    """Hashes of the catalogue and the rule set of a policy, where its reforms are of these."""
    out = {} if held.catalog is None else {"catalog": held.catalog.hash}
    return out if held.rules is None else {**out, "rules": held.rules.sha256}


def _cleared(run: StudyRun, policy: str) -> dict[str, str]:
    """Hash of the clearing documents of a policy and of the reforms of them."""
    return {} if run.clearing is None else {"clearing": run.clearing.sha256(policy)}


def write_receipt(run: StudyRun, out: Path, written: dict[Path, int | None], **more: Any) -> Path:
    """`receipt.json` in the folder of the outputs, after all of them; `more`: language and font."""
    outputs = [{"path": path.relative_to(out).as_posix(), "sha256": sha256_of_file(path), "rows": rows} for path, rows in written.items()]  # fmt: skip
    told = {"format": FORMAT, **documents_of(run), **more, "outputs": outputs}
    path = out / "receipt.json"
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
