"""What a job is known by, and the records it leaves: manifest.json, receipt.json, run.json (docs/jobs.md section 1)."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..errors import InputError, Problem
from ..receipts.model import FORMAT, RECEIPT
from .datasets import Dataset, changed_since
from .files import sha256_of, stamp_of
from .journal import SUCCESS, Facts, Journal, differences, finish, unfinished

if TYPE_CHECKING:
    from ..checks.book import RuleBook
    from ..engine import Engine
    from .document import JobDocument

__all__ = ["Hashing", "Inputs", "begin", "manifest", "receipt", "write_records"]

MANIFEST, RUN = "manifest.json", "run.json"
MOVED = ("moved_fen", "own_fen", "rejected_fen")  # counts that the receipt tells beside its rules
SCRATCH = ("spill", "work", "before", "ruled", "left")  # folders of the unfinished job that are no output


@dataclass(frozen=True)
class _File:
    location: str
    bytes: int
    mtime_ns: int
    rows: int | None = None


class Inputs:
    """Every file that a job reads, and what else its answer depends on."""

    def __init__(
        self, document: JobDocument, engine: Engine, datasets: Mapping[str, Dataset], rules: RuleBook | None = None
    ) -> None:
        self.document, self.engine, self.datasets, self.rules = document, engine, datasets, rules
        self.files: dict[str, _File] = {
            f"inputs/{name}/{file.path}": _File(file.location, file.bytes, file.mtime_ns, file.rows)
            for name, dataset in datasets.items()
            for file in dataset.files
        }
        if document.suppress is not None:
            self.files[f"suppress/{document.suppress.name}"] = _file(document.suppress)
        self.files |= _opening(document.opening)

    def identity(self) -> dict[str, Any]:
        """Leaves are hashes, or `[bytes, mtime_ns]` of a file."""
        out: dict[str, Any] = {
            "ybcore": __version__,
            "document": self.document.sha256,
            "policy": {policy.id: policy.sha256 for policy in self.engine.book.policies},
            "catalog": None if self.engine.catalog is None else self.engine.catalog.hash,
            "rules": None if self.rules is None else self.rules.sha256,
            **_known_at(self.document),
        }
        return out | {place: [file.bytes, file.mtime_ns] for place, file in self.files.items()}

    def recheck(self, place: str) -> str | None:
        """sha256 of a file as it is now; None for what is none."""
        file = self.files.get(place)
        return None if file is None else sha256_of(file.location)


def _opening(folder: Path | None) -> dict[str, _File]:
    """The files of the opening state, of a settlement or of an earlier job."""
    if folder is None:
        return {}
    root = folder / "state" if (folder / "state").is_dir() else folder
    out = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        out[f"opening/{path.relative_to(root).as_posix()}"] = _file(path)
    return out


def _file(path: Path) -> _File:
    stat = path.stat()
    return _File(str(path), stat.st_size, stat.st_mtime_ns)


def _known_at(document: JobDocument) -> dict[str, str]:
    """The day by which rows of rule tables must be known, as records tell it; nothing without one."""
    return {} if document.known_day is None else {"known_at": document.known_day.isoformat()}


class Hashing:
    """sha256 of all inputs, made on a thread of its own beside the work, each noted when it is known."""

    def __init__(self, inputs: Inputs, journal: Journal) -> None:
        self._inputs, self._journal = inputs, journal
        self._known: dict[str, str] = {str(key): facts["sha256"] for key, facts in journal.all("sha256").items()}
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="ybcore-sha256", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for place, file in self._inputs.files.items():
                if self._stopped.is_set():
                    return
                if place not in self._known:
                    mine = sha256_of(file.location, self._stopped.is_set)
                    if self._stopped.is_set():
                        return
                    if stamp_of(file.location) != (file.bytes, file.mtime_ns):
                        raise InputError([changed_since(place.split("/")[1], file.location)])
                    self._journal.jot("sha256", place, sha256=mine)
                    self._known[place] = mine
        except BaseException as error:
            self._error = error

    def stop(self) -> None:
        """Give up."""
        self._stopped.set()
        self._thread.join()

    def result(self) -> dict[str, str]:
        """Hash of each file by its place. Raises what went wrong."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return {place: self._known[place] for place in self._inputs.files}


def begin(inputs: Inputs, *, replace: bool = False) -> Journal | None:
    """The journal to go on with; None when the job has been done and its outputs are there.

    Raises InputError when the folder belongs to another job or to nobody's, naming what differs; JobError when another job runs there.
    """
    out = inputs.document.output
    finish(out)
    if (out / SUCCESS).exists() and not replace:
        _same_job(out, inputs)
        return None
    if out.exists() and not (out / SUCCESS).exists() and (not out.is_dir() or any(out.iterdir())):
        what, zh = (
            "this is there and no job wrote it; name another folder",
            "该处已有内容且不是作业的输出，请另选文件夹",
        )
        raise InputError([Problem(what=what, what_zh=zh, file=str(out), path="output")])
    return Journal.open(unfinished(out), inputs.identity(), replace=replace, recheck=inputs.recheck)


def _same_job(out: Path, inputs: Inputs) -> None:
    """A finished job is that of the inputs, and whole. Raises InputError."""
    try:
        told = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        run = json.loads((out / RUN).read_text(encoding="utf-8"))
        before, outputs = run["identity"], told["outputs"]
        known = {file["place"]: file["sha256"] for file in told["inputs"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        what, zh = f"the records of the job cannot be read: {error}", f"无法读取作业记录：{error}"
        raise InputError([Problem(what=what, what_zh=zh, file=str(out))]) from error
    words = {"changed": ("differs from that of the finished job", "与已完成的作业不同")}
    words["new"], words["gone"] = (
        ("the finished job did not read it", "已完成的作业未曾读取"),
        ("the finished job read it", "已完成的作业曾经读取"),
    )
    problems = [
        Problem(
            what=f"{words[how][0]}; --replace settles anew",
            what_zh=f"{words[how][1]}；--replace 可重新结算",
            file=str(out),
            path=place,
        )
        for place, how in differences(before, inputs.identity(), known, inputs.recheck)
    ]
    for file in outputs:
        path = out / file["path"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            what, zh = "is not what the job wrote; --replace settles anew", "与作业写出的不同；--replace 可重新结算"
            problems.append(Problem(what=what, what_zh=zh, file=str(path)))
    if problems:
        raise InputError(problems)


def _outputs(journal: Journal) -> list[Facts]:
    """The files that stay, by path."""
    kept = {}
    for part in journal.parts():
        for file in part["files"]:
            name = file["path"]
            if name.split("/")[0] in SCRATCH or "sha256" not in file or name in (MANIFEST, RECEIPT, RUN):
                continue
            rows = {"rows": part["rows"]} if "rows" in part else {}
            kept[name] = {"path": name, **rows, "bytes": file["bytes"], "sha256": file["sha256"]}
    return [kept[name] for name in sorted(kept)]


def manifest(
    journal: Journal,
    inputs: Inputs,
    hashed: Mapping[str, str],
    *,
    units: int,
    counts: Any,
    sums: Any,
    coverage: Any = None,
    suppressions: Any = None,
    resettlement: Any = None,
) -> dict[str, Any]:
    """Every input and output file with rows, bytes and sha256; units, counts and sums. The same for the same job, wherever and whenever."""
    told = inputs.identity()
    return {
        "format": "ybcore-job/1",
        "engine": {"name": "ybcore", "version": __version__},
        "document": told["document"],
        "policy": told["policy"],
        "catalog": told["catalog"],
        "rules": told["rules"],
        **_known_at(inputs.document),
        "inputs": [
            {"place": place, **({} if file.rows is None else {"rows": file.rows}), "bytes": file.bytes, "sha256": hashed[place]}
            for place, file in inputs.files.items()
        ],
        "outputs": _outputs(journal),
        "units": units,
        "counts": counts,
        "sums": sums,
        **({} if coverage is None else {"coverage": coverage}),
        **({} if suppressions is None else {"suppressions": suppressions}),
        **({} if resettlement is None else {"resettlement": resettlement}),
    }  # fmt: skip


def _moved(counts: Mapping[str, Any]) -> dict[str, int]:
    return {"moved_fen": 0, **{name: counts[name] for name in MOVED if name in counts}}


def receipt(inputs: Inputs, hashed: Mapping[str, str], outputs: list[Facts], *, counts: Any, sums: Any, coverage: Any = None, suppressions: Any = None, resettlement: Any = None) -> Facts:  # fmt: skip
    """The receipt of a job (docs/receipts.md): as that of a settlement, the same wherever the files are."""
    opening = {place: hashed[place] for place in inputs.files if place.startswith("opening/")}
    whole = hashlib.sha256("".join(f"{place} {sha}\n" for place, sha in opening.items()).encode()).hexdigest()
    out: Facts = {"format": FORMAT, **inputs.engine.documents()}
    if inputs.rules is not None:
        told = {**_known_at(inputs.document), **({} if suppressions is None else {"suppressions": len(suppressions)})}
        out["rules"] = {**inputs.rules.told(), **_moved(counts), **told, "coverage": coverage}
    out["input"] = {name: {"rows": dataset.rows} for name, dataset in inputs.datasets.items()}
    out["opening_state"] = whole if opening else None
    out["counts"] = {name: value for name, value in counts.items() if name not in MOVED}
    out["totals_fen"] = sums
    out["files"] = {
        "inputs": [_told(place, file, hashed[place]) for place, file in inputs.files.items()],
        "outputs": [{"name": f["path"].split("/")[0], "rows": None, **f} for f in outputs],
    }
    return out if resettlement is None else {**out, "resettlement": resettlement}


def _told(place: str, file: _File, sha256: str) -> Facts:
    """`inputs/visits/a.parquet` or `opening/part-00000/names.json`, as receipts name a file."""
    name, _, path = place.removeprefix("inputs/").partition("/")
    return {"name": name, "path": path, "bytes": file.bytes, "sha256": sha256, "rows": file.rows}


def write_records(
    journal: Journal,
    inputs: Inputs,
    hashed: Mapping[str, str],
    *,
    units: int,
    counts: Any,
    sums: Any,
    coverage: Any,
    suppressions: Any = None,
    run: Mapping[str, Any],
    resettlement: Any = None,
    identity: Any = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write receipt.json, run.json and manifest.json into the journal's folder: (manifest, run). `run`: times, memory, threads.

    `resettlement`: what it was made of, where it is a job settled again; `identity`: what it is known by, where that is not its inputs.
    """
    document = inputs.document
    told_run = {
        **run,
        "resumed": journal.resumed,
        "without_checksums": [
            f"{name}/{f.path}" for name, data in inputs.datasets.items() for f in data.files if not f.checksums
        ],
        "notes": [note for data in inputs.datasets.values() for note in data.notes],
        "job": {
            "document": os.path.abspath(document.file) if document.file else None,
            "folder": str(document.folder),
            "policy": _absolute(document.policy),
            "catalog": None if document.catalog is None else str(document.catalog.absolute()),
            "inputs": {name: list(places) for name, places in document.inputs.items()},
            "opening": None if document.opening is None else str(document.opening.absolute()),
            "rules": _absolute(document.rules),
            **_known_at(document),
            **({} if document.suppress is None else {"suppress": str(document.suppress.absolute())}),
            "outputs": document.outputs.model_dump(mode="json", warnings=False),
        },
        "identity": inputs.identity() if identity is None else identity,
    }  # fmt: skip
    more = {
        "counts": counts,
        "sums": sums,
        "coverage": coverage,
        "suppressions": suppressions,
        "resettlement": resettlement,
    }
    _json(journal, RECEIPT, receipt(inputs, hashed, _outputs(journal), **more))
    told = manifest(journal, inputs, hashed, units=units, **more)
    _json(journal, MANIFEST, told)
    _json(journal, RUN, told_run)
    return told, told_run


def _absolute(paths: Iterable[Path]) -> list[str]:
    return [str(path.absolute()) for path in paths]


def _json(journal: Journal, name: str, data: Mapping[str, Any]) -> None:
    text = json.dumps(data, ensure_ascii=False, indent=1, default=str) + "\n"

    def write(place: Path) -> None:
        place.write_text(text, encoding="utf-8")

    journal.part("record", name, name, write)
